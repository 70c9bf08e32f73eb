//! Loses a race between an ajax call and a navigation in a real browser, in every run.
//!
//! The shop saves through ajax, and the response sets a cookie. A user who goes to the checkout before the response
//! arrives sees an empty cart.
#![allow(clippy::print_stdout, reason = "a program that shows something")]

use holdup::prelude::*;
use http::{Request, Response};
use http_body_util::Full;
use hyper_util::rt::TokioIo;

const ROUNDS: usize = 20;
const BUGGY: &str = "<button id=save onclick=\"fetch('/ajax/something', {method: 'POST'})\">Save</button>
    <a id=checkout href=/checkout>Checkout</a>";
const FIXED: &str = "<button id=save>Save</button> <a id=checkout href=/checkout>Checkout</a><script>
    let saving;
    save.onclick = () => { saving = fetch('/ajax/something', {method: 'POST'}) };
    checkout.onclick = async click => { click.preventDefault(); await saving; location = '/checkout' };</script>";

/// A small shop that keeps the cart in a cookie.
struct Shop;

impl Fixture for Shop {
    async fn set_up(cx: &mut Setup) -> TestResult<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        cx.mitm().host("shop.test", listener.local_addr()?); // the browser sees https://shop.test
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = hyper::service::service_fn(async |request| page(&request));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Ok(Self)
    }
}

fn page(request: &Request<hyper::body::Incoming>) -> http::Result<Response<Full<bytes::Bytes>>> {
    let (html, cookie) = match request.uri().path() {
        "/ajax/something" => ("saved", "cart=1; Path=/"),
        "/checkout" if request.headers().contains_key("cookie") => ("<p id=cart>1 item</p>", ""),
        "/checkout" => ("<p id=cart>0 items</p>", ""),
        "/fixed" => (FIXED, ""),
        _ => (BUGGY, ""),
    };
    Response::builder().header("content-type", "text/html").header("set-cookie", cookie).body(Full::from(html))
}

/// Clicks save, goes to the checkout while the save is held, and returns what the checkout shows.
async fn save_and_leave(browser: &Browser, page: &str, saves: &Hold<holdup::Request>) -> TestResult<String> {
    browser.delete_all_cookies().await?;
    browser.goto(page).await?;
    browser.click("#save").await?;
    let save = saves.next().await?; // parked: the shop has not received it
    browser.click("#checkout").await?; // the second user action
    if page.ends_with("/fixed") {
        save.release().await?; // the fixed page waits for the save
        return Ok(browser.text("#cart").await?);
    }
    let cart = browser.text("#cart").await?; // the buggy page has navigated already
    save.release().await?; // too late, whether or not the browser still wants it
    Ok(cart)
}

#[mitm_test(timeout = "180s")]
async fn main(browser: Browser, _shop: Shop) -> TestResult {
    let saves = hold!(method == POST && path == "/ajax/something"); // declared before the first request
    let (mut lost, mut clean) = (0, 0);
    for round in 1..=ROUNDS {
        let buggy = save_and_leave(&browser, "https://shop.test/", &saves).await?;
        let fixed = save_and_leave(&browser, "https://shop.test/fixed", &saves).await?;
        lost += usize::from(buggy == "0 items");
        clean += usize::from(fixed == "1 item");
        println!("round {round:>2}: the checkout shows {buggy}; with the fixed page {fixed}");
    }
    println!("race reproduced {lost} of {ROUNDS}; fixed page clean {clean} of {ROUNDS}");
    assert_eq!((lost, clean), (ROUNDS, ROUNDS), "the race must be lost, and the fix must hold, in every round");
    Ok(())
}
