//! Every race of [`crate::support::races`] is found in the broken page, and not in the corrected one.

use crate::support::app::App;
use crate::support::failure_of;
use crate::support::races::{self, play};
use holdup::prelude::*;

macro_rules! races {
    ($($name:ident: $case:ident, shrinks to $constraints:literal;)*) => {
        $(mod $name {
            use super::*;

            #[test]
            fn is_found() {
                #[mitm_test(explore(time = "300s"), timeout = "120s")]
                async fn body(browser: Browser, app: App) -> TestResult {
                    play(&races::$case, false, browser, app).await
                }
                let text = failure_of(body);
                println!("{text}");
                assert!(text.starts_with("race: body failed in 1 of "), "{text}");
                let schedule = text.split('\'').nth(1).unwrap();
                let constraints = schedule.matches(" > ").count();
                assert!(constraints <= $constraints, "{schedule}");
            }

            #[mitm_test(explore(max = 24, time = "120s"), timeout = "120s")]
            async fn has_a_correction(browser: Browser, app: App) -> TestResult {
                play(&races::$case, true, browser, app).await
            }
        })*
    };
}

races! {
    search: SEARCH, shrinks to 1;
    filters: FILTERS, shrinks to 1;
    tabs: TABS, shrinks to 1;
    paging: PAGING, shrinks to 1;
    prefill: PREFILL, shrinks to 1;
    config: CONFIG, shrinks to 1;
    submit: SUBMIT, shrinks to 1;
    delete: DELETE, shrinks to 1;
    likes: LIKES, shrinks to 1;
    three: THREE, shrinks to 2;
    four: FOUR, shrinks to 4;
    dashboard: DASHBOARD, shrinks to 1;
    views: VIEWS, shrinks to 1;
    token: TOKEN, shrinks to 1;
    jsonp: JSONP, shrinks to 1;
    chunk: CHUNK, shrinks to 1;
}
