/** The stores of one room side by side, each in its place. */
import { fill, h, mark, say, sayId } from "../dom.js";
import { percent } from "../pure/format.js";
import { share, storeColumns } from "../pure/sums.js";
import { number, show } from "./number.js";

function column() {
  return h(
    "li",
    {},
    h("h3", {}),
    h("span", { class: "bar", "aria-hidden": "true" }, h("span")),
    number("party_net_fen", "value num"),
    h("span", { class: "share num", data: { def: "party_share" } }),
    h("span", { class: "orders" }, number("party_orders")),
  );
}

/** The part; with fewer than two stores there is nothing to compare. */
export function stores(page) {
  const list = h("ol", { class: "columns" });
  const node = h("section", { class: "card stores" }, h("h2", {}, page.t("stores")), list);
  return {
    node,
    update(room) {
      const found = storeColumns(room.store_ids, room.parties?.store);
      node.hidden = found.filter(({ id }) => id !== "none").length < 2;
      if (node.hidden) return;
      const total = found.reduce((sum, { net_fen: fen }) => sum + fen, 0);
      const most = Math.max(1, ...found.map(({ net_fen: fen }) => fen));
      fill(list, found, column, (item, { id, net_fen: fen, orders }) => {
        const [name, bar, value, part, counted] = item.children;
        sayId(name, id === "none" ? page.t("nobody") : id);
        mark(name, "title", id);
        bar.firstChild.style.setProperty("--share", Math.max(0, fen) / most);
        show(page, value, fen);
        say(part, share(fen, total) === null ? "–" : percent(share(fen, total), 1));
        show(page, counted.firstChild, orders);
        say(counted.firstChild, page.t("orders.count", { count: counted.firstChild.textContent }));
      });
    },
  };
}
