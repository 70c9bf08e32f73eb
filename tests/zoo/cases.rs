//! Races of published front-end libraries, as data: the library, a page that uses it, the responses of its server, the
//! actions of the user, and the order that breaks the version with the bug. This file has no imports, since `xtask`
//! includes it too, to fetch the packages.

/// One race.
pub struct Case {
    pub name: &'static str,
    pub library: &'static str,
    /// The version with the bug, and the one without it.
    pub versions: [&'static str; 2],
    /// Other packages that the page needs; by side where the versions differ.
    pub needs: &'static [(&'static str, [&'static str; 2])],
    pub page: &'static str,
    /// Files of packages, by the path at which the page requests them; by side where they differ.
    pub files: &'static [(&'static str, [&'static str; 2])],
    /// A module that is bundled with its imports as `/bundle.js`.
    pub module: Option<&'static str>,
    /// The response to the n-th request with a method and a URL.
    pub serve: fn(&str, &str, usize) -> Option<Answer>,
    /// The replies to a WebSocket message.
    pub reply: fn(&str) -> Vec<String>,
    pub acts: &'static [Act],
    /// The flows that can be held, by name.
    pub flows: &'static [(&'static str, Flow)],
    /// The order that breaks the version with the bug.
    pub racing: &'static [Step],
    /// An expression in the page, its correct values (in JSON), and its wrong value under the racing order.
    pub seen: &'static str,
    pub right: &'static [&'static str],
    pub wrong: &'static str,
    /// Where the bug was reported.
    pub source: &'static str,
}

pub struct Answer {
    pub kind: &'static str,
    pub headers: &'static [(&'static str, &'static str)],
    pub body: String,
}

/// An action of the user.
#[derive(Clone, Copy)]
pub enum Act {
    Click(&'static str),
    Type(&'static str, &'static str),
    Back,
}

/// A flow that can be held.
pub enum Flow {
    /// The response to the n-th request with a method and a URL.
    Answer(&'static str, &'static str, u64),
    /// A WebSocket message that contains this text.
    Message(&'static str),
    Event(&'static str),
}

/// A step of the racing order. The page settles before the next one.
pub enum Step {
    Do(Act),
    /// Releases a flow, if it is parked: some versions never request it, or no longer.
    Release(&'static str),
}

use Act::{Back, Click, Type};
use Step::{Do, Release};

pub const ALL: [&Case; 13] = [
    &ALGOLIA_ESCAPE,
    &ALGOLIA_ORDER,
    &APOLLO,
    &BOOTSTRAP_TABLE,
    &FANCYTREE,
    &HTMX,
    &INERTIA,
    &PHOENIX,
    &PJAX,
    &RTK_QUERY,
    &SWR,
    &TURBO,
    &VUEUSE,
];

fn json(body: impl Into<String>) -> Option<Answer> {
    Some(Answer { kind: "application/json", headers: &[], body: body.into() })
}

fn text(body: impl Into<String>) -> Option<Answer> {
    Some(Answer { kind: "text/plain", headers: &[], body: body.into() })
}

fn html(body: impl Into<String>) -> Option<Answer> {
    Some(Answer { kind: "text/html", headers: &[], body: body.into() })
}

fn silent(_: &str) -> Vec<String> {
    Vec::new()
}

const NOTHING: Case = Case {
    name: "",
    library: "",
    versions: ["", ""],
    needs: &[],
    page: "",
    files: &[],
    module: None,
    serve: |_, _, _| None,
    reply: silent,
    acts: &[],
    flows: &[],
    racing: &[],
    seen: "",
    right: &[],
    wrong: "",
    source: "",
};

/// Shared by both pages with the autocomplete.
const ALGOLIA: Case = Case {
    library: "@algolia/autocomplete-js",
    page: "<div id=box></div><div id=list></div><script src=/autocomplete.js></script><script>
        const suggest = query => fetch('/items?q=' + encodeURIComponent(query)).then(answer => answer.json());
        const item = ({ item }) => item.name;
        window['@algolia/autocomplete-js'].autocomplete({
            container: '#box', panelContainer: '#list', detachedMediaQuery: 'none',
            getSources: async ({ query }) => {
                const items = await suggest(query);
                return [{ sourceId: 'all', getItems: () => items, templates: { item } }];
            },
        });
        window.options = () => document.querySelector('.aa-Panel')
            && [...document.querySelectorAll('.aa-Item')].map(it => it.textContent.trim());
        </script>",
    files: &[("/autocomplete.js", ["@algolia/autocomplete-js/dist/umd/index.production.js"; 2])],
    serve: |_, url, _| json(format!(r#"[{{"name": "for {}"}}]"#, url.strip_prefix("/items?q=")?)),
    ..NOTHING
};

const BOX: &str = ".aa-Input";

/// A panel that the user has closed opens again.
const ALGOLIA_ESCAPE: Case = Case {
    name: "algolia_escape",
    versions: ["1.5.0", "1.5.1"],
    acts: &[Type(BOX, "a"), Type(BOX, "b"), Type(BOX, "\u{e00c}")],
    flows: &[("AB", Flow::Answer("GET", "/items?q=ab", 1))],
    racing: &[Do(Type(BOX, "a")), Do(Type(BOX, "b")), Do(Type(BOX, "\u{e00c}")), Release("AB")],
    seen: "options()",
    right: &["null"],
    wrong: r#"["for ab"]"#,
    source: "https://github.com/algolia/autocomplete/issues/806",
    ..ALGOLIA
};

/// An older response overwrites a newer one.
const ALGOLIA_ORDER: Case = Case {
    name: "algolia_order",
    versions: ["1.4.0", "1.4.1"],
    acts: &[Type(BOX, "a"), Type(BOX, "b")],
    flows: &[("A", Flow::Answer("GET", "/items?q=a", 1)), ("AB", Flow::Answer("GET", "/items?q=ab", 1))],
    racing: &[Do(Type(BOX, "a")), Do(Type(BOX, "b")), Release("AB"), Release("A")],
    seen: "options()",
    right: &[r#"["for ab"]"#],
    wrong: r#"["for a"]"#,
    source: "https://github.com/algolia/autocomplete/pull/753",
    ..ALGOLIA
};

/// The user has gone back to the first item when the response for the second one arrives.
const APOLLO: Case = Case {
    name: "apollo_back",
    library: "@apollo/client",
    versions: ["3.8.1", "3.8.2"],
    needs: &[
        ("graphql", ["16.8.1"; 2]),
        ("tslib", ["2.6.2"; 2]),
        ("@wry/context", ["0.7.3"; 2]),
        ("@wry/equality", ["0.5.6"; 2]),
        ("@wry/trie", ["0.4.3"; 2]),
        ("graphql-tag", ["2.12.6"; 2]),
        ("optimism", ["0.17.5"; 2]),
        ("symbol-observable", ["4.0.0"; 2]),
        ("ts-invariant", ["0.10.3"; 2]),
        ("zen-observable-ts", ["1.2.5"; 2]),
        ("zen-observable", ["0.8.15"; 2]),
    ],
    page: "<button id=a>a</button><button id=b>b</button><p id=out></p><script src=/bundle.js></script>",
    module: Some(
        "import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client/core';
        const link = new HttpLink({ uri: ({ variables }) => `/graphql?id=${variables.id}` });
        const client = new ApolloClient({ link, cache: new InMemoryCache() });
        const query = gql`query Item($id: ID!) { item(id: $id) { id name } }`;
        const [out, a, b] = ['out', 'a', 'b'].map(id => document.getElementById(id));
        const items = client.watchQuery({ query, variables: { id: 'a' } });
        let wanted = 'a';
        items.subscribe(({ data }) => { out.textContent = `${wanted} is ${data?.item?.name}`; });
        for (const button of [a, b])
            button.onclick = () => { wanted = button.id; items.reobserve({ variables: { id: wanted } }); };",
    ),
    serve: |method, url, _| {
        let id = url.strip_prefix("/graphql?id=").filter(|_| method == "POST")?;
        json(format!(r#"{{"data": {{"item": {{"__typename": "Item", "id": "{id}", "name": "item {id}"}}}}}}"#))
    },
    acts: &[Click("#b"), Click("#a")],
    flows: &[("B", Flow::Answer("POST", "/graphql?id=b", 1))],
    racing: &[Do(Click("#b")), Do(Click("#a")), Release("B")],
    seen: "document.querySelector('#out').textContent",
    right: &[r#""a is item a""#],
    wrong: r#""a is item b""#,
    source: "https://github.com/apollographql/apollo-client/issues/11184",
    ..NOTHING
};

const SECOND: &str = ".page-number:nth-child(3) a";
const THIRD: &str = ".page-number:nth-child(4) a";

/// The pager shows three, but the rows are those of page two.
const BOOTSTRAP_TABLE: Case = Case {
    name: "bootstrap_table",
    library: "bootstrap-table",
    versions: ["1.10.1", "1.11.0"],
    needs: &[("jquery", ["1.12.4"; 2])],
    page: "<style>.page-number { display: inline-block; padding: 4px }</style><table id=rows></table>
        <script src=/jquery.js></script><script src=/table.js></script><script>
        $('#rows').bootstrapTable({
            url: '/rows', cache: true, columns: [{ field: 'name', title: 'name' }],
            sidePagination: 'server', pagination: true, pageSize: 1, pageList: [],
            queryParamsType: '', queryParams: ({ pageNumber }) => ({ page: pageNumber }),
        });
        const texts = which => $(which).toArray().map(it => it.textContent.trim());
        window.shown = () => [texts('.page-number.active'), texts('#rows tbody tr')].flat().join(': ');
        </script>",
    files: &[
        ("/jquery.js", ["jquery/dist/jquery.js"; 2]),
        ("/table.js", ["bootstrap-table/dist/bootstrap-table.js"; 2]),
    ],
    serve: |_, url, _| {
        json(format!(r#"{{"total": 3, "rows": [{{"name": "row {}"}}]}}"#, url.strip_prefix("/rows?page=")?))
    },
    acts: &[Click(SECOND), Click(THIRD)],
    flows: &[("TWO", Flow::Answer("GET", "/rows?page=2", 1)), ("THREE", Flow::Answer("GET", "/rows?page=3", 1))],
    racing: &[Do(Click(SECOND)), Do(Click(THIRD)), Release("THREE"), Release("TWO")],
    seen: "shown()",
    right: &[r#""3: row 3""#],
    wrong: r#""3: row 2""#,
    source: "https://github.com/wenzhixin/bootstrap-table/pull/1977",
    ..NOTHING
};

/// A folder that is removed while it loads comes back as loose nodes.
const FANCYTREE: Case = Case {
    name: "fancytree_remove",
    library: "jquery.fancytree",
    versions: ["2.34.0", "2.35.0"],
    needs: &[("jquery", ["3.5.1"; 2])],
    page: "<style>.fancytree-expander { display: inline-block; width: 1em; height: 1em; background: silver }</style>
        <button id=remove>remove</button><div id=tree></div>
        <script src=/jquery.js></script><script src=/tree.js></script><script>
        $('#tree').fancytree({
            toggleEffect: false, enableAspx: false,
            source: [{ key: '1', title: 'folder', folder: true, lazy: true }, { key: '2', title: 'leaf' }],
            lazyLoad: (_, data) => { data.result = { url: '/children', dataType: 'json', cache: true }; },
        });
        remove.onclick = () => $.ui.fancytree.getTree('#tree').getNodeByKey('1').remove();
        window.titles = () => $('.fancytree-title').toArray().map(it => it.textContent);
        </script>",
    files: &[
        ("/jquery.js", ["jquery/dist/jquery.js"; 2]),
        ("/tree.js", ["jquery.fancytree/dist/jquery.fancytree-all-deps.js"; 2]),
    ],
    serve: |_, url, _| url.starts_with("/children").then(|| json(r#"[{"key": "3", "title": "child"}]"#))?,
    acts: &[Click(".fancytree-expander"), Click("#remove")],
    flows: &[("CHILDREN", Flow::Answer("GET", "/children", 1))],
    racing: &[Do(Click(".fancytree-expander")), Do(Click("#remove")), Release("CHILDREN")],
    seen: "titles()",
    right: &[r#"["leaf"]"#],
    wrong: r#"["leaf", "child"]"#,
    source: "https://github.com/mar10/fancytree/issues/987",
    ..NOTHING
};

/// The last of three calls should replace the others.
const HTMX: Case = Case {
    name: "htmx_replace",
    library: "htmx.org",
    versions: ["4.0.0", "4.0.1"],
    page: "<script src=/htmx.js></script>
        <button id=a hx-get=/say?A hx-target=#out hx-sync=#out:replace>A</button>
        <button id=b hx-get=/say?B hx-target=#out hx-sync=#out:replace>B</button>
        <button id=c hx-get=/say?C hx-target=#out hx-sync=#out:replace>C</button><p id=out></p>",
    files: &[("/htmx.js", ["htmx.org/dist/htmx.js"; 2])],
    serve: |_, url, _| html(url.strip_prefix("/say?")?),
    acts: &[Click("#a"), Click("#b"), Click("#c")],
    flows: &[
        ("A", Flow::Answer("GET", "/say?A", 1)),
        ("B", Flow::Answer("GET", "/say?B", 1)),
        ("C", Flow::Answer("GET", "/say?C", 1)),
    ],
    racing: &[Do(Click("#a")), Do(Click("#b")), Do(Click("#c")), Release("A"), Release("C"), Release("B")],
    seen: "document.querySelector('#out').textContent.trim()",
    right: &[r#""C""#],
    wrong: r#""B""#,
    source: "https://github.com/bigskysoftware/htmx/issues/4027",
    ..NOTHING
};

/// The user goes back while a page loads, and that page is shown all the same. Both pages that going back can lead to
/// are correct.
const INERTIA: Case = Case {
    name: "inertia_back",
    library: "@inertiajs/core",
    versions: ["2.0.14", "2.0.15"],
    needs: &[("axios", ["1.8.4"; 2]), ("es-toolkit", ["1.34.1"; 2]), ("qs", ["6.9.7"; 2])],
    page: r#"<a id=two href=/two>two</a><a id=three href=/three>three</a>
        <div id=app data-page='{"component": "Text", "props": {"errors": {}, "text": "page one"}, "url": "/", "version": "",
            "clearHistory": false, "encryptHistory": false}'></div><script src=/bundle.js></script>"#,
    module: Some(
        "import { router } from '@inertiajs/core';
        const app = document.getElementById('app');
        router.init({
            initialPage: JSON.parse(app.dataset.page),
            resolveComponent: () => ({ text }) => text,
            swapComponent: async ({ component, page }) => { app.textContent = component(page.props); },
        });
        for (const link of document.links)
            link.onclick = event => { event.preventDefault(); router.visit(link.getAttribute('href')); };",
    ),
    serve: |_, url, _| {
        let name = ["two", "three"].into_iter().find(|name| url.strip_prefix('/') == Some(name))?;
        let body = format!(
            r#"{{"component": "Text", "props": {{"errors": {{}}, "text": "page {name}"}}, "url": "/{name}", "version": "",
            "clearHistory": false, "encryptHistory": false}}"#
        );
        let headers = &[("x-inertia", "true"), ("vary", "X-Inertia")];
        Some(Answer { kind: "application/json", headers, body })
    },
    acts: &[Click("#two"), Click("#three"), Back],
    flows: &[("THREE", Flow::Answer("GET", "/three", 1))],
    racing: &[Do(Click("#two")), Do(Click("#three")), Do(Back), Release("THREE")],
    seen: "document.querySelector('#app').textContent + ' at ' + location.pathname",
    right: &[r#""page two at /two""#, r#""page one at /""#],
    wrong: r#""page three at /three""#,
    source: "https://github.com/inertiajs/inertia/pull/2429",
    ..NOTHING
};

/// The server reports a new member before the members who were there.
const PHOENIX: Case = Case {
    name: "phoenix_presence",
    library: "phoenix",
    versions: ["1.3.5", "1.4.0"],
    page: "<button id=join>join</button><p id=out></p><script src=/phoenix.js></script><script>
        const { Presence, Socket } = Phoenix, socket = new Socket('/socket');
        socket.connect();
        const room = socket.channel('room:1', {}), name = id => id;
        const show = names => { out.textContent = names.sort().join(' and '); };
        if (typeof Presence == 'function') {
            const present = new Presence(room);
            present.onSync(() => show(present.list(name)));
        } else {
            let present = {};
            const keep = next => { present = next; show(Presence.list(present, name)); };
            room.on('presence_state', state => keep(Presence.syncState(present, state)));
            room.on('presence_diff', diff => keep(Presence.syncDiff(present, diff)));
        }
        join.onclick = () => room.join();
        </script>",
    files: &[("/phoenix.js", ["phoenix/priv/static/phoenix.js"; 2])],
    reply: |message| {
        let state = r#"{"alice": {"metas": [{"phx_ref": "1"}]}}"#;
        let diff = r#"{"joins": {"bob": {"metas": [{"phx_ref": "2"}]}}, "leaves": {}}"#;
        let joined = r#"{"status": "ok", "response": {}}"#;
        if !message.contains("phx_join") {
            return Vec::new();
        }
        // Version 1.3 sends objects, 1.4 lists.
        if let Some((_, end)) = message.split_once(r#""ref":"#) {
            let of = end.trim_end_matches('}');
            let say = |event, of: &str, payload| {
                format!(r#"{{"topic": "room:1", "event": "{event}", "ref": {of}, "payload": {payload}}}"#)
            };
            return vec![
                say("phx_reply", of, joined),
                say("presence_state", "null", state),
                say("presence_diff", "null", diff),
            ];
        }
        let mut refs = message.trim_start_matches('[').split(',');
        let (join, of) = (refs.next().unwrap_or_default(), refs.next().unwrap_or_default());
        let say = |event, of: &str, payload| format!(r#"[{join}, {of}, "room:1", "{event}", {payload}]"#);
        vec![say("phx_reply", of, joined), say("presence_state", "null", state), say("presence_diff", "null", diff)]
    },
    acts: &[Click("#join")],
    flows: &[("STATE", Flow::Message("presence_state")), ("DIFF", Flow::Message("presence_diff"))],
    racing: &[Do(Click("#join")), Release("DIFF"), Release("STATE")],
    seen: "document.querySelector('#out').textContent",
    right: &[r#""alice and bob""#],
    wrong: r#""alice""#,
    source: "https://github.com/phoenixframework/phoenix/pull/2763",
    ..NOTHING
};

/// Of two links that the user follows, the first one wins.
const PJAX: Case = Case {
    name: "pjax_clicks",
    library: "pjax",
    versions: ["0.2.4", "0.2.6"],
    page: "<html><head><title>start</title></head><body><a id=one href=/one>one</a><a id=two href=/two>two</a>
        <p id=out>start</p><script src=/pjax.js></script>
        <script>new Pjax({ elements: 'a', selectors: ['title', '#out'], cacheBust: false, analytics: false })</script></body></html>",
    files: &[("/pjax.js", ["pjax/pjax.js"; 2])],
    serve: |_, url, _| {
        let name = ["one", "two"].into_iter().find(|name| url.starts_with(&format!("/{name}")))?;
        html(format!("<html><head><title>{name}</title></head><body><p id=out>page {name}</p></body></html>"))
    },
    acts: &[Click("#one"), Click("#two")],
    flows: &[("ONE", Flow::Answer("GET", "/one", 1)), ("TWO", Flow::Answer("GET", "/two", 1))],
    racing: &[Do(Click("#one")), Do(Click("#two")), Release("TWO"), Release("ONE")],
    seen: "document.querySelector('#out').textContent + ' at ' + location.pathname",
    right: &[r#""page two at /two""#],
    wrong: r#""page one at /one""#,
    source: "https://github.com/MoOx/pjax/issues/27",
    ..NOTHING
};

/// Data requested before a save replaces what was saved.
const RTK_QUERY: Case = Case {
    name: "rtk_query_invalidate",
    library: "@reduxjs/toolkit",
    versions: ["1.9.7", "2.0.0"],
    needs: &[
        ("immer", ["9.0.21", "10.0.3"]),
        ("redux", ["4.2.1", "5.0.0"]),
        ("redux-thunk", ["2.4.2", "3.1.0"]),
        ("reselect", ["4.1.8", "5.0.1"]),
        ("@babel/runtime", ["7.23.9", ""]),
    ],
    page: "<button id=save>save</button><p id=out></p><script src=/bundle.js></script>",
    module: Some(
        "import { configureStore } from '@reduxjs/toolkit';
        import { createApi, fetchBaseQuery } from '@reduxjs/toolkit/query';
        // Chromium lets the second of two equal calls wait for the first, unless nothing is kept.
        const read = () => ({ url: '/color', cache: 'no-store' });
        const write = color => ({ url: '/color', method: 'POST', body: { color } });
        const api = createApi({
            baseQuery: fetchBaseQuery({ baseUrl: location.origin }),
            tagTypes: ['color'],
            endpoints: build => ({
                color: build.query({ query: read, providesTags: ['color'] }),
                paint: build.mutation({ query: write, invalidatesTags: ['color'] }),
            }),
        });
        const store = configureStore({
            reducer: { [api.reducerPath]: api.reducer },
            middleware: usual => usual().concat(api.middleware),
        });
        const [out, save] = ['out', 'save'].map(id => document.getElementById(id)), color = api.endpoints.color.select();
        store.subscribe(() => { out.textContent = color(store.getState()).data ?? ''; });
        store.dispatch(api.endpoints.color.initiate());
        save.onclick = () => store.dispatch(api.endpoints.paint.initiate('blue'));",
    ),
    serve: |method, url, nth| match (method, url, nth) {
        ("GET", "/color", 1) => json(r#""red""#),
        ("GET", "/color", _) => json(r#""blue""#),
        ("POST", "/color", _) => json(r#""saved""#),
        _ => None,
    },
    acts: &[Click("#save")],
    flows: &[("BEFORE", Flow::Answer("GET", "/color", 1)), ("SAVED", Flow::Answer("POST", "/color", 1))],
    racing: &[Do(Click("#save")), Release("SAVED"), Release("BEFORE")],
    seen: "document.querySelector('#out').textContent",
    right: &[r#""blue""#],
    wrong: r#""red""#,
    source: "https://github.com/reduxjs/redux-toolkit/pull/3116",
    ..NOTHING
};

/// The older of two refreshes arrives last.
const SWR: Case = Case {
    name: "swr_refresh",
    library: "swr",
    versions: ["0.1.12", "0.1.13"],
    needs: &[
        ("react", ["16.14.0"; 2]),
        ("react-dom", ["16.14.0"; 2]),
        ("scheduler", ["0.19.1"; 2]),
        ("object-assign", ["4.1.1"; 2]),
        ("fast-deep-equal", ["2.0.1"; 2]),
    ],
    page: "<div id=app></div><script src=/bundle.js></script>",
    module: Some(
        "import { createElement as make, Fragment } from 'react';
        import { render } from 'react-dom';
        import useSWR from 'swr';
        const fresh = url => fetch(url, { cache: 'no-store' }).then(answer => answer.json());
        const App = () => {
            const { data, revalidate } = useSWR('/data', fresh, { revalidateOnFocus: false });
            const button = make('button', { id: 'again', key: 1, onClick: () => revalidate() }, 'again');
            return make(Fragment, null, [button, make('p', { id: 'out', key: 2 }, data)]);
        };
        render(make(App), document.getElementById('app'));",
    ),
    serve: |_, url, nth| (url == "/data").then(|| json(format!(r#""answer {nth}""#)))?,
    acts: &[Click("#again"), Click("#again")],
    flows: &[("SECOND", Flow::Answer("GET", "/data", 2)), ("THIRD", Flow::Answer("GET", "/data", 3))],
    racing: &[Do(Click("#again")), Do(Click("#again")), Release("THIRD"), Release("SECOND")],
    seen: "document.querySelector('#out').textContent",
    right: &[r#""answer 3""#],
    wrong: r#""answer 2""#,
    source: "https://github.com/vercel/swr/pull/173",
    ..NOTHING
};

/// A refresh sent by the server takes the user back from the link that was followed.
const TURBO: Case = Case {
    name: "turbo_refresh",
    library: "@hotwired/turbo",
    versions: ["8.0.4", "8.0.5"],
    page: "<html><head><title>one</title><script src=/turbo.js></script></head><body><a id=two href=/two>two</a>
        <p id=out>page one</p><turbo-stream-source src=/stream></turbo-stream-source></body></html>",
    files: &[("/turbo.js", ["@hotwired/turbo/dist/turbo.es2017-umd.js"; 2])],
    serve: |_, url, _| match url {
        "/two" => html(
            "<html><head><title>two</title><script src=/turbo.js></script></head><body><a id=two href=/two>two</a>
            <p id=out>page two</p></body></html>",
        ),
        "/stream" => Some(Answer {
            kind: "text/event-stream",
            headers: &[],
            body: "data: <turbo-stream action=\"refresh\"></turbo-stream>\n\n".to_owned(),
        }),
        _ => None,
    },
    acts: &[Click("#two")],
    flows: &[("REFRESH", Flow::Event("refresh")), ("TWO", Flow::Answer("GET", "/two", 1))],
    racing: &[Do(Click("#two")), Release("REFRESH"), Release("TWO")],
    seen: "document.querySelector('#out').textContent + ' at ' + location.pathname",
    right: &[r#""page two at /two""#],
    wrong: r#""page one at /""#,
    source: "https://github.com/hotwired/turbo/pull/1213",
    ..NOTHING
};

/// Shows the data of the item before the chosen one.
const VUEUSE: Case = Case {
    name: "vueuse_state",
    library: "@vueuse/core",
    versions: ["13.9.0", "14.0.0"],
    needs: &[("vue", ["3.5.13"; 2]), ("@vueuse/shared", ["13.9.0", "14.0.0"])],
    page: "<div id=app><button id=a @click=\"load('a')\">a</button><button id=b @click=\"load('b')\">b</button>
        <p id=out>{{ chosen }}: {{ state }}</p></div>
        <script src=/vue.js></script><script src=/shared.js></script><script src=/core.js></script><script>
        const item = id => fetch('/items/' + id).then(answer => answer.text());
        const setup = () => {
            const chosen = Vue.ref(''), { state, execute } = VueUse.useAsyncState(item, '', { immediate: false });
            return { chosen, state, load: id => { chosen.value = id; execute(0, id); } };
        };
        Vue.createApp({ setup }).mount('#app');
        </script>",
    files: &[
        ("/vue.js", ["vue/dist/vue.global.prod.js"; 2]),
        ("/shared.js", ["@vueuse/shared/index.iife.js", "@vueuse/shared/dist/index.iife.js"]),
        ("/core.js", ["@vueuse/core/index.iife.js", "@vueuse/core/dist/index.iife.js"]),
    ],
    serve: |_, url, _| text(format!("item {}", url.strip_prefix("/items/")?)),
    acts: &[Click("#a"), Click("#b")],
    flows: &[("A", Flow::Answer("GET", "/items/a", 1)), ("B", Flow::Answer("GET", "/items/b", 1))],
    racing: &[Do(Click("#a")), Do(Click("#b")), Release("B"), Release("A")],
    seen: "document.querySelector('#out').textContent",
    right: &[r#""b: item b""#],
    wrong: r#""b: item a""#,
    source: "https://github.com/vueuse/vueuse/pull/5047",
    ..NOTHING
};

impl Case {
    /// The packages of one side, with their versions.
    pub fn packages(&self, side: usize) -> impl Iterator<Item = (&'static str, &'static str)> {
        let own = (self.library, self.versions[side]);
        let needs = self.needs.iter().map(move |(name, versions)| (*name, versions[side]));
        std::iter::once(own).chain(needs.filter(|(_, version)| !version.is_empty()))
    }

    /// The folder in `target/zoo` with the fetched files of one side.
    pub fn folder(&self, side: usize) -> String {
        format!("{}-{}", self.name, ["buggy", "fixed"][side])
    }
}
