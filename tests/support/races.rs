//! Races of web pages, each with its correction, as a table. `app.rs` is the server for all.

use super::app::App;
use super::random_delays;
use holdup::{Browser, TestResult};

/// An action of the user.
pub enum Act {
    Click(&'static str),
    Type(&'static str, &'static str),
}
use Act::{Click, Type};

/// A page, the actions of the user, and the expected result.
pub struct Case {
    pub name: &'static str,
    /// Its script checks whether it is the `fixed` version.
    pub page: &'static str,
    pub acts: &'static [Act],
    /// An expression in the page, and its correct value.
    pub verdict: (&'static str, &'static str),
}

const OUT: &str = "document.querySelector('#out').textContent";

/// An older response overwrites a newer one.
pub const SEARCH: Case = Case {
    name: "search",
    page: "<input id=q><p id=out></p><script>
        let last = 0;
        q.oninput = async () => {
            const mine = ++last;
            const text = await (await fetch('/say?text=' + q.value)).text();
            if (!fixed || mine === last) out.textContent = text;
        }</script>",
    acts: &[Type("#q", "a"), Type("#q", "b")],
    verdict: (OUT, "ab"),
};

pub const FILTERS: Case = Case {
    name: "filters",
    page: "<button id=red>red</button><button id=blue>blue</button><p id=out></p><script>
        let before;
        for (const button of document.querySelectorAll('button')) button.onclick = async () => {
            if (fixed) before?.abort();
            before = new AbortController();
            try {
                const answer = await fetch('/say?text=' + button.id, { signal: before.signal });
                out.textContent = await answer.text();
            } catch (error) { if (error.name !== 'AbortError') throw error; }
        }</script>",
    acts: &[Click("#red"), Click("#blue")],
    verdict: (OUT, "blue"),
};

pub const TABS: Case = Case {
    name: "tabs",
    page: "<button id=one>one</button><button id=two>two</button><p id=out></p><script>
        let current;
        const open = name => async () => {
            current = name;
            const text = await (await fetch('/say?text=' + name)).text();
            if (!fixed || current === name) out.textContent = text;
        };
        one.onclick = open('one'); two.onclick = open('two');</script>",
    acts: &[Click("#one"), Click("#two"), Click("#one")],
    verdict: (OUT, "one"),
};

/// Responses are appended in order of arrival.
pub const PAGING: Case = Case {
    name: "paging",
    page: "<button id=more>more</button><p id=out></p><script>
        let page = 0, before = Promise.resolve();
        more.onclick = () => {
            const answer = fetch('/say?text=' + ++page).then(answer => answer.text());
            const show = async () => { out.textContent += await answer; };
            if (fixed) before = before.then(show); else show();
        }</script>",
    acts: &[Click("#more"), Click("#more"), Click("#more")],
    verdict: (OUT, "123"),
};

/// A value from the server overwrites what the user has typed.
pub const PREFILL: Case = Case {
    name: "prefill",
    page: "<input id=who><script>
        let touched = false;
        who.oninput = () => { touched = true; };
        fetch('/say?text=server').then(answer => answer.text()).then(text => {
            if (!fixed || !touched) who.value = text;
        });</script>",
    acts: &[Type("#who", "Ada")],
    verdict: ("String(document.querySelector('#who').value.endsWith('Ada'))", "true"),
};

/// A handler needs data that has not arrived yet.
pub const CONFIG: Case = Case {
    name: "config",
    page: "<button id=go>go</button><p id=out></p><script>
        let config;
        const loading = fetch('/say?text=7').then(answer => answer.text()).then(text => { config = { limit: text }; });
        go.onclick = async () => {
            if (fixed) await loading;
            out.textContent = config ? config.limit : 'undefined';
        }</script>",
    acts: &[Click("#go")],
    verdict: (OUT, "7"),
};

/// The button is disabled when the response arrives, not when it is clicked.
pub const SUBMIT: Case = Case {
    name: "submit",
    page: "<button id=buy>buy</button><p id=out></p><script>
        let locked = false;
        buy.onclick = async () => {
            if (locked) return;
            if (fixed) locked = true;
            out.textContent = await (await fetch('/count', { method: 'POST' })).text();
            locked = true;
        }</script>",
    acts: &[Click("#buy"), Click("#buy")],
    verdict: (OUT, "1"),
};

/// The order at the server matters: the list is read before the item is deleted.
pub const DELETE: Case = Case {
    name: "delete",
    page: "<button id=remove>remove</button><button id=refresh>refresh</button><p id=out></p><script>
        let removing = Promise.resolve();
        remove.onclick = () => { removing = fetch('/item', { method: 'DELETE' }); };
        refresh.onclick = async () => {
            if (fixed) await removing;
            out.textContent = await (await fetch('/items')).text();
        }</script>",
    acts: &[Click("#remove"), Click("#refresh")],
    verdict: (OUT, "none"),
};

/// Of two changes, the response to the first arrives last.
pub const LIKES: Case = Case {
    name: "likes",
    page: "<button id=like>like</button><button id=unlike>unlike</button><p id=out></p><script>
        let last = 0;
        const set = value => async () => {
            const mine = ++last;
            const text = await (await fetch('/say?text=' + value, { method: 'POST' })).text();
            if (!fixed || mine === last) out.textContent = text;
        };
        like.onclick = set('liked'); unlike.onclick = set('not');</script>",
    acts: &[Click("#like"), Click("#unlike")],
    verdict: (OUT, "not"),
};

/// Only one order of three is wrong.
pub const THREE: Case = Case {
    name: "three",
    page: "<button id=go>go</button><p id=out></p><script>
        let order = '';
        go.onclick = () => { for (const name of 'abc') fetch('/say?text=' + name).then(() => {
            order += name;
            out.textContent = order === 'cab' && !fixed ? 'broken' : 'fine';
        }); }</script>",
    acts: &[Click("#go")],
    verdict: (OUT, "fine"),
};

/// Only one order of four is wrong.
pub const FOUR: Case = Case {
    name: "four",
    page: "<button id=go>go</button><p id=out></p><script>
        let order = '';
        go.onclick = () => { for (const name of 'abcd') fetch('/say?text=' + name).then(() => {
            order += name;
            out.textContent = order === 'dbca' && !fixed ? 'broken' : 'fine';
        }); }</script>",
    acts: &[Click("#go")],
    verdict: (OUT, "fine"),
};

/// One of six widgets needs what another one loads.
pub const DASHBOARD: Case = Case {
    name: "dashboard",
    page: "<p id=out></p><script>
        let rate;
        const shown = [];
        const load = n => fetch('/say?text=' + n).then(answer => answer.text());
        const rates = load(3).then(text => { rate = Number(text); });
        for (const n of [1, 2, 4, 6]) load(n).then(text => { shown[n] = text; });
        load(5).then(async text => {
            if (fixed) await rates;
            out.textContent = Number(text) * rate;
        });</script>",
    acts: &[Click("#out")],
    verdict: (OUT, "15"),
};

/// A response for a view that was left is shown in the next one.
pub const VIEWS: Case = Case {
    name: "views",
    page: "<button id=save>save</button><button id=home>home</button><p id=out></p><script>
        let view = 'editor';
        save.onclick = async () => {
            const text = await (await fetch('/say?text=saved', { method: 'POST' })).text();
            if (!fixed || view === 'editor') out.textContent = text;
        };
        home.onclick = async () => {
            view = 'home';
            history.pushState(null, '', '/home');
            out.textContent = await (await fetch('/say?text=welcome')).text();
        };</script>",
    acts: &[Click("#save"), Click("#home")],
    verdict: (OUT, "welcome"),
};

/// Two calls with an expired token: each requests a new one, and the server issues only one.
pub const TOKEN: Case = Case {
    name: "token",
    page: "<button id=one>one</button><button id=two>two</button><p id=out></p><script>
        let token = 0, refreshing;
        const refresh = async () => {
            const answer = await fetch('/refresh?token=' + token, { method: 'POST' });
            if (answer.ok) token = await answer.text(); else out.textContent = 'signed out';
        };
        one.onclick = two.onclick = async () => {
            let answer = await fetch('/private?token=' + token);
            if (answer.status === 401) {
                await (fixed ? refreshing ??= refresh() : refresh());
                answer = await fetch('/private?token=' + token);
            }
            if (out.textContent !== 'signed out') out.textContent = await answer.text();
        };</script>",
    acts: &[Click("#one"), Click("#two")],
    verdict: (OUT, "welcome"),
};

/// Scripts that arrive later are responses, too: here with JSONP.
pub const JSONP: Case = Case {
    name: "jsonp",
    page: "<input id=q><p id=out></p><script>
        let last = 0;
        q.oninput = () => {
            const mine = ++last, script = document.createElement('script');
            window['answer' + mine] = text => { if (!fixed || mine === last) out.textContent = text; };
            script.src = `/script?says=answer${mine}('${q.value}')`;
            document.head.append(script);
        }</script>",
    acts: &[Type("#q", "a"), Type("#q", "b")],
    verdict: (OUT, "ab"),
};

/// A part of the page that is loaded on demand.
pub const CHUNK: Case = Case {
    name: "chunk",
    page: "<button id=one>one</button><button id=two>two</button><p id=out></p><script>
        let current;
        const open = name => async () => {
            current = name;
            const { text } = await import(`/script?says=export const text = '${name}'`);
            if (!fixed || current === name) out.textContent = text;
        };
        one.onclick = open('one'); two.onclick = open('two');</script>",
    acts: &[Click("#one"), Click("#two")],
    verdict: (OUT, "two"),
};

impl Case {
    pub fn page_of(&self, fixed: bool) -> String {
        format!("<!doctype html><script>const fixed = {fixed}</script>{}", self.page)
    }
}

/// Performs the actions of the user, and checks the result.
pub async fn play(case: &Case, fixed: bool, browser: Browser, app: App) -> TestResult {
    app.serve(&case.page_of(fixed));
    random_delays::delays();
    browser.goto("https://app.test/").await?;
    for act in case.acts {
        match act {
            Click(css) => browser.click(css).await?,
            Type(css, text) => browser.type_into(css, text).await?,
        }
    }
    random_delays::settle(&browser).await;
    let (expression, expected) = case.verdict;
    let seen = browser.eval::<serde_json::Value>(&format!("return {expression}")).await?;
    assert_eq!(seen, expected, "{}", case.name);
    Ok(())
}
