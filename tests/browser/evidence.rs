//! What a failed test leaves, as its reader uses it.

use crate::apart::{self, Apart};
use crate::support::failure_of;
use crate::support::site::Site;
use holdup::fantoccini::Locator;
use holdup::prelude::*;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const SUGGESTIONS: &str = "<title>Search</title><input id=q><ul id=out></ul><script>
    q.oninput = async function suggest() {
        const answer = await fetch('/search/' + q.value);
        out.textContent = await answer.text();
        console.warn('shown', out.textContent);
    };</script>";

/// Types two letters into a search box that shows whichever answer comes last.
async fn search(browser: &Browser, site: &Site) -> TestResult {
    site.page("/", SUGGESTIONS);
    browser.goto("https://site.test/").await?;
    browser.type_into("#q", "a").await?;
    browser.type_into("#q", "b").await?;
    browser.settled().await?;
    assert_eq!(browser.text("#out").await?, "this is /search/ab");
    Ok(())
}

/// The folder that a failure names.
fn folder(failure: &str) -> PathBuf {
    let page = failure.lines().find_map(|line| line.strip_prefix("picture: ")).expect(failure);
    Path::new(env!("CARGO_MANIFEST_DIR")).join(page).parent().unwrap().to_owned()
}

/// The evidence of a race, made once for all tests of this file.
fn race() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        #[mitm_test(explore, browser = headless_shell)]
        async fn of_a_race(browser: Browser, site: Site) -> TestResult {
            search(&browser, &site).await
        }
        folder(&failure_of(of_a_race))
    })
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

/// Opens the page of a race from its file, and waits until its script has run.
async fn open(browser: &Browser) -> TestResult {
    let race = tokio::task::spawn_blocking(race).await?;
    browser.goto(&format!("file://{}/timeline.html", race.display())).await?;
    Ok(browser.wait("tr.on").await?)
}

#[test]
fn a_race_leaves_both_orders_and_their_pictures() {
    let folder = race();
    let page = read(folder, "timeline.html");
    for part in [
        "Fails when the response to GET /search/a reaches the page after the response to GET /search/ab.",
        "Requested by suggest (/:3)",
        "the order that passes",
        "≠ they part here",
        "decides: the response to GET /search/a, after <a href=\"#e",
        "◆ races: ",
        "<h3>The answers that race</h3>",
        "data:image/webp;base64,",
        "The orders part at <a href=\"#e",
    ] {
        assert!(page.contains(part), "{part}: {}", folder.display());
    }
    for when in ["passing-parting", "failing-parting", "passing-end", "failing-end"] {
        let picture = fs::metadata(folder.join(format!("screenshot-{when}.webp"))).unwrap();
        assert!((100..60_000).contains(&picture.len()), "{when}: {} bytes", picture.len());
    }
    assert!(read(folder, "timeline.txt").contains("the response to GET /search/a before the response to GET"));
    assert!(read(folder, "schedule.txt").contains("HOLDUP_SCHEDULE='h1;ff;r:GET /search/a#1 > r:GET /search/ab#1'"));
    assert!(read(folder, "summary.md").starts_with("### "));
    assert!(read(folder, "console.txt").contains("warning: shown this is /search/a"));
    assert!(read(folder, "page.html").contains("<ul id=\"out\">this is /search/a</ul>"));
    let trace: Value = serde_json::from_str(&read(folder, "trace.json")).unwrap();
    assert!(trace["traceEvents"].as_array().unwrap().len() > 20);
    let index = read(&folder.join("../.."), "index.html");
    assert!(index.contains("of_a_race/timeline.html\">browser::evidence"), "{index}");
}

#[test]
fn a_failure_without_exploration_has_one_order() {
    #[mitm_test]
    async fn of_a_rewrite(browser: Browser, site: Site) -> TestResult {
        site.page("/", "<title>Shop</title><p id=sum>the sum</p>");
        rewrite!(content_type ~ "html", "the" => "teh");
        let never = hold!(path == "/never").within(std::time::Duration::ZERO);
        browser.goto("https://site.test/").await?;
        never.next().await?.release().await?;
        Ok(())
    }
    let folder = folder(&failure_of(of_a_rewrite));
    let page = read(&folder, "timeline.html");
    for part in
        ["caught nothing", "changed on its way", "<del>- ", "<ins>+ ", "teh sum", "at https://site.test/, title"]
    {
        assert!(page.contains(part), "{part}: {}", folder.display());
    }
    assert!(!page.contains("The two orders") && !folder.join("schedule.txt").exists());
    assert!(folder.join("screenshot-end.webp").exists());
}

#[test]
fn what_a_page_does_not_tell_is_named() {
    #[mitm_test]
    async fn of_a_dialog(browser: Browser, site: Site) -> TestResult {
        site.page("/", "<button id=ask onclick=\"setTimeout(() => alert('sure?'))\">ask</button>");
        browser.goto("https://site.test/").await?;
        browser.click("#ask").await?;
        while browser.get_alert_text().await.is_err() {}
        Err("the dialog is open".into())
    }
    let folder = folder(&failure_of(of_a_dialog));
    assert!(read(&folder, "timeline.html").contains("no picture: a dialog is open"), "{}", folder.display());
    assert!(!folder.join("page.html").exists());
}

#[mitm_test(browsers = all)]
async fn the_page_makes_no_request_and_works_by_keyboard(browser: Browser) -> TestResult {
    open(&browser).await?;
    assert_eq!(browser.eval::<u64>("return performance.getEntriesByType('resource').length").await?, 0);
    let selected = async || browser.eval::<String>("return document.querySelector('tr.on').id").await;
    let first = selected().await?;
    let decides = browser.eval::<String>("return deciding.getAttribute('href').slice(1)").await?;
    assert_eq!(first, decides, "it opens at the moment that decides");
    let press = async |keys: &str| browser.type_into("body", keys).await;
    let number = |id: &str| id[1..].parse::<u64>().unwrap();
    press("j").await?;
    assert_eq!(number(&selected().await?), number(&first) + 1);
    press("kk").await?;
    assert_eq!(number(&selected().await?), number(&first) - 1);
    press("n").await?;
    let difference = selected().await?;
    assert_eq!(difference.chars().next(), Some('p'), "the first difference is in the order that passes");
    press("n").await?;
    assert_eq!(selected().await?.chars().next(), Some('e'));
    // The row that is selected has the focus now, so arrows are for it.
    press("k").await?;
    browser.eval::<()>("document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft', bubbles: true})); return null").await?;
    assert_eq!(selected().await?.chars().next(), Some('p'), "the same event in the other order");
    press("?").await?;
    assert!(browser.eval::<bool>("return document.querySelector('dialog').open").await?);
    browser.run("document.querySelector('dialog').close()").await?;
    press("/").await?;
    assert_eq!(browser.eval::<String>("return document.activeElement.type").await?, "search");
    let shown = "return [...document.querySelectorAll('.events tr[id^=e]')].filter(row => !row.hidden).length";
    let all = browser.eval::<u64>(shown).await?;
    browser.type_into("input[type=search]", "path == \"/search/a\" & !sent").await?;
    let some = browser.eval::<u64>(shown).await?;
    assert!(some > 2 && some < all, "{some} of {all}");
    browser.type_into("input[type=search]", "\u{e00c}").await?;
    assert_eq!(browser.eval::<u64>(shown).await?, all, "Escape clears the filter");
    Ok(())
}

/// The page of a race, without its own policy, so that another can be tried.
fn without_policy(page: &str) -> String {
    let (before, rest) = page.split_once("<meta http-equiv=Content-Security-Policy").unwrap();
    format!("{before}{}", rest.split_once('>').unwrap().1)
}

#[mitm_test(browsers = all)]
async fn jenkins_shows_it_without_style_and_script(browser: Browser, site: Site) -> TestResult {
    let race = tokio::task::spawn_blocking(race).await?;
    let policy = "sandbox; default-src 'none'; img-src 'self'; style-src 'self';";
    site.page_with("/timeline.html", &[("content-security-policy", policy)], &read(race, "timeline.html"));
    browser.goto("https://site.test/timeline.html").await?;
    browser.wait("svg pattern").await?;
    assert!(browser.find_all(Locator::Css(".bar")).await?.is_empty(), "no script has run");
    let text = browser.text("main").await?;
    for part in ["Fails when", "they part here", "The answers that race", "Orders tried", "What the page shows"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let fill = browser.find(Locator::Css(".lanes rect[stroke]")).await?.css_value("fill").await?;
    assert!(fill.contains("#hatch-e"), "{fill}");
    browser.click("details.flow summary").await?;
    browser.wait("details.flow[open]").await?;
    Ok(())
}

#[mitm_test(browsers = all)]
async fn axe_finds_nothing_in_both_schemes(browser: Browser, site: Site) -> TestResult {
    let axe = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/zoo/node_modules/axe-core/axe.min.js");
    let axe = fs::read_to_string(&axe).expect("axe-core is not here: `cargo xtask zoo` fetches it");
    let race = tokio::task::spawn_blocking(race).await?;
    let page = without_policy(&read(race, "timeline.html"));
    let dark = page.replace("(prefers-color-scheme: dark)", "all").replace("content=\"light dark\"", "content=dark");
    assert_ne!(page, dark);
    let index = read(&race.join("../.."), "index.html");
    for (path, html) in [("/light.html", &page), ("/dark.html", &dark), ("/index.html", &index)] {
        site.page(path, html);
        browser.goto(&format!("https://site.test{path}")).await?;
        browser.run("document.querySelectorAll('details').forEach(each => { each.open = true })").await?;
        browser.run(&axe).await?;
        let found = "return axe.run().then(found => found.violations.flatMap(one =>
            one.nodes.map(node => one.id + ': ' + node.html.slice(0, 200) + ' ' + node.failureSummary)))";
        let violations = browser.eval::<Vec<String>>(found).await?;
        assert!(violations.is_empty(), "{path}: {violations:#?}");
    }
    Ok(())
}

#[mitm_test(browsers = all)]
async fn it_fits_any_width(browser: Browser) -> TestResult {
    open(&browser).await?;
    for width in [400, 1280, 3840] {
        browser.set_window_size(width, 900).await?;
        let beyond = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(browser.eval::<i64>(beyond).await?, 0, "at {width} pixels");
    }
    Ok(())
}

#[test]
fn what_a_hostile_page_says_is_text() {
    #[mitm_test]
    async fn of_a_hostile_page(browser: Browser, site: Site) -> TestResult {
        let hostile = r#"</script></title></style></pre></svg>\"'><img src=x onerror=pwned=1><script>pwned=1</script>"#;
        let page = format!(
            "<body><script>const said = `{}`; document.title = said; console.error(said); \
            fetch('/x?' + said); document.body.append(said)</script>",
            hostile.replace("</", "<\\/")
        );
        site.page("/", &page);
        browser.goto("https://site.test/").await?;
        browser.settled().await?;
        Err(hostile.into())
    }
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| folder(&failure_of(of_a_hostile_page)));
    #[mitm_test]
    async fn its_page(browser: Browser) -> TestResult {
        browser.goto(&format!("file://{}/timeline.html", FOLDER.get().unwrap().display())).await?;
        browser.wait("tr.on").await?;
        let added = "return [typeof pwned, document.scripts.length, document.querySelectorAll('img[onerror]').length]";
        assert_eq!(browser.eval::<Value>(added).await?, serde_json::json!(["undefined", 1, 0]));
        assert!(browser.text("main").await?.contains("onerror=pwned=1"));
        Ok(())
    }
    its_page();
}

/// Bodies that run in a process of their own.
#[mitm_test]
async fn in_its_process(mitm: Mitm) -> TestResult {
    let client = mitm.client()?;
    drop(client.get("http://nowhere.invalid/?token=S3cret").send().await);
    if apart::is("fails") { Err("with a password=S3cret".into()) } else { Ok(()) }
}

fn run_apart(body: &str, artifacts: &Path, kept: &str) -> String {
    let apart = Apart::new("evidence::in_its_process", body);
    apart.env("HOLDUP_ARTIFACTS", artifacts).env("HOLDUP_KEEP", kept).env("NEXTEST", "1").output()
}

#[test]
fn artifacts_are_where_the_environment_says_and_only_of_failures() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = folder.path().join("a/b");
    let said = run_apart("passes", &artifacts, "");
    assert!(said.contains("1 passed") && !artifacts.exists(), "{said}");
    let said = run_apart("passes", &artifacts, "1");
    let page = artifacts.join("holdup/browser.evidence.in_its_process/timeline.html");
    assert!(said.contains("1 passed") && fs::read_to_string(&page).unwrap().contains("✓ Passed"), "{said}");
    let said = run_apart("fails", &artifacts, "");
    let names = [format!("picture: {}", page.display()), format!("[[ATTACHMENT|{}]]", page.display())];
    assert!(names.iter().all(|name| said.contains(name)), "{said}");
    let left = fs::read_dir(page.parent().unwrap()).unwrap().flatten().map(|entry| entry.path());
    for file in left {
        let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
        assert!(!text.contains("S3cret"), "{}: {text}", file.display());
    }
    let temporary = fs::read_dir(artifacts.join("holdup")).unwrap().flatten();
    assert_eq!(temporary.filter(|entry| entry.file_name().to_string_lossy().starts_with('.')).count(), 0);
}

#[test]
fn a_folder_that_cannot_be_written_is_one_warning() {
    let said = run_apart("fails", Path::new("/dev/null/artifacts"), "");
    assert!(said.contains("with a password=<masked") && said.contains("1 failed"), "{said}");
    assert_eq!(said.matches("warning: the evidence could not be written to /dev/null/artifacts").count(), 1, "{said}");
    let said = run_apart("fails", Path::new("/tmp/unused"), "off");
    assert!(!said.contains("picture: ") && !Path::new("/tmp/unused").exists(), "{said}");
}
