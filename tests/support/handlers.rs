//! The ways in which a page deals with an answer. Each asks for `/api`, and shows a `!` when it has dealt with it.

/// Name, and what a click does.
pub const HANDLERS: [(&str, &str); 18] = [
    ("fetch", "fetch(api).then(r => r.text()).then(show)"),
    ("xhr", "let x = new XMLHttpRequest(); x.onload = show; x.open('GET', api); x.send()"),
    (
        "cpu 30 ms",
        "fetch(api).then(r => r.text()).then(() => { let end = performance.now() + 30; while (performance.now() < end); show() })",
    ),
    ("timeout 0", "fetch(api).then(r => r.text()).then(() => setTimeout(show))"),
    ("timeout 50", "fetch(api).then(r => r.text()).then(() => setTimeout(show, 50))"),
    ("frame", "fetch(api).then(r => r.text()).then(() => requestAnimationFrame(show))"),
    ("chain", "fetch(api).then(r => r.text()).then(() => fetch('/other')).then(r => r.text()).then(show)"),
    (
        "channel",
        "fetch(api).then(r => r.text()).then(() => { let c = new MessageChannel(); c.port1.onmessage = show; c.port2.postMessage(0) })",
    ),
    (
        "stream",
        "fetch(api).then(async r => { let reader = r.body.pipeThrough(new TextDecoderStream()).getReader(); while (!(await reader.read()).done); show() })",
    ),
    (
        "script",
        "let s = document.createElement('script'); s.src = api; s.onerror = s.onload = show; document.head.append(s)",
    ),
    ("image", "let i = new Image(); i.onerror = i.onload = show; i.src = api"),
    (
        "iframe",
        "let f = document.createElement('iframe'); f.onload = () => { f.remove(); show() }; f.src = api; document.body.append(f)",
    ),
    ("import", "import(api).catch(() => {}).then(show)"),
    ("module", "import(api.replace('?', '.js?')).then(show)"),
    (
        "modules",
        "import('data:text/javascript,import \"' + new URL(api.replace('?', '.js?'), location) + '\"').then(show)",
    ),
    (
        "interval",
        "fetch(api).then(r => r.text()).then(() => { let n = setInterval(() => { clearInterval(n); show() }, 20) })",
    ),
    (
        "style",
        "let l = document.createElement('link'); l.rel = 'stylesheet'; l.href = api; l.onerror = l.onload = show; document.head.append(l)",
    ),
    (
        "aborted",
        "let c = new AbortController(); window.abort = () => c.abort(); fetch(api, {signal: c.signal}).catch(e => setTimeout(show, 5))",
    ),
];

/// A page that has them all, and needs a module `/api.js`: `run(name)` asks for another URL each time.
pub fn page() -> String {
    let ways: String = HANDLERS.iter().map(|(name, does)| format!("'{name}': () => {{ {does} }},\n")).collect();
    format!(
        "<p id=out></p><script>
        let api, count = 0;
        const out = document.querySelector('#out');
        const show = () => {{ out.textContent += '!'; out.dataset.at = performance.timeOrigin + performance.now() }};
        const ways = {{ {ways} }};
        window.run = name => {{ out.textContent = ''; api = '/api?' + ++count; ways[name]() }};
        </script>"
    )
}
