// What a reader sees: [place, text] of each visible text and each field. Clocks, random ids and the like are left out, since
// they differ each time and mean nothing.
(() => {
  const most = 3000, seen = [];
  const plain = text => text.replace(/\s+/g, ' ').trim()
    .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, '(id)')
    .replace(/\b\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:?\d\d)?\b/g, '(time)')
    .replace(/\b\d{1,2}:\d\d(:\d\d)?([.,]\d+)?( ?[ap]m)?\b/gi, '(time)')
    .replace(/\b\d+([.,]\d+)? ?(ms|sec|seconds?|minutes?|min) ago\b/gi, '(time)')
    .replace(/\b(?=[0-9a-z]*\d)(?=[0-9a-z]*[a-z])[0-9a-z]{16,}\b/gi, '(id)')
    .replace(/\b\d{10,}\b/g, '(number)');
  const name = it => {
    const id = it.id && !/\d{3}|[:.]/.test(it.id) ? '#' + it.id : '';
    return it.localName + id;
  };
  const place = it => {
    const path = [];
    for (; it && it != document.body && path.length < 4; it = it.parentElement) {
      path.unshift(name(it));
      if (path[0].includes('#')) break;
    }
    return path.join(' > ');
  };
  const shown = it => it.checkVisibility ? it.checkVisibility({ visibilityProperty: true }) : it.getClientRects().length;
  const texts = document.createTreeWalker(document.body || document.documentElement, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node && seen.length < most; node = texts.nextNode()) {
    const it = node.parentElement, text = plain(node.data);
    if (text && !/^(script|style|template|noscript)$/.test(it.localName) && shown(it)) seen.push([place(it), text]);
  }
  for (const it of document.querySelectorAll('input, textarea, select'))
    if (it.type != 'hidden' && seen.length < most) seen.push([place(it), it.type == 'password' ? it.value.length + ' characters' : plain(it.value) + (it.checked ? ' checked' : '')]);
  seen.push(['address', location.pathname]);
  return JSON.stringify(seen);
})()
