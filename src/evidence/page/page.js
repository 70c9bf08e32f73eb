'use strict';
(() => {
  const $ = (what, inside = document) => [...inside.querySelectorAll(what)];
  const rows = $('.events tr[id]');
  const main = rows.filter(row => row.id[0] === 'e'), other = rows.filter(row => row.id[0] === 'p');
  const differs = $('.orders tr.differs');
  let at = null;

  // Every block of code gets a button.
  for (const pre of $('pre.copy')) {
    const box = document.createElement('div'), button = document.createElement('button');
    box.className = 'copybox';
    button.type = 'button';
    button.textContent = 'Copy';
    button.onclick = async () => {
      const text = pre.textContent;
      try { await navigator.clipboard.writeText(text); } catch {
        const area = document.createElement('textarea');
        area.value = text;
        box.append(area);
        area.select();
        document.execCommand('copy');
        area.remove();
      }
      button.textContent = 'Copied';
      button.focus();
    };
    pre.replaceWith(box);
    box.append(pre, button);
  }

  const open = element => { for (let up = element.closest('details'); up; up = up.parentElement.closest('details')) up.open = true; };
  const marks = id => $('.lanes a').filter(link => link.getAttribute('href') === '#' + id);

  // One row of the table is in the order of tabs; the keys move it.
  const links = new Map(rows.map(row => [row, row.querySelector('a')]));
  links.forEach(link => { link.tabIndex = -1; });

  function pick(row, focus) {
    if (at) {
      at.classList.remove('on');
      at.removeAttribute('aria-current');
      links.get(at).tabIndex = -1;
      marks(at.id).forEach(link => link.classList.remove('on'));
    }
    at = row;
    row.classList.add('on');
    row.setAttribute('aria-current', 'true');
    links.get(row).tabIndex = 0;
    for (const link of marks(row.id)) {
      link.classList.add('on');
      const lanes = link.closest('.lanes'), box = link.getBoundingClientRect(), frame = lanes.getBoundingClientRect();
      lanes.scrollLeft += box.left - frame.left - lanes.clientWidth / 2;
      if (focus) lanes.scrollTop += box.top - frame.top - lanes.clientHeight / 2;
    }
    if (focus) {
      open(row);
      links.get(row).focus({ preventScroll: true });
      row.scrollIntoView({ block: 'nearest' });
    }
  }

  const visible = list => list.filter(row => !row.hidden);
  function step(by) {
    const list = visible(other.includes(at) ? other : main);
    const next = list[Math.min(Math.max(list.indexOf(at) + by, 0), list.length - 1)];
    if (next) pick(next, true);
  }

  let difference = -1;
  function toDifference(by) {
    if (!differs.length) return;
    difference = Math.min(Math.max(difference + by, 0), differs.length - 1);
    const row = differs[difference], link = row.querySelector('a');
    open(row);
    (link || row).focus({ preventScroll: true });
    row.scrollIntoView({ block: 'center' });
    const target = link && document.getElementById(link.hash.slice(1));
    if (target) pick(target, false);
  }

  // The same event in the other order, by its text.
  const says = row => row.lastElementChild.textContent;
  function toOther(list) {
    if (!list.length || !at) return;
    const own = list === main ? other : main;
    const nth = own.filter(row => says(row) === says(at)).indexOf(at);
    const same = list.filter(row => says(row) === says(at));
    pick(same[Math.max(nth, 0)] || same[0] || list[Math.min(own.indexOf(at), list.length - 1)], true);
  }

  // `url ~ "x"`, `method == "POST"`, `status == 404`, words; `&` between terms and `!` before one.
  const flows = new Map($('details.flow').map(flow => [flow.id, flow]));
  const fields = text => {
    const found = /^#\S+ (\S+) (\S+) → (\d*)/.exec(text) || [];
    return { method: found[1] || '', path: found[2] || '', status: found[3] || '' };
  };
  function test(term, row) {
    const no = term.startsWith('!'), said = no ? term.slice(1).trim() : term;
    const parts = /^(url|path|method|status|host)\s*(~|==|contains)\s*"?(.*?)"?$/.exec(said);
    let hit;
    if (parts) {
      const link = row.querySelector('td:nth-child(3) a'), flow = link && flows.get(link.hash.slice(1));
      if (!flow) return false;
      const of = fields(flow.firstElementChild.textContent), url = flow.querySelector('p').textContent.trim().split(' ')[0];
      const value = parts[1] === 'url' ? url : parts[1] === 'host' ? url.split('/')[2] || '' : of[parts[1]];
      if (parts[2] === '~') { try { hit = new RegExp(parts[3]).test(value); } catch { hit = false; } }
      else hit = parts[2] === '==' ? value === parts[3] : value.includes(parts[3]);
    } else hit = row.textContent.toLowerCase().includes(said.toLowerCase());
    return hit !== no;
  }

  const bar = document.createElement('div');
  bar.className = 'bar';
  bar.innerHTML = '<label>Filter <input type="search" placeholder="words, or url ~ &quot;/api&quot; &amp; !status == 200"></label>'
    + '<span role="status"></span><button type="button">Keys (?)</button>';
  const [input, status, help] = [bar.querySelector('input'), bar.querySelector('span'), bar.querySelector('button')];
  input.oninput = () => {
    const terms = (input.value.match(/(?:"[^"]*"|[^&])+/g) || []).map(term => term.trim()).filter(Boolean);
    for (const row of rows) row.hidden = !terms.every(term => test(term, row));
    status.textContent = terms.length ? visible(main).length + ' of ' + main.length + ' events' : '';
  };
  const dialog = document.createElement('dialog');
  dialog.setAttribute('aria-label', 'Keys');
  dialog.innerHTML = '<h2>Keys</h2><table><tbody>' + [['j, k', 'next, previous event'], ['n, p', 'next, previous difference of the orders'],
    ['←, →', 'the same event in the order that passes, in the one that fails'], ['Enter', 'the flow of the event'], ['/', 'filter'],
    ['Esc', 'close, clear the filter'], ['?', 'these keys']].map(([key, what]) => '<tr><th scope="row">' + key + '</th><td>' + what + '</td></tr>').join('')
    + '</tbody></table><form method="dialog"><button>Close</button></form>';
  help.onclick = () => dialog.showModal();
  const first = document.querySelector('.lanes');
  if (first) first.before(bar);
  document.body.append(dialog);

  function toFlow() {
    const link = at && at.querySelector('td:nth-child(3) a'), flow = link && flows.get(link.hash.slice(1));
    if (!flow) return false;
    flow.open = true;
    flow.firstElementChild.focus();
    flow.scrollIntoView({ block: 'nearest' });
    return true;
  }

  const keys = { j: () => step(1), k: () => step(-1), n: () => toDifference(1), p: () => toDifference(-1), ArrowLeft: () => toOther(other),
    ArrowRight: () => toOther(main), '/': () => input.focus(), '?': () => dialog.showModal() };
  document.addEventListener('keydown', event => {
    if (event.ctrlKey || event.altKey || event.metaKey || dialog.open) return;
    if (event.key === 'Escape') {
      if (input.value) { input.value = ''; input.oninput(); }
      if (at) links.get(at).focus();
      return;
    }
    const inField = event.target === input, onRow = at && event.target === links.get(at);
    const scrolls = event.key.startsWith('Arrow') && !onRow;
    if (inField || scrolls) return;
    if (event.key === 'Enter' && onRow && toFlow()) return event.preventDefault();
    if (keys[event.key]) { keys[event.key](); event.preventDefault(); }
  });

  document.addEventListener('click', event => {
    const link = event.target.closest('a[href^="#"]'), row = link && document.getElementById(link.hash ? link.hash.slice(1) : link.getAttribute('href').slice(1));
    if (!row) return;
    open(row);
    if (row.tagName === 'DETAILS') row.open = true;
    if (links.has(row)) { event.preventDefault(); history.replaceState(null, '', '#' + row.id); pick(row, true); }
  });
  for (const row of rows) {
    row.onmouseenter = () => marks(row.id).forEach(link => link.classList.add('on'));
    row.onmouseleave = () => row !== at && marks(row.id).forEach(link => link.classList.remove('on'));
  }

  // Opens at the row in the address, else at the one that decides, without moving the page away from the verdict.
  const named = document.getElementById(location.hash.slice(1)), deciding = document.querySelector('#deciding');
  const decides = deciding && document.getElementById(deciding.getAttribute('href').slice(1));
  if (named && links.has(named)) pick(named, true);
  else if (main.length) pick(decides || main.findLast(row => row.children[2].textContent === 'test') || main[0], false);
})();
