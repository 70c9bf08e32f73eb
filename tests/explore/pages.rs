//! What executions do to a page, and what they see of it: several documents, and all input that a user can make.

use crate::support::app::App;
use crate::support::failure_of;
use holdup::prelude::*;

/// A page and a frame in it that make the same request.
const FRAMED: &str = "<!doctype html><p id=out></p><script>
    const name = window == top ? 'page ' : 'frame ';
    fetch('/say?text=1').then(() => { top.out.textContent += name; });
    if (window == top) document.write('<iframe src=/frame.html></iframe>');</script>";

#[test]
fn a_label_says_which_frame_asks() {
    #[mitm_test(explore(time = "300s"), timeout = "120s")]
    async fn explored(browser: Browser, app: App) -> TestResult {
        app.serve(FRAMED);
        browser.goto("https://app.test/").await?;
        assert_eq!(browser.text("#out").await?, "page frame");
        Ok(())
    }
    #[mitm_test]
    async fn pasted(browser: Browser, app: App) -> TestResult {
        app.serve(FRAMED);
        let first = hold!(response: method == GET && path == "/say" && query("text") == "1" && request.header("referer") ~ "^https?://[^/]+/frame\\.html([?]|$)");
        let second = hold!(response: method == GET && path == "/say" && query("text") == "1" && !(request.header("referer") ~ "^https?://[^/]+/frame\\.html([?]|$)"));
        browser.goto("https://app.test/").await?;
        first.next().await?.release().processed().await?;
        second.next().await?.release().processed().await?;
        browser.settled().await?;
        assert_eq!(browser.text("#out").await?, "frame page");
        Ok(())
    }
    let text = failure_of(explored);
    assert!(text.contains("h1;ff;r:GET /say?text=1#1 > r:GET /say?text=1 @/frame.html#1"), "{text}");
    let holds: Vec<_> = text.lines().filter(|line| line.contains("= hold!(")).collect();
    assert_eq!(holds.len(), 2, "{text}");
    for hold in holds {
        assert!(include_str!("pages.rs").contains(hold.trim()), "{hold} is not in the test above");
    }
    pasted();
}

/// A window that the page opens makes the same request as the page.
#[test]
fn a_label_says_which_window_asks() {
    #[mitm_test(explore(time = "300s"), timeout = "120s")]
    async fn explored(browser: Browser, app: App) -> TestResult {
        app.serve(
            "<!doctype html><p id=out></p><button id=go>go</button><script>
            const page = window.opener ?? window, say = () => fetch('/say?text=1');
            if (window.opener) say().then(() => { page.out.textContent += 'popup '; });
            go.onclick = () => {
                say().then(() => { page.out.textContent += 'page '; });
                window.open('/popup.html');
            };</script>",
        );
        browser.goto("https://app.test/").await?;
        browser.click("#go").await?;
        assert_eq!(browser.text("#out").await?, "page popup");
        Ok(())
    }
    let text = failure_of(explored);
    assert!(text.contains("h1;ff;r:GET /say?text=1#1 > r:GET /say?text=1 @w2/popup.html#1"), "{text}");
}

/// Clicks and keys of an execution are trusted events, like those of a user.
#[mitm_test(explore(max = 3, time = "300s"), browsers = all, timeout = "120s")]
async fn clicks_and_keys_are_a_users(browser: Browser, app: App) -> TestResult {
    app.serve(
        "<!doctype html><style>.far { margin: 3000px }</style><p id=out></p>
        <button id=twice>twice</button> <input id=text value=x> <textarea id=lines></textarea>
        <select id=list><option>one<option id=two>two</select> <label id=label><input type=checkbox id=box>box</label>
        <div style='height: 40px; overflow: auto'><button id=far class=far>far</button></div>
        <div id=host></div> <iframe srcdoc='<button id=inner onclick=\"top.say(`inner`)\">inner</button>'></iframe>
        <button id=late hidden>late</button><script>
        window.say = what => { out.textContent += what + ' '; };
        twice.onclick = event => say(`${event.isTrusted}${event.detail}`);
        twice.ondblclick = () => say('double');
        text.onkeydown = event => event.key == 'Shift' || say(event.key);
        text.onchange = () => say(text.value);
        list.onchange = () => say(list.value);
        box.onchange = () => say(`box ${box.checked}`);
        far.onclick = () => say('far');
        late.onclick = () => say('late');
        fetch('/say?text=1').then(() => { late.hidden = false; });</script>",
    );
    browser.goto("https://app.test/").await?;
    browser.click("#twice").await?;
    browser.click("#twice").await?;
    browser.type_into("#text", "a1").await?;
    browser.type_into("#text", "Bc").await?;
    browser.type_into("#text", "\u{E007}").await?;
    browser.type_into("#lines", "of text").await?;
    browser.click("#two").await?;
    browser.click("#label").await?;
    browser.click("#far").await?;
    browser.click("#late").await?;
    browser.enter_frame(0).await?;
    browser.click("#inner").await?;
    browser.enter_parent_frame().await?;
    let heard = browser.text("#out").await?;
    assert_eq!(heard, "true1 true1 a 1 B c Enter xa1Bc two box true far late inner");
    assert_eq!(browser.eval::<serde_json::Value>("return document.querySelector('#lines').value").await?, "of text");
    Ok(())
}

/// Reports the driver's error for an element that cannot be clicked, once nothing more can arrive.
#[test]
fn what_never_can_be_clicked_is_told() {
    #[mitm_test(explore)]
    async fn body(browser: Browser, app: App) -> TestResult {
        app.serve("<!doctype html><button id=never hidden>never</button><script>fetch('/say?text=1')</script>");
        browser.goto("https://app.test/").await?;
        browser.click("#never").await?;
        Ok(())
    }
    let text = failure_of(body);
    assert!(text.contains("click #never") && text.contains("not interactable"), "{text}");
}

/// A click that the driver can perform comes before the response that could change it, wherever the element is.
#[test]
fn a_click_comes_before_an_answer_whatever_stands_over_the_page() {
    #[mitm_test(explore(time = "300s"), timeout = "120s")]
    async fn body(browser: Browser, app: App) -> TestResult {
        app.serve(
            "<!doctype html><style>header, footer { position: fixed; left: 0; right: 0; height: 45%; background: #ccc }
            header { top: 0 } footer { bottom: 0 }</style><header>on top</header><footer>below</footer>
            <div style='height: 2000px'></div><button id=go>go</button> <a id=wrap><div>a block</div></a>
            <div style='height: 2000px'></div><p id=out></p><script>
            let loaded = false;
            go.onclick = () => { out.textContent += loaded ? 'late ' : 'early '; };
            wrap.onclick = () => { out.textContent += 'wrapped'; };
            fetch('/say?text=1').then(() => { loaded = true; });</script>",
        );
        browser.goto("https://app.test/").await?;
        browser.click("#go").await?;
        browser.click("#wrap").await?;
        assert_eq!(browser.eval::<serde_json::Value>("return out.textContent").await?, "late wrapped");
        Ok(())
    }
    let text = failure_of(body);
    assert!(text.contains("h1;ff;r:GET /say?text=1#1 > a"), "{text}");
    assert!(text.contains(r#"left: String("early wrapped")"#), "{text}");
}

/// A click does not wait for an element that stays hidden when another one matches.
#[test]
fn a_click_goes_to_what_has_taken_the_place() {
    #[mitm_test(explore(time = "300s"), timeout = "120s")]
    async fn body(browser: Browser, app: App) -> TestResult {
        app.serve(
            "<!doctype html><div id=all><button class=go hidden>old</button></div><p id=out></p><script>
            let loaded = 0;
            const old = document.querySelector('.go');
            fetch('/say?text=1').then(() => {
                loaded++;
                const button = Object.assign(document.createElement('button'), { className: 'go', textContent: 'new' });
                button.onclick = () => { out.textContent = `new ${loaded}`; };
                old.before(button);
            }).then(() => fetch('/say?text=2')).then(() => { loaded++; });</script>",
        );
        browser.goto("https://app.test/").await?;
        browser.click(".go").await?;
        assert_eq!(browser.text("#out").await?, "new 2");
        Ok(())
    }
    let text = failure_of(body);
    assert!(text.contains(r#"left: "new 1""#), "{text}");
}

/// A dialog is answered in its turn, and responses that arrive meanwhile wait for that.
#[mitm_test(explore(max = 8, time = "300s"), browsers = all, timeout = "120s")]
async fn a_dialog_is_answered_in_its_turn(browser: Browser, app: App) -> TestResult {
    app.serve(
        "<!doctype html><p id=out></p><button id=ask>ask</button><script>
        ask.onclick = () => {
            fetch('/say?text=said').then(answer => answer.text()).then(text => { out.textContent += text; });
            if (confirm('Sure?')) out.textContent = 'sure, ';
        };</script>",
    );
    browser.goto("https://app.test/").await?;
    browser.click("#ask").await?;
    browser.accept_alert().await?;
    browser.click("#out").await?;
    assert_eq!(browser.text("#out").await?, "sure, said");
    Ok(())
}
