export const get = (id) => document.getElementById(id);

/** An element. Its children are elements and texts: a value from a span never becomes markup. */
export function el(tag, className, ...children) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
}

export function link(href, text) {
  const element = el('a', '', text);
  element.href = href;
  return element;
}

/** Makes `wanted` the children of `parent`. Those that are there already stay in place, and so does the focus. */
export function setChildren(parent, wanted) {
  const focused = document.activeElement;
  const keep = new Set(wanted);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  for (const [index, child] of wanted.entries()) {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  }
  if (focused !== document.activeElement) focused.focus({ preventScroll: true });
}

export const count = (number, noun) => `${number} ${noun}${number === 1 ? '' : 's'}`;

export function formatDuration(micros) {
  if (micros === undefined) return 'no duration';
  return micros >= 1e6 ? `${(micros / 1e6).toFixed(2)} s` : `${(micros / 1e3).toFixed(1)} ms`;
}

export function formatTime(micros, fractionalSecondDigits) {
  const digits = { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits };
  return new Date(micros / 1000).toLocaleTimeString([], { hourCycle: 'h23', ...digits });
}

/** One of the six colours of style.css. Those of service1, service2 and service3 differ. */
export const hueOf = (name) => `hue${[...name].reduce((sum, character) => sum + character.codePointAt(0), 0) % 6}`;
