/** Elements without innerHTML: what comes from the server is always text. */

/** An element; `on` in the properties has listeners, `data` data attributes, everything else is an attribute. */
export function h(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (name === "data") Object.assign(node.dataset, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Set a text only when it is another one: nothing is laid out anew for equal numbers. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Set an id that may be broken after a separator, where there is too little room for it. */
export function sayId(node, id) {
  if (node.textContent === id) return;
  node.replaceChildren(...id.split(/(?<=[_:-])/).flatMap((part, at) => (at ? [document.createElement("wbr"), part] : [part])));
}

/** Set an attribute, or take it away (null). */
export function mark(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/** As many children as there are items, made by `make(index)` where some are missing; then `update(child, item)`. */
export function fill(parent, items, make, update) {
  while (parent.children.length > items.length) parent.lastElementChild.remove();
  while (parent.children.length < items.length) parent.append(make(parent.children.length));
  items.forEach((item, at) => update(parent.children[at], item));
}

const SVG = "http://www.w3.org/2000/svg";
const PATHS = {
  info: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM8 7.2v4M8 4.7v.6",
  alert: "M8 1.8 15 14H1L8 1.8zM8 6.3v3.6M8 11.6v.6",
  good: "M2.5 8.5l3.6 3.6 7.4-8",
  moon: "M13.5 9.6A6 6 0 0 1 6.4 2.5a6 6 0 1 0 7.1 7.1z",
  sun: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1",
};

/** A small drawing; what it means is told by a text beside it. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  for (const [key, value] of Object.entries({ viewBox: "0 0 16 16", class: `icon ${name}`, "aria-hidden": "true" }))
    svg.setAttribute(key, value);
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
