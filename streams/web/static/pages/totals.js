/** Stores, anchors and modes over all sessions: of one day, or of all. */
import { h } from "../dom.js";
import { address, get } from "../live/api.js";
import { rowsOf } from "../pure/sums.js";
import { partyTable } from "../parts/parties.js";

const LISTS = { store: "stores", anchor: "anchors", mode: "modes" };

/** The page. */
export function totals(page) {
  const day = page.query.day ?? "";
  const input = h("input", { type: "date", value: day, on: { change: () => page.go("totals", [], { ...page.query, day: input.value }) } });
  const tables = Object.keys(LISTS).map((dimension) => [dimension, partyTable(page, dimension)]);
  const said = h("div");
  const node = h(
    "div",
    { class: "page totals" },
    h("h1", {}, page.t("nav.totals")),
    h("p", { class: "choose" }, h("label", {}, page.t("day"), " ", input), h("span", { class: "note" }, page.t(day ? "day.note" : "day.all"))),
    said,
    h("section", { class: "parties" }, ...tables.map(([dimension, view]) => h("div", { class: `card ${dimension}` }, view.node))),
  );
  const ask = (list) => {
    const url = address(list);
    if (day) url.searchParams.set("day", day);
    return get(url);
  };
  page.load(said, Promise.all(Object.values(LISTS).map(ask)), (answers) =>
    tables.forEach(([dimension, view], at) => view.set(rowsOf(answers[at][LISTS[dimension]]))),
  );
  return { node, title: page.t("nav.totals") };
}
