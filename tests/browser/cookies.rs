//! WebDriver's commands about cookies.

use crate::support::site::Site;
use fantoccini::cookies::Cookie;
use fantoccini::error::CmdError;
use holdup::prelude::*;

/// The driver's commands about cookies are about the test's, and not the session's.
#[mitm_test]
async fn they_are_those_of_the_test(browser: Browser, site: Site) -> TestResult {
    let set = [
        ("set-cookie", "here=1; HttpOnly; SameSite=Lax"),
        ("set-cookie", "there=2; Path=/there"),
        ("set-cookie", "above=3; Domain=site.test; Secure; Max-Age=1000"),
    ];
    site.page_with("/", &set, "<p>");
    browser.goto("https://site.test/").await?;
    let names = async || {
        let all = browser.get_all_cookies().await?;
        let mut names: Vec<_> = all.iter().map(|cookie| format!("{}={}", cookie.name(), cookie.value())).collect();
        names.sort();
        Ok::<_, CmdError>(names.join(" "))
    };
    assert_eq!(names().await?, "above=3 here=1");
    let here = browser.get_named_cookie("here").await?;
    assert_eq!((here.http_only(), here.path(), here.domain()), (Some(true), Some("/"), Some("site.test")));
    let none = browser.get_named_cookie("there").await.expect_err("another path");
    assert!(none.is_no_such_cookie(), "{none}");

    let mut added = Cookie::new("added", "4");
    added.set_path("/");
    added.set_domain("site.test");
    // Fantoccini writes `SameSite=None`.
    added.set_secure(true);
    browser.add_cookie(added).await?;
    assert_eq!(names().await?, "above=3 added=4 here=1");
    assert_eq!(browser.eval::<String>("return document.cookie.split('; ').sort().join()").await?, "above=3,added=4");
    let mut foreign = Cookie::new("foreign", "5");
    foreign.set_domain("elsewhere.test");
    let refused = browser.add_cookie(foreign).await.expect_err("another domain");
    assert!(refused.is_invalid_cookie_domain(), "{refused}");
    // The name is encoded in the path of the command.
    browser.run("document.cookie = 'a^b=5'").await?;
    assert_eq!(browser.get_named_cookie("a^b").await?.value(), "5");
    browser.delete_cookie("a^b").await?;

    browser.delete_cookie("here").await?;
    assert_eq!(names().await?, "above=3 added=4");
    browser.delete_all_cookies().await?;
    assert_eq!(names().await?, "");
    browser.goto("https://site.test/there/").await?;
    assert_eq!(names().await?, "there=2");
    Ok(())
}
