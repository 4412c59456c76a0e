// Creates elements. Strings become text nodes, never markup.

const SVG = "http://www.w3.org/2000/svg";

export function h(tag, attributes = {}, ...children) {
  const element = tag === "svg" || tag === "rect" || tag === "path"
    ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export const byId = (id) => document.getElementById(id);

// Replaces the content of an element if it has changed. Focus and selection are kept.
export function fill(place, ...children) {
  const made = h("div", {}, ...children);
  if (place.innerHTML === made.innerHTML) return;
  const focused = place.contains(document.activeElement) ? document.activeElement : null;
  const key = focused?.dataset.key;
  place.replaceChildren(...made.childNodes);
  if (key) place.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

// Announces a message to screen readers.
export function say(text) {
  const place = byId("said");
  if (place.textContent !== text) place.textContent = text;
}

export function table(caption, columns, rows, { empty = "No data yet.", seen = false } = {}) {
  if (!rows.length) return h("p", { class: "soft" }, empty);
  const head = columns.map((one) =>
    h("th", { scope: "col", class: one.number ? "number" : null }, one.title));
  const named = Math.max(0, columns.findIndex((one) => one.names));
  const body = rows.map((row) => h("tr", {}, columns.map((one, at) => {
    const content = one.cell(row);
    const attributes = { class: one.number ? "number" : one.wide ? "wide" : null };
    return at === named ? h("th", { scope: "row", ...attributes }, content)
      : h("td", attributes, content);
  })));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {},
      h("caption", { class: seen ? null : "unseen" }, caption),
      h("thead", {}, h("tr", {}, head)), h("tbody", {}, body)));
}
