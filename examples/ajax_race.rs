//! A race between an ajax call and a navigation, lost on purpose in a real browser, every time.
//!
//! The shop saves through ajax, and the answer sets a cookie. Who goes to the checkout before it arrives has an empty cart.

use bytes::Bytes;
use holdup::prelude::*;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io::{Write, stdout};

const ROUNDS: usize = 20;
const BUGGY: &str = "<button id=save onclick=\"fetch('/ajax/something', {method: 'POST'})\">Save</button>
    <a id=checkout href=/checkout>Checkout</a>";
const FIXED: &str = "<button id=save>Save</button> <a id=checkout href=/checkout>Checkout</a><script>
    let saving;
    save.onclick = () => { saving = fetch('/ajax/something', {method: 'POST'}) };
    checkout.onclick = async click => { click.preventDefault(); await saving; location = '/checkout' };</script>";

/// A small shop, which keeps the cart in a cookie.
struct Shop;

impl Fixture for Shop {
    async fn set_up(cx: &mut Setup) -> TestResult<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        cx.mitm().host("shop.test", listener.local_addr()?); // the browser sees https://shop.test
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = hyper::server::conn::http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service_fn(page)));
            }
        });
        Ok(Self)
    }
}

async fn page(request: hyper::Request<hyper::body::Incoming>) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let full_cart = request.headers().get("cookie").is_some_and(|cookie| cookie == "cart=1");
    let html = match request.uri().path() {
        "/ajax/something" => "saved",
        "/checkout" if full_cart => "<p id=cart>1 item</p>",
        "/checkout" => "<p id=cart>0 items</p>",
        "/fixed" => FIXED,
        _ => BUGGY,
    };
    let mut response = hyper::Response::new(Full::from(html));
    response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static("text/html"));
    if request.uri().path() == "/ajax/something" {
        response.headers_mut().insert("set-cookie", hyper::header::HeaderValue::from_static("cart=1; Path=/"));
    }
    Ok(response)
}

/// Saves, and goes to the checkout while the save is held. Returns what the checkout shows.
async fn save_then_leave(browser: &Browser, page: &str, saves: &Hold<Request>) -> TestResult<(String, Outcome)> {
    browser.delete_all_cookies().await?;
    browser.goto(page).await?;
    browser.click("#save").await?;
    let save = saves.next().await?; // parked: the server has not heard of it
    browser.click("#checkout").await?; // the second user action
    let outcome = if page.ends_with("/fixed") { save.release().await? } else { leave(save).await? };
    Ok((browser.text("#cart").await?, outcome))
}

/// The navigation has made the browser give the call up.
async fn leave(save: Held<Request>) -> TestResult<Outcome> {
    save.cancelled().await;
    Ok(save.release().await?)
}

#[mitm_test]
async fn main(browser: Browser, _shop: Shop) -> TestResult {
    let saves = hold!(method == POST && path == "/ajax/something"); // in force before the first request
    let (mut lost, mut clean) = (0, 0);
    for round in 1..=ROUNDS {
        let (buggy, gone) = save_then_leave(&browser, "https://shop.test/", &saves).await?;
        let (fixed, saved) = save_then_leave(&browser, "https://shop.test/fixed", &saves).await?;
        lost += usize::from(buggy == "0 items" && gone == Outcome::ClientGone);
        clean += usize::from(fixed == "1 item" && saved.is_delivered());
        writeln!(
            stdout(),
            "round {round:>2}: the page shows {buggy} (save: {gone}), the fixed page {fixed} (save: {saved})"
        )?;
    }
    assert_eq!((lost, clean), (ROUNDS, ROUNDS), "the race must be lost, and the fix must hold, in every round");
    writeln!(stdout(), "race reproduced {lost} of {ROUNDS}; fixed page clean {clean} of {ROUNDS}")?;
    Ok(())
}
