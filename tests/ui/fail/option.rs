//! Options that there are not.
use holdup::prelude::*;

#[mitm_test(timeuot = "30s")]
async fn misspelt(_mitm: Mitm) {}

#[mitm_test(timeout = "30")]
async fn no_unit(_mitm: Mitm) {}

#[mitm_test(browser = safari)]
async fn no_such_browser(_browser: Browser) {}

#[mitm_test(browsers = firefox)]
async fn one_of_all(_browser: Browser) {}

#[mitm_test(explore(most = 3))]
async fn no_such_word(_browser: Browser) {}

#[mitm_test(explore(ignore(status == 500)))]
async fn too_early(_browser: Browser) {}

#[mitm_test(explore(max = 1))]
async fn too_few(_browser: Browser) {}

fn main() {}
