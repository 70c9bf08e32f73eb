//! The ways a page can process a response. Each requests `/api`, and shows a `!` when it has processed it.

/// Name, and the script of a click.
pub const HANDLERS: [(&str, &str); 44] = [
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
    (
        "intersection",
        "answered().then(() => { let o = new IntersectionObserver(() => { o.disconnect(); show() }); o.observe(out) })",
    ),
    (
        "intersects later",
        "let near, o = new IntersectionObserver(() => { if (near) { o.disconnect(); show() } }); o.observe(far); answered().then(() => { near = true; far.style.marginTop = 0 }).then(() => setTimeout(() => far.style.marginTop = '5000px', 500))",
    ),
    (
        "resize",
        "answered().then(() => { let o = new ResizeObserver(() => { o.disconnect(); show() }); o.observe(out) })",
    ),
    (
        "resizes later",
        "let changed, o = new ResizeObserver(() => { if (changed) { o.disconnect(); show() } }); o.observe(far); answered().then(() => changed = far.style.width = 100 + Math.random() * 1000 + 'px')",
    ),
    ("idle", "answered().then(() => requestIdleCallback(show))"),
    ("post task", "answered().then(() => window.scheduler?.postTask(show) ?? show())"),
    ("post task 50", "answered().then(() => window.scheduler?.postTask(show, { delay: 50 }) ?? show())"),
    ("yield", "answered().then(async () => { for (let i = 0; i < 5; i++) await window.scheduler?.yield?.(); show() })"),
    (
        "transition",
        "answered().then(() => { far.style.transition = 'opacity 60ms'; far.style.opacity = far.style.opacity ? '' : 0.5; far.ontransitionend = () => { far.ontransitionend = null; show() } })",
    ),
    ("animation", "answered().then(() => far.animate([{ opacity: 0 }, { opacity: 1 }], 60).finished).then(show)"),
    ("view transition", "answered().then(() => document.startViewTransition?.(() => {}).finished).then(show)"),
    (
        "database",
        "answered().then(() => { let open = indexedDB.open('x' + count, 1); open.onupgradeneeded = () => open.result.createObjectStore('s'); open.onsuccess = () => { let t = open.result.transaction('s', 'readwrite'); t.objectStore('s').put(1, 1).onsuccess = () => t.objectStore('s').get(1).onsuccess = () => { open.result.close(); show() } } })",
    ),
    (
        "caches",
        "answered().then(() => caches.open('x')).then(c => c.put('/x', new Response('y')).then(() => c.match('/x'))).then(r => r.text()).then(show)",
    ),
    (
        "file reader",
        "answered().then(() => { let r = new FileReader(); r.onload = show; r.readAsText(new Blob(['x'.repeat(1e6)])) })",
    ),
    ("blob", "answered().then(() => new Blob(['x'.repeat(1e6)]).text()).then(show)"),
    ("bitmap", "answered().then(() => createImageBitmap(new ImageData(500, 500))).then(show)"),
    ("digest", "answered().then(() => crypto.subtle.digest('SHA-256', new Uint8Array(3e6))).then(show)"),
    (
        "key",
        "answered().then(() => crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign'])).then(show)",
    ),
    ("media", "answered().then(() => { let a = new Audio(wave); a.onloadeddata = a.onerror = show })"),
    ("font", "answered().then(() => new FontFace('x', 'url(/none.woff2)').load()).catch(() => {}).then(show)"),
    (
        "broadcast",
        "answered().then(() => { let [a, b] = [new BroadcastChannel('x'), new BroadcastChannel('x')]; b.onmessage = () => { a.close(); b.close(); show() }; a.postMessage(0) })",
    ),
    ("lock", "answered().then(() => navigator.locks.request('x', () => {})).then(show)"),
    (
        "compression",
        "answered().then(() => new Response(new Blob(['x'.repeat(1e6)]).stream().pipeThrough(new CompressionStream('gzip'))).blob()).then(show)",
    ),
    ("wasm", "answered().then(() => WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))).then(show)"),
    (
        "worker",
        "answered().then(() => { worker ??= new Worker(echo); worker.onmessage = show; worker.postMessage(0) })",
    ),
    (
        "files",
        "answered().then(() => navigator.storage.getDirectory()).then(d => d.getFileHandle('x', { create: true })).then(f => f.getFile()).then(f => f.text()).then(show)",
    ),
];

/// A page with all handlers, which needs a module `/api.js`: `run(name)` requests another URL each time.
pub fn page() -> String {
    let ways: String = HANDLERS.iter().map(|(name, does)| format!("'{name}': () => {{ {does} }},\n")).collect();
    format!(
        "<p id=out></p><script>
        let api, count = 0;
        const answered = () => fetch(api).then(r => r.text());
        // Half a second of silence.
        const wave = URL.createObjectURL(new Blob([new Uint8Array([82, 73, 70, 70, 196, 15, 0, 0, 87, 65, 86, 69, 102, 109, 116, 32,
            16, 0, 0, 0, 1, 0, 1, 0, 64, 31, 0, 0, 64, 31, 0, 0, 1, 0, 8, 0, 100, 97, 116, 97, 160, 15, 0, 0]), new Uint8Array(4000).fill(128)],
            {{ type: 'audio/wav' }}));
        const echo = URL.createObjectURL(new Blob(['onmessage = () => postMessage(0)']));
        let worker;
        const out = document.querySelector('#out');
        const show = () => {{ out.textContent += '!'; out.dataset.at = performance.timeOrigin + performance.now() }};
        const ways = {{ {ways} }};
        const far = document.createElement('p');
        far.style.cssText = 'position: absolute; margin-top: 5000px';
        document.body.append(far);
        window.run = name => {{ out.textContent = ''; api = '/api?' + ++count; ways[name]() }};
        </script>"
    )
}
