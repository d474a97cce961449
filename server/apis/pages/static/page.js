// Making elements. Texts stay texts: nothing is ever parsed as markup.

/** Return an element with attributes (or properties that are functions) and children. */
export function make(name, given = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(given)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== false && value != null) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

/** Return the element of an id. */
export const the = (id) => document.getElementById(id);

/** Return a bar part that is as wide as its share, 0 to 1. */
export function wide(element, share) {
  element.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return element;
}

/** Return radio buttons side by side; `choices` are pairs of a value and what it is called. */
export function segments(name, choices, chosen, onChange) {
  return choices.map(([value, label]) =>
    make("label", {},
      make("input", {
        type: "radio", name, value, checked: value === chosen, change: () => onChange(value),
      }),
      make("span", {}, label)));
}

/** Return milliseconds as people read them. */
export function milliseconds(ms) {
  if (ms >= 1000) return `${+(ms / 1000).toPrecision(3)} s`;
  return `${ms >= 100 ? Math.round(ms) : +ms.toPrecision(2)} ms`;
}

/** Return a share of 1 as a percentage. */
export const percent = (share) => `${(share * 100).toFixed(share > 0.0995 || share === 0 ? 0 : 1)} %`;
