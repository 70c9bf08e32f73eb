// What a page waits for. In each document before any other script; asked through window[Symbol.for('holdup')].
// Native functions are wrapped in Proxies, which a page cannot tell from them, and callbacks are left as they are.
() => {
  const { apply, construct, defineProperty, getOwnPropertyDescriptor } = Reflect;
  const key = Symbol.for('holdup'), { addEventListener } = EventTarget.prototype, { postMessage } = MessagePort.prototype;
  const native = new WeakMap(), pending = new Map(), born = new WeakMap(), calls = new WeakMap(), made = new WeakSet(), ends = new WeakMap();
  const hops = [], { port1, port2 } = new MessageChannel();
  const quote = JSON.stringify, now = () => performance.now(), asked = new Map(), streamed = new WeakSet();
  if (window[key]) return;
  let serial = 0, turn = 0, timers = 0, frames = 0, workers = 0, dedicated = 0, wakers = [], restless = new WeakMap(), leaving, reopened;

  const moved = () => { turn++; wake(); };
  const wake = () => wakers.splice(0).forEach(it => it());
  const hear = (it, types, heard) => types.forEach(type => apply(addEventListener, it, [type, heard, true]));
  // Begins a wait, and gives what ends it.
  const wait = (kind, url = '', since, at = new Error(), node) => {
    const id = ++serial;
    if (url) restless = new WeakMap(), loops.clear();
    pending.set(id, { kind, url, since, at, node });
    moved();
    return () => { if (pending.delete(id)) moved(); };
  };
  const put = (map, key, it) => map.get(key)?.push(it) ?? map.set(key, [it]);
  const href = it => { try { return new URL(it?.url ?? it, document.baseURI).href; } catch { return ''; } };
  const wrap = (owner, name, trap, part = 'value') => {
    const how = owner && getOwnPropertyDescriptor(owner, name), old = how?.[part];
    if (!old) return;
    native.set(how[part] = new Proxy(old, trap), old);
    defineProperty(owner, name, how);
  };
  const until = (promise, done) => promise.then(it => { done(it); return it; }, error => { done(); throw error; });

  wrap(Function.prototype, 'toString', { apply: (f, self, args) => apply(f, native.get(self) ?? self, args) });
  wrap(window, 'fetch', { apply(f, self, args) {
    const url = href(args[0]), since = now(), done = wait('fetch', url);
    put(asked, url, since);
    return until(apply(f, self, args), answer => { answer && born.set(answer, { url, since }); done(); });
  } });
  for (const name of ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'])
    wrap(Response.prototype, name, { apply: (f, self, args) => until(apply(f, self, args), wait('body', born.get(self)?.url ?? self?.url)) });
  // Who reads the stream by hand is done when the browser has all of it.
  wrap(Response.prototype, 'body', { apply(f, self, args) {
    const { url, since } = born.get(self) ?? {};
    if (/^http/.test(url) && !streamed.has(self)) streamed.add(self), wait('stream', url, since);
    return apply(f, self, args);
  } }, 'get');
  wrap(XMLHttpRequest.prototype, 'open', { apply(f, self, args) {
    calls.get(self)?.done?.();
    calls.set(self, { url: href(args[1]) });
    return apply(f, self, args);
  } });
  wrap(XMLHttpRequest.prototype, 'send', { apply(f, self, args) {
    const call = calls.get(self) ?? {};
    hear(self, ['loadend'], call.done = wait('XMLHttpRequest', call.url));
    try { return apply(f, self, args); } catch (error) { call.done(); throw error; }
  } });
  wrap(Navigator.prototype, 'sendBeacon', { apply(f, self, args) {
    const since = now(), sent = apply(f, self, args);
    if (sent) wait('sendBeacon', href(args[0]), since);
    return sent;
  } });
  const fonts = new WeakMap();
  // What is known by the promise that it returns; it may wait for a URL.
  const sourceOf = it => it?.currentSrc || it?.src;
  const urlOf = (self, [it]) => fonts.get(self) || sourceOf(self) || sourceOf(it) || '';
  const promised = (kind, owner, ...names) => names.forEach(name => wrap(owner, name, { apply(f, self, args) {
    const promise = apply(f, self, args);
    return promise?.then ? until(promise, wait(kind, urlOf(self, args))) : promise;
  } }));
  wrap(window, 'FontFace', { construct(f, args, target) {
    const it = construct(f, args, target), url = /url\(\s*["']?([^"')]+)/.exec(args[1])?.[1];
    if (url) fonts.set(it, href(url));
    return it;
  } });
  promised('FontFace', window.FontFace?.prototype, 'load');
  promised('crypto.subtle', window.SubtleCrypto?.prototype, 'digest', 'encrypt', 'decrypt', 'sign', 'verify', 'importKey', 'exportKey',
    'generateKey', 'deriveKey', 'deriveBits', 'wrapKey', 'unwrapKey');
  promised('createImageBitmap', window, 'createImageBitmap');
  promised('decode', HTMLImageElement.prototype, 'decode');
  promised('Blob', Blob.prototype, 'arrayBuffer', 'bytes', 'text');
  promised('WebAssembly', window.WebAssembly, 'compile', 'instantiate');
  promised('decodeAudioData', window.BaseAudioContext?.prototype, 'decodeAudioData');
  promised('cookieStore', window.CookieStore?.prototype, 'get', 'getAll', 'set', 'delete');
  promised('permissions', window.Permissions?.prototype, 'query');
  promised('navigator.storage', window.StorageManager?.prototype, 'estimate', 'getDirectory', 'persisted');
  promised('file system', window.FileSystemDirectoryHandle?.prototype, 'getDirectoryHandle', 'getFileHandle', 'removeEntry', 'resolve');
  promised('file system', window.FileSystemFileHandle?.prototype, 'createWritable', 'getFile');
  promised('file system', window.FileSystemWritableFileStream?.prototype, 'seek', 'truncate', 'write');
  promised('caches', window.CacheStorage?.prototype, 'delete', 'has', 'keys', 'match', 'open');
  promised('caches', window.Cache?.prototype, 'delete', 'keys', 'match', 'matchAll');
  promised('scheduler.yield', window.Scheduler?.prototype, 'yield');
  // What a cache fetches by itself passes no `fetch`.
  for (const name of ['add', 'addAll', 'put'])
    wrap(window.Cache?.prototype, name, { apply(f, self, args) {
      const from = name == 'put' ? [args[1]] : name == 'add' ? [args[0]] : [...args[0] ?? []];
      const all = from.map(it => wait('caches', href(it)));
      return until(apply(f, self, args), () => all.forEach(done => done()));
    } });
  // A task may wait for anything once it has begun: one of ours is begun right after it.
  wrap(window.Scheduler?.prototype, 'postTask', { apply(f, self, args) {
    const promise = apply(f, self, args), { delay, priority, signal } = args[1] ?? {};
    if (delay > 999) return promise;
    const done = wait('scheduler.postTask');
    apply(f, self, [done, { delay, priority: priority ?? signal?.priority }]);
    promise.catch(done);
    return promise;
  } });
  // A database waits for others to close it, maybe for ever; a transaction ends when nothing is asked in it any more.
  for (const name of ['deleteDatabase', 'open'])
    wrap(window.IDBFactory?.prototype, name, { apply(f, self, args) {
      const request = apply(f, self, args);
      hear(request, ['success', 'error', 'blocked'], wait('indexedDB'));
      return request;
    } });
  wrap(window.IDBDatabase?.prototype, 'transaction', { apply(f, self, args) {
    const transaction = apply(f, self, args);
    hear(transaction, ['complete', 'abort'], wait('indexedDB'));
    return transaction;
  } });
  // A lock that somebody has may never be free, and one that was given may be kept: the manager has answered when it answers
  // a question that was asked later.
  wrap(window.LockManager?.prototype, 'request', { apply(f, self, args) {
    const promise = apply(f, self, args), done = wait('navigator.locks');
    self.query().then(hop).then(done, done);
    return promise;
  } });
  // A message has come where it is heard when another listener of the same name, made later, has heard it.
  const echoes = new Map(), Channel = window.BroadcastChannel;
  wrap(Channel?.prototype, 'postMessage', { apply(f, self, args) {
    const { name } = self;
    if (!echoes.has(name)) {
      const echo = new Channel(name), waits = [];
      echoes.set(name, waits);
      hear(echo, ['message', 'messageerror'], () => { waits.shift()?.(); moved(); });
    }
    const result = apply(f, self, args);
    echoes.get(name).push(wait('BroadcastChannel'));
    return result;
  } });
  promised('play', HTMLMediaElement.prototype, 'play');
  wrap(Document.prototype, 'startViewTransition', { apply(f, self, args) {
    const transition = apply(f, self, args);
    let done = wait('startViewTransition');
    // By then its callback has begun, which may wait for anything.
    framed(() => framed(() => hop().then(() => done())));
    transition.updateCallbackDone.then(() => {
      done();
      done = wait('startViewTransition');
      transition.finished.then(() => done(), () => done());
    }, () => done());
    return transition;
  } });
  // What may still change the page by itself: timers of more than a second.
  const slow = new Set();
  // A timer that the same place sets again and again, with nothing else having happened, is a progress bar or the like: from
  // the fourth time on it is noise; so is a frame after half a second. A call, an event of the user, or a text that changes in
  // more than its numbers is something. Slices of a long calculation have next to no delay, and are waited for.
  const loops = new Map(), folded = new Set(), shown = new WeakMap();
  const repeats = (set, time = 0) => {
    const frame = set == 'requestAnimationFrame';
    if (!frame && !(time >= 10)) return false;
    const key = `${set} at ${place(new Error())}`, times = (loops.get(key) ?? 0) + 1;
    loops.set(key, times);
    // One that was noise before is so again.
    if (times <= (folded.has(key) ? 1 : frame ? 30 : 3)) return false;
    folded.add(key);
    return true;
  };
  const changes = ({ target }) => {
    const text = target.textContent ?? '', plain = text.length < 500 ? text.replace(/\d+/g, '0') : text;
    if (shown.get(target) == plain) return false;
    shown.set(target, plain);
    return true;
  };
  new MutationObserver(all => all.filter(changes).length && loops.clear()).observe(document, { characterData: true, childList: true, subtree: true });
  hear(window, ['keydown', 'input', 'change', 'pointerdown', 'click', 'submit', 'popstate', 'message'], () => loops.clear());
  // A clock of the same time runs after the page's own; an interval counts until it has struck once.
  const later = setTimeout, draw = requestAnimationFrame, idle = window.requestIdleCallback;
  // Calls back at the next frame; where nobody looks none is drawn.
  const framed = next => {
    let left = 1;
    const once = () => left-- > 0 && next();
    apply(draw, window, [once]);
    apply(later, window, [once, 100]);
  };
  const clock = (set, clear, again, running, count) => {
    const once = window[again], frame = set == 'requestAnimationFrame';
    wrap(window, set, { apply(f, self, args) {
      const id = apply(f, self, args);
      if (args[1] > 999) {
        const over = () => slow.delete(id);
        slow.add(id);
        if (set == 'setTimeout') apply(once, self, [over, args[1]]);
        return id;
      }
      if (set != 'requestIdleCallback' && repeats(set, args[1])) return id;
      const done = wait(set), end = () => { if (running.delete(id)) { count(-1); done(); } };
      count(1);
      running.set(id, end);
      apply(once, self, [end, args[1]]);
      // No frames are drawn where nobody looks.
      if (frame && window != top) apply(later, window, [end, 100]);
      return id;
    } });
    wrap(window, clear, { apply(f, self, args) { slow.delete(args[0]); running.get(args[0])?.(); return apply(f, self, args); } });
  };
  const all = new Map(), timed = by => timers += by;
  clock('setInterval', 'clearInterval', 'setTimeout', all, timed);
  clock('setTimeout', 'clearTimeout', 'setTimeout', all, timed);
  clock('requestIdleCallback', 'cancelIdleCallback', 'requestIdleCallback', new Map(), timed);
  clock('requestAnimationFrame', 'cancelAnimationFrame', 'requestAnimationFrame', new Map(), by => frames += by);
  // A browser that draws nothing has no idle time either.
  wrap(window, 'requestIdleCallback', { apply(f, self, args) {
    let over = false;
    const again = () => over || framed(again), done = () => over = true;
    const id = apply(f, self, args);
    apply(idle, window, [done]);
    again();
    return id;
  } });
  // Observers look when a frame is drawn: behind `observe()`, and behind each change of the page.
  let observing = false, drawn = true, drawing = false;
  const changed = () => { drawn = false; moved(); };
  const Observer = window.IntersectionObserver;
  const drawAll = () => {
    if (drawing) return;
    drawing = drawn = true;
    // One that was made last is heard last, in the frame in which all look.
    const end = () => { if (drawing) drawing = false, last.disconnect(), wake(); }, last = new Observer(end);
    if (document.documentElement) apply(observe, last, [document.documentElement]);
    framed(() => {});
    // No frames are drawn where nobody looks.
    apply(later, window, [end, 100]);
  };
  const observe = Observer.prototype.observe;
  for (const name of ['IntersectionObserver', 'ResizeObserver'])
    wrap(window[name]?.prototype, 'observe', { apply(f, self, args) {
      const result = apply(f, self, args);
      if (!observing) {
        observing = true;
        new MutationObserver(changed).observe(document, { attributes: true, characterData: true, childList: true, subtree: true });
        hear(window, ['resize', 'scroll'], changed);
      }
      changed();
      return result;
    } });
  // Transitions and animations of up to a second, by script or by style.
  // An element that moves again and again, with nothing else having happened, is a progress bar or the like.
  const awaited = new WeakMap();
  const animates = () => document.getAnimations().filter(it => {
    const { endTime } = it.effect?.getComputedTiming() ?? {}, left = (endTime - (it.currentTime ?? 0)) / Math.abs(it.playbackRate);
    if (it.playState != 'running' || !(left < 1000)) return false;
    if (!awaited.has(it)) {
      // One without an element is one of a kind.
      const target = it.effect.target ?? it, times = (restless.get(target) ?? 0) + 1;
      restless.set(target, times);
      awaited.set(it, times < 2);
      it.finished.then(moved, moved);
    }
    return awaited.get(it);
  }).length;
  wrap(MessagePort.prototype, 'postMessage', { apply(f, self, args) { moved(); return apply(f, self, args); } });
  // How many events of each type a stream that is open has brought; of types that the page began to listen to in time.
  const streams = new Map(), count = (it, type) => {
    const heard = streams.get(it)?.heard;
    if (!heard || type in heard || /^(open|error|close)$/.test(type)) return;
    heard[type] = 0;
    if (it.readyState) heard[type] = -1;
    else hear(it, [type], () => { heard[type]++; moved(); });
  };
  // One that connects again is another stream.
  const listen = (it, url) => {
    const heard = it.send ? { to_server: 0 } : {};
    streams.set(it, { url, heard });
    count(it, 'message');
    hear(it, ['open'], () => Object.keys(heard).forEach(type => heard[type] = Math.min(heard[type], 0)));
  };
  if (window.EventSource) {
    defineProperty(EventSource.prototype, 'addEventListener', { value: addEventListener, writable: true, configurable: true });
    wrap(EventSource.prototype, 'addEventListener', { apply(f, self, args) { count(self, `${args[0]}`); return apply(f, self, args); } });
  }
  wrap(window.WebSocket?.prototype, 'send', { apply(f, self, args) {
    const result = apply(f, self, args), it = streams.get(self);
    if (it && self.readyState == 1) it.heard.to_server++, moved();
    return result;
  } });
  for (const name of ['WebSocket', 'EventSource', 'Worker', 'SharedWorker']) {
    const prototype = window[name]?.prototype, url = prototype && getOwnPropertyDescriptor(prototype, 'url')?.get;
    if (!prototype) continue;
    wrap(window, name, { construct(f, args, target) {
      const it = construct(f, args, target), done = url ? wait(name, apply(url, it, [])) : void workers++;
      if (url) listen(it, apply(url, it, []));
      if (name == 'Worker') dedicated++;
      hear(it.port ?? it, ['open', 'error', 'close', 'message'], () => { done && done(); moved(); });
      return it;
    } });
    defineProperty(prototype, 'constructor', { value: window[name], writable: true, configurable: true });
  }
  for (const name of ['readAsArrayBuffer', 'readAsBinaryString', 'readAsDataURL', 'readAsText'])
    wrap(FileReader.prototype, name, { apply(f, self, args) {
      const result = apply(f, self, args);
      hear(self, ['loadend'], wait('FileReader'));
      return result;
    } });
  // A document that a script writes into anew is read as far as it is written.
  for (const name of ['open', 'write', 'writeln', 'close'])
    wrap(Document.prototype, name, { apply(f, self, args) {
      if (self == document && (name == 'close' || document.readyState == 'complete')) reopened = name != 'close';
      return apply(f, self, args);
    } });
  wrap(Document.prototype, 'createElement', { apply(f, self, args) {
    const it = apply(f, self, args);
    made.add(it);
    return it;
  } });
  // What an element loads it has dealt with when its event has been heard, not when it calls itself complete.
  const track = (it, url) => {
    if (ends.has(it)) ends.get(it)();
    else hear(it, ['load', 'error'], () => ends.get(it)());
    ends.set(it, wait(it.localName, url, 0, null, it));
  };
  // Of a sound or a film, as much as it plays from, or as its page wants to have.
  const media = it => {
    if (it.preload == 'none' || !it.src || ends.has(it)) return;
    const done = wait(it.localName, it.src, 0, null, it), end = () => { if (ends.delete(it)) done(); };
    ends.set(it, end);
    hear(it, ['loadeddata', 'error', 'abort', 'emptied'], end);
    // A browser that has loaded enough may have yet to decode it.
    hear(it, ['suspend'], () => apply(later, window, [end, it.readyState > 1 ? 0 : 250]));
  };
  wrap(HTMLMediaElement.prototype, 'src', { apply(f, self, args) {
    const result = apply(f, self, args);
    ends.get(self)?.();
    media(self);
    return result;
  } }, 'set');
  wrap(window, 'Audio', { construct(f, args, target) {
    const it = construct(f, args, target);
    media(it);
    return it;
  } });
  for (const { prototype } of [HTMLImageElement, HTMLIFrameElement])
    wrap(prototype, 'src', { apply(f, self, args) {
      const result = apply(f, self, args);
      const loads = self.localName == 'img' ? self.ownerDocument.defaultView : self.isConnected && /^http/.test(self.src);
      if (loads && self.loading != 'lazy' && self.src) track(self, self.src);
      return result;
    } }, 'set');
  // A script that came by innerHTML never runs, and one of another type is data.
  const executes = it => (made.has(it) || document.readyState == 'loading') && !it.noModule && /^(|module|(text|application)\/(x-)?(java|ecma|j|live)script[\d.]*)$/i.test(it.type);
  const source = it => {
    if (it.localName == 'script') return executes(it) && it.src;
    if (it.localName == 'link') return /^(stylesheet|modulepreload)$/.test(it.rel.split(/\s+/)[0]) && /^$|^text\/css|javascript/.test(it.type) && !it.disabled && it.href;
    if (it.loading == 'lazy') return '';
    if (it.localName == 'img') return !it.complete && (it.currentSrc || it.src);
    return it.localName == 'iframe' && /^http/.test(it.src) && it.src;
  };
  const look = it => { const url = !ends.has(it) && source(it); if (url) track(it, url); };
  const added = node => node.querySelectorAll && [node, ...node.querySelectorAll('script,link,img,iframe')].forEach(look);
  new MutationObserver(all => all.forEach(each => each.addedNodes.forEach(added))).observe(document, { childList: true, subtree: true });
  hear(document, ['load', 'error', 'readystatechange'], moved);
  hear(window, ['message', 'load'], moved);
  window.navigation && hear(navigation, ['navigate', 'navigatesuccess', 'navigateerror'], event => {
    if (leaving) leaving();
    const { destination } = event;
    leaving = destination && /^http/.test(destination.url) && !destination.sameDocument && event.downloadRequest == null && wait('navigation', destination.url, 0, null);
  });

  // What the page insists on, and has not taken.
  const refused = new Set();
  hear(window, ['error'], ({ target }) => target?.integrity && refused.add(target.src || target.href));

  port1.onmessage = () => hops.shift()();
  const hop = () => new Promise(next => { hops.push(next); apply(postMessage, port2, [0]); });
  // The browser's own list of what it has loaded ends at 250.
  const loads = new Map(), note = all => all.forEach(({ name, startTime }) => {
    const url = name.split('#')[0];
    put(loads, url, startTime);
    moved();
  });
  const observer = new PerformanceObserver(all => note(all.getEntries()));
  observer.observe({ type: 'resource', buffered: true });
  // Each call has an entry that begins before the next call of the same.
  const loaded = (url, since = 0) => {
    const next = Math.min(...(since && asked.get(url) || []).filter(other => other > since));
    return loads.get(url)?.some(start => start >= since && start < next);
  };
  // The first line of the page's own: Firefox shows ours as the page's, too.
  const ours = (line, at) => at < 4 && /(^|at |\.)(wait|apply|construct|repeats)\b/.test(line);
  const place = error => {
    try {
      return error.stack.split('\n').filter((line, at) => !ours(line, at))
        .map(line => /\w+:\/\/[^\s()]+:\d+:\d+/.exec(line)?.[0]).find(Boolean);
    } catch {}
  };
  const list = scripts => {
    note(observer.takeRecords());
    const { readyState } = document;
    pending.forEach(({ kind, url, since, node }, id) => {
      // It never loads: it was taken out, or is a script that did not come with the page and that nobody made.
      const gone = kind == 'script' ? readyState == 'complete' && !made.has(node)
        : node && !node.isConnected && /link|iframe/.test(kind);
      if (gone || (since && loaded(url.split('#')[0], since))) pending.delete(id);
    });
    const all = [...pending.values()].map(({ kind, url, at }) => [kind, url, place(at)]);
    for (const it of document.images)
      if (!it.complete && it.loading != 'lazy' && !ends.has(it)) all.push(['img', it.currentSrc || it.src]);
    scripts.forEach(url => loaded(url, 0) || all.push(['import', url]));
    streams.forEach((_, it) => it.readyState > 1 && streams.delete(it));
    const open = [...streams].map(([it, { url, heard }]) => `[${quote(url)}, ${it.readyState}, {${Object.keys(heard).map(type => `${quote(type)}: ${heard[type]}`)}}]`);
    // By hand: pages have been seen that change how arrays become JSON.
    const waits = all.map(it => `[${it.map(part => part ? quote(part) : 'null')}]`);
    return `{"turn": ${turn}, "slow": ${slow.size}, "folded": [${[...folded].map(it => quote(it))}], "refused": [${[...refused].map(it => quote(it))}], "workers": ${workers}, "dedicated": ${dedicated}, "ready": ${quote(reopened ? 'complete' : readyState)}, "streams": [${open}], "pending": [${waits}]}`;
  };
  // Resolves once nothing has moved for three tasks, and not before something has since `seen`. Until then it waits for
  // clocks: for all of them ('quiet'), not for frames ('undrawn'), for none ('still'); 'now' waits for nothing.
  const runs = how => {
    if (/quiet|undrawn/.test(how) && timers) return true;
    if (how != 'quiet' || document.hidden) return false;
    if (observing && !drawn) drawAll();
    return frames || drawing || animates();
  };
  let live;
  hear(port1, ['x'], () => live = true);
  port1.dispatchEvent(new Event('x'));
  const ask = async (seen, scripts, how) => {
    // Where scripts are forbidden nothing is heard, and nothing moves.
    for (let still = 0, last; still < 3 && live && how != 'now'; last = turn) {
      while (turn == seen || runs(how)) await new Promise(next => wakers.push(next));
      await hop();
      // A module runs a task after its entry.
      note(observer.takeRecords());
      still = turn == last ? still + 1 : 0;
    }
    return list(scripts);
  };
  defineProperty(window, key, { value: ask });
}
