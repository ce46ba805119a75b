/** Who sold how much: tables per store, anchor, mode and item. */
import { h } from "../dom.js";
import { rowsOf } from "../pure/sums.js";
import { table } from "./table.js";

const COUNTS = ["sales", "orders", "units"];
const TABLES = {
  store: [...COUNTS, "net_fen"],
  anchor: [...COUNTS, "net_fen"],
  mode: [...COUNTS, "net_fen"],
  item: ["orders", "units", "paid_fen", "refunded_fen", "net_fen"],
};
const LEAST = { store: 4, anchor: 4, mode: 2, item: 10 };
const WIDE = ["sales", "paid_fen", "refunded_fen"]; // left out on a phone; the CSV has everything

/** What a party is called. */
export const nameOf = (page, dimension, id) =>
  id === "none" ? page.t("nobody") : dimension === "mode" ? page.t.named("mode", id) : id;

/** A table of one dimension; the sort is kept in the address. */
export function partyTable(page, dimension) {
  const numbers = TABLES[dimension].map((name) => ({ name, def: `party_${name}`, wide: WIDE.includes(name) }));
  return table(page, {
    title: page.t(`by.${dimension}`),
    columns: [{ name: dimension, text: (row) => nameOf(page, dimension, row.id) }, ...numbers].map((column) =>
      column.name === dimension ? { ...column, name: "id" } : column,
    ),
    sort: page.query[dimension] ?? "-net_fen",
    onSort: (sort) => page.keep(dimension, sort === "-net_fen" ? "" : sort),
    least: LEAST[dimension],
  });
}

/** The part. */
export function parties(page) {
  const tables = Object.keys(TABLES).map((dimension) => ({ dimension, shown: null, view: partyTable(page, dimension) }));
  return {
    node: h("section", { class: "parties" }, h("h2", { class: "hidden" }, page.t("parties")), ...tables.map(({ view, dimension }) => h("div", { class: `card ${dimension}` }, view.node))),
    update(room) {
      for (const one of tables) {
        const found = room.parties?.[one.dimension];
        if (found !== one.shown) one.view.set(rowsOf(found));
        one.shown = found;
      }
    },
  };
}
