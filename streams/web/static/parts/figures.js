/** Every number of a session with its definition: the whole show, the last ten minutes, the ten before. */
import { h } from "../dom.js";
import { showChange } from "./headline.js";
import { number, show } from "./number.js";

const WINDOWS = ["show", "last_10m", "previous_10m"];

function row(page, name) {
  const cells = WINDOWS.map(() => number(name));
  const delta = h("span", { class: "delta" });
  const node = h(
    "tr",
    {},
    h("th", { scope: "row" }, page.label(name)),
    ...cells.map((cell, at) => h("td", { class: at ? "num wide" : "num" }, cell)),
    h("td", { class: "num" }, delta),
    h("td", { class: "meaning wide" }, page.definition(name)?.text ?? ""),
  );
  return {
    node,
    update(snapshot) {
      cells.forEach((cell, at) => show(page, cell, snapshot[WINDOWS[at]][name]));
      showChange(page, delta, snapshot.last_10m[name], snapshot.previous_10m[name], page.unit(name));
    },
  };
}

/** The part: made when it is opened. */
export function figures(page) {
  let [rows, room] = [null, null];
  const body = h("tbody");
  const heads = ["figure", ...WINDOWS, "change", "meaning"];
  const wide = ["last_10m", "previous_10m", "meaning"];
  const classOf = (name) => [name === "figure" || name === "meaning" ? "" : "num", wide.includes(name) ? "wide" : ""].join(" ");
  const head = h("tr", {}, ...heads.map((name) => h("th", { scope: "col", class: classOf(name) }, page.t(`column.${name}`))));
  const node = h("details", { class: "card figures" }, h("summary", {}, page.t("figures")), h("table", {}, h("thead", {}, head), body));
  const draw = () => {
    if (!node.open || !room) return;
    rows ??= Object.keys(room.snapshot.show).map((name) => row(page, name));
    if (!body.children.length) body.append(...rows.map((one) => one.node));
    rows.forEach((one) => one.update(room.snapshot));
  };
  node.addEventListener("toggle", draw);
  return {
    node,
    update(next) {
      room = next;
      draw();
    },
    needs: ["snapshot"],
  };
}
