use holdup::prelude::*;

#[mitm_test]
async fn values_that_nothing_has() {
    hold!(path == "/a?q=1&b=2");
    hold!(path == "a");
    hold!(host == "h:80");
    hold!(host == "https://h");
    hold!(url == "/a");
    hold!(method == "get");
    hold!(json("a") == "b");
    hold!(header("x y") == "b");
    hold!(port == 70000);
    respond!(path == "/", 103);
    respond!(path == "/", (1000, "x"));
}

#[mitm_test]
async fn words_of_other_languages() {
    rewrite!(path == "/", header("x") => None);
    hold!(response: status == 2xx);
    throttle!(path == "/", -5);
    delay!(path == "/", -5ms);
    abort!(path == "/", "reset");
    hold!(URL ~ "/a");
    hold!(websockets);
    hold!(path == "/a" and method == GET);
    hold!(path == "/a" & method == GET);
    hold!(path == "/a" | method == GET);
    hold!(method == PSOT);
    hold!(response: status in []);
}

#[mitm_test(browser = "firefox")]
async fn options_in_quotes() {}

fn main() {}
