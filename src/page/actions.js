// Reports what a person does in the page: one message of the console for each click, text, key and choice.
// In each new document before any other script.
() => {
  const key = Symbol.for('holdup:actions');
  // A window that opens while this is installed may get it twice.
  if (window[key]) return;
  Reflect.defineProperty(window, key, { value: true });
  const say = console.debug.bind(console), mark = 'holdup:action', { stringify } = JSON, { escape } = CSS;
  const isText = it => it?.isContentEditable || it?.matches?.('textarea, input:not([type=checkbox], [type=radio], [type=button], '
    + '[type=submit], [type=reset], [type=image], [type=file], [type=range], [type=color])');
  const isAlone = (it, selector) => {
    const all = it.getRootNode().querySelectorAll(selector);
    return all.length === 1 && all[0] === it;
  };
  // The shortest selector that is of this element alone.
  const selector = it => {
    const tag = it.localName, named = ['data-testid', 'data-test', 'name', 'aria-label', 'placeholder']
      .filter(name => it.hasAttribute(name)).map(name => `${tag}[${name}=${stringify(it.getAttribute(name))}]`);
    const short = [it.id && `#${escape(it.id)}`, ...named, tag].find(said => said && isAlone(it, said));
    if (short || !it.parentElement) return short ?? tag;
    const same = [...it.parentElement.children].filter(other => other.localName === tag);
    const step = same.length > 1 ? `${tag}:nth-of-type(${same.indexOf(it) + 1})` : tag;
    return `${selector(it.parentElement)} > ${step}`;
  };
  const report = (kind, event, it, text) => {
    const inner = window !== top || event.composedPath()[0].getRootNode() !== document;
    say(mark, stringify({ kind, at: selector(it), text, inner }));
  };
  const on = (type, heard) => window.addEventListener(type, event => {
    if (event.isTrusted && event.target instanceof Element) heard(event, event.target);
  }, true);

  on('click', (event, it) => {
    // Without a pointer it follows from a key, which is reported; a field is clicked to type into it.
    if (event.detail === 0 || isText(it) || it.closest('select, option')) return;
    const label = it.closest('label');
    // The browser clicks what it is for.
    if (label?.control && label.control !== it) return;
    report('click', event, it.closest('a, button, [role=button], [role=tab], [role=menuitem], summary, input') ?? it);
  });
  const texts = new WeakMap(), textOf = it => it.value ?? it.textContent;
  on('focusin', (_, it) => { if (isText(it)) texts.set(it, textOf(it)); });
  on('input', (event, it) => {
    if (!isText(it) || /^insert(LineBreak|Paragraph)$/.test(event.inputType)) return;
    const before = texts.get(it) ?? '', after = textOf(it);
    texts.set(it, after);
    if (it.type === 'password') report('secret', event, it);
    else if (after.startsWith(before)) report('type', event, it, after.slice(before.length));
    else report('fill', event, it, after);
  });
  on('keydown', (event, it) => {
    const isKey = ['Enter', 'Escape', 'ArrowUp', 'ArrowDown', 'Tab'].includes(event.key) || (event.key === ' ' && !isText(it));
    if (isKey && !event.repeat) report('press', event, it, event.key);
  });
  on('change', (event, it) => { if (it.localName === 'select') report('choose', event, it, it.selectedOptions[0]?.textContent); });
}
