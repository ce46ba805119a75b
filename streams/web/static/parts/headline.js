/** The headline: what an operator sees first, each with the last ten minutes against the ten before. */
import { h, mark, say } from "../dom.js";
import { change } from "../pure/change.js";
import { glance } from "../pure/format.js";
import { number, show, term } from "./number.js";

const FIRST = ["gmv_net_fen", "online", "viewers", "orders_paid", "conversion", "pool_joins"];
const SECOND = [
  "gmv_paid_fen",
  "refunded_fen",
  "average_order_fen",
  "gpm_fen",
  "avg_watch_seconds",
  "click_conversion",
  "new_buyers",
  "units",
];

function tile(page, name, className) {
  const value = number(name, "value num");
  const [recent, delta] = [h("span", { class: "recent num" }), h("span", { class: "delta" })];
  const beside = name === "online" ? number("peak_online", "recent num") : recent;
  const node = h("li", { class: `tile ${className}` }, h("h3", {}, term(page, name)), value, h("p", {}, delta, beside));
  return {
    node,
    update({ show: whole, last_10m: last, previous_10m: previous }) {
      show(page, value, whole[name]);
      say(recent, page.t("recent", { value: glance(last[name], page.unit(name), page.lang) }));
      if (beside !== recent) {
        show(page, beside, whole.peak_online);
        say(beside, page.t("peak", { value: beside.textContent }));
      }
      showChange(page, delta, last[name], previous[name], page.unit(name));
    },
  };
}

/** An arrow, a sign and a word; read out in full. */
export function showChange(page, node, last, previous, unit) {
  const { direction, arrow, amount, word } = change(last, previous, unit, page.lang);
  if (!node.firstChild) node.append(h("span", { "aria-hidden": "true" }), h("span"), h("span"));
  const [glyph, size, said] = node.children;
  say(glyph, arrow);
  say(size, amount);
  say(said, word);
  mark(node, "data-direction", direction);
  mark(node, "title", page.t("against", { value: glance(previous, unit, page.lang) }));
}

/** The part. */
export function headline(page) {
  const first = FIRST.map((name, at) => tile(page, name, at ? "first" : "first hero"));
  const second = SECOND.map((name) => tile(page, name, "second"));
  const tiles = [...first, ...second];
  return {
    node: h(
      "section",
      { class: "headline", "aria-label": page.t("headline") },
      h("h2", { class: "hidden" }, page.t("headline")),
      h("ul", { class: "tiles" }, ...first.map((one) => one.node)),
      h("ul", { class: "tiles small" }, ...second.map((one) => one.node)),
    ),
    update: (room) => tiles.forEach((one) => one.update(room.snapshot)),
    needs: ["snapshot"],
  };
}
