// What a page waits for. In each document before any other script; asked through window[Symbol.for('holdup')].
// Native functions are wrapped in Proxies, which a page cannot tell from them, and callbacks are left as they are.
() => {
  const { apply, construct, defineProperty, getOwnPropertyDescriptor } = Reflect;
  const key = Symbol.for('holdup'), { addEventListener } = EventTarget.prototype, { postMessage } = MessagePort.prototype;
  const native = new WeakMap(), pending = new Map(), born = new WeakMap(), calls = new WeakMap(), made = new WeakSet(), looked = new WeakSet();
  const images = new Set(), hops = [], { port1, port2 } = new MessageChannel();
  if (window[key]) return;
  let serial = 0, turn = 0, timers = 0, frames = 0, workers = 0, wakers = [], leaving;

  const moved = () => { turn++; wake(); };
  const wake = () => wakers.splice(0).forEach(it => it());
  const hear = (it, types, heard) => types.forEach(type => apply(addEventListener, it, [type, heard, true]));
  // Begins a wait, and gives what ends it.
  const wait = (kind, url = '', since, at = new Error()) => {
    const id = ++serial;
    pending.set(id, { kind, url, since, at });
    moved();
    return () => { if (pending.delete(id)) moved(); };
  };
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
    const url = href(args[0]), since = performance.now(), done = wait('fetch', url);
    return until(apply(f, self, args), answer => { answer && born.set(answer, { url, since }); done(); });
  } });
  for (const name of ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'])
    wrap(Response.prototype, name, { apply: (f, self, args) => until(apply(f, self, args), wait('body', self?.url)) });
  // Who reads the stream by hand is done when the browser has all of it.
  wrap(Response.prototype, 'body', { apply(f, self, args) {
    const { url, since } = born.get(self) ?? {};
    if (url) born.delete(self), wait('stream', url, since);
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
    const since = performance.now(), sent = apply(f, self, args);
    if (sent) wait('sendBeacon', href(args[0]), since);
    return sent;
  } });
  // A clock of the same time runs after the page's own; an interval counts until it has struck once.
  const clock = (set, clear, again, running, count) => {
    const once = window[again];
    wrap(window, set, { apply(f, self, args) {
      const id = apply(f, self, args);
      if (args[1] > 1000) return id;
      const done = wait(set), end = () => { if (running.delete(id)) { count(-1); done(); } };
      count(1);
      running.set(id, end);
      apply(once, self, [end, args[1]]);
      return id;
    } });
    wrap(window, clear, { apply(f, self, args) { running.get(args[0])?.(); return apply(f, self, args); } });
  };
  const all = new Map(), timed = by => timers += by;
  clock('setInterval', 'clearInterval', 'setTimeout', all, timed);
  clock('setTimeout', 'clearTimeout', 'setTimeout', all, timed);
  clock('requestIdleCallback', 'cancelIdleCallback', 'requestIdleCallback', new Map(), timed);
  clock('requestAnimationFrame', 'cancelAnimationFrame', 'requestAnimationFrame', new Map(), by => frames += by);
  wrap(MessagePort.prototype, 'postMessage', { apply(f, self, args) { moved(); return apply(f, self, args); } });
  for (const name of ['WebSocket', 'EventSource', 'Worker'])
    wrap(window, name, { construct(f, args, target) {
      const it = construct(f, args, target), done = it.url ? wait(name, it.url) : void workers++;
      hear(it, ['open', 'error', 'close', 'message'], () => { done && done(); moved(); });
      return it;
    } });
  wrap(Document.prototype, 'createElement', { apply(f, self, args) {
    const it = apply(f, self, args);
    made.add(it);
    return it;
  } });
  wrap(HTMLImageElement.prototype, 'src', { apply(f, self, args) {
    images.add(self);
    hear(self, ['load', 'error'], moved);
    return apply(f, self, args);
  } }, 'set');
  // A script that came by innerHTML never runs, and one of another type is data.
  const executes = it => (made.has(it) || document.readyState == 'loading') && !it.noModule && /^$|script|module/.test(it.type);
  const look = it => {
    const url = it.localName == 'script' ? executes(it) && it.src : /^(stylesheet|modulepreload)/.test(it.rel) && !it.disabled && it.href;
    if (!url || looked.has(it)) return;
    looked.add(it);
    hear(it, ['load', 'error'], wait(it.localName, url, 0, null));
  };
  const added = node => node.querySelectorAll && [node, ...node.querySelectorAll('script,link')].forEach(look);
  new MutationObserver(all => all.forEach(each => each.addedNodes.forEach(added))).observe(document, { childList: true, subtree: true });
  hear(document, ['load', 'error', 'readystatechange'], moved);
  hear(window, ['message', 'load'], moved);
  window.navigation && hear(navigation, ['navigate', 'navigatesuccess', 'navigateerror'], event => {
    if (leaving) leaving();
    const { destination } = event;
    leaving = destination && !destination.sameDocument && event.downloadRequest == null && wait('navigation', destination.url, 0, null);
  });

  port1.onmessage = () => hops.shift()();
  const hop = () => new Promise(next => { hops.push(next); apply(postMessage, port2, [0]); });
  // The browser's own list of what it has loaded ends at 250.
  const loads = new Map(), note = all => all.forEach(it => { loads.set(it.name.split('#')[0], it); moved(); });
  const observer = new PerformanceObserver(all => note(all.getEntries()));
  observer.observe({ type: 'resource', buffered: true });
  const loaded = (url, since) => loads.get(url)?.startTime >= since;
  // The first line of the page's own: Firefox shows ours as the page's, too.
  const ours = (line, at) => at < 4 && /(^|at |\.)(wait|apply|construct)\b/.test(line);
  const place = error => error?.stack.split('\n').filter((line, at) => !ours(line, at))
    .map(line => /\w+:\/\/[^\s()]+:\d+:\d+/.exec(line)?.[0]).find(Boolean);
  const list = scripts => {
    note(observer.takeRecords());
    pending.forEach(({ url, since }, id) => { if (since && loaded(url.split('#')[0], since)) pending.delete(id); });
    const all = [...pending.values()].map(({ kind, url, at }) => [kind, url, place(at)]);
    new Set([...images, ...document.images]).forEach(it => {
      if (it.complete) images.delete(it); else if (it.loading != 'lazy') all.push(['image', it.currentSrc || it.src]);
    });
    const frame = location.href == 'about:blank' && window.frameElement?.src;
    if (/^http/.test(frame)) all.push(['iframe', frame]);
    scripts.forEach(url => loaded(url, 0) || all.push(['import', url]));
    return JSON.stringify({ turn, workers, ready: document.readyState, pending: all });
  };
  // Resolves once nothing has moved for three tasks, and not before something has since `seen`. Until then it waits for
  // clocks: for all of them ('quiet'), not for frames ('undrawn'), for none ('still'); 'now' waits for nothing.
  const runs = how => (/quiet|undrawn/.test(how) && timers) || (how == 'quiet' && frames && !document.hidden);
  const ask = async (seen, scripts, how) => {
    for (let still = 0, last; still < 3 && how != 'now'; last = turn) {
      while (turn == seen || runs(how)) await new Promise(next => wakers.push(next));
      await hop();
      still = turn == last ? still + 1 : 0;
    }
    return list(scripts);
  };
  defineProperty(window, key, { value: ask });
}
