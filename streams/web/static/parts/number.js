/** A number with its definition, and the label that names it. */
import { h, icon, mark, say } from "../dom.js";
import { exact, glance } from "../pure/format.js";

/** The name of a number, as a button: focus or tap tells what it means. */
export const term = (page, name) =>
  h("button", { type: "button", class: "term", data: { def: name } }, page.label(name), icon("info"));

/** An element for a number; `show(element, value)` puts one in. */
export const number = (name, className = "num") => h("data", { class: className, data: { def: name } });

/** A number among the facts of a page, written already. */
export const figure = (name, text) => h("span", { class: "num", data: { def: name } }, text);

/** Show a number at a glance; the whole of it in the value, and in the definition where something was rounded off. */
export function show(page, node, value, short = glance) {
  const unit = page.unit(node.dataset.def);
  const [text, whole] = [short(value, unit, page.lang), exact(value, unit, page.lang)];
  say(node, text);
  mark(node, "value", value ?? "");
  if (text === whole) delete node.dataset.exact;
  else node.dataset.exact = whole;
}
