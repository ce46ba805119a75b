/** The sales of a session, the latest first, when asked for; each leads to its explanation and its buyer. */
import { h } from "../dom.js";
import { address, get } from "../live/api.js";
import { clock, yuan } from "../pure/format.js";
import { format } from "../pure/route.js";

const PAGE = 20;

/** Rows of sales: when, order, buyer (unless all are of one), rules, net. */
export function saleRows(page, sales, withBuyer = true) {
  const rule = ({ rule: name, tier }) => `${page.t.named("rule", name)} · ${page.t.named("tier", tier)}`;
  return sales.map((sale) =>
    h(
      "li",
      {},
      h("span", { class: "at num" }, clock(Date.parse(sale.placed_at), page.zone, "date minute")),
      h("a", { class: "id", href: format("order", [sale.order_id], { carrier: sale.carrier }) }, sale.order_id),
      withBuyer && h("a", { class: "id", href: format("buyer", [sale.buyer_id]) }, sale.buyer_id),
      h("span", { class: "why" }, rule(sale.live)),
      h("span", { class: "why" }, rule(sale.store)),
      h("data", { class: "num", value: sale.net_fen, data: { def: "party_net_fen" } }, yuan(sale.net_fen, page.lang)),
    ),
  );
}

/** The part. */
export function sales(page) {
  let [next, session] = [undefined, null];
  let asking = null; // the question under way: one at a time, so that no row comes twice
  const list = h("ol", { class: "sales" });
  const more = h("button", { type: "button", class: "more", on: { click: load } }, page.t("sales.more"));
  const said = h("p", { class: "note", role: "status" });
  const node = h("details", { class: "card" }, h("summary", {}, page.t("sales")), list, said, more);
  node.addEventListener("toggle", () => {
    if (!node.open) return;
    asking?.abort();
    [asking, next] = [null, undefined];
    list.replaceChildren();
    load();
  });

  async function load() {
    if (asking || session === null) return;
    const question = (asking = new AbortController());
    const url = address("rooms", session, "sales");
    url.searchParams.set("limit", PAGE);
    if (next) url.searchParams.set("after", next);
    try {
      const found = await get(url, question.signal);
      list.append(...saleRows(page, found.sales));
      next = found.next;
      said.textContent = list.children.length ? "" : page.t("sales.none");
      more.hidden = !next;
    } catch (error) {
      if (asking === question) said.textContent = error.message;
    } finally {
      if (asking === question) asking = null;
    }
  }

  return {
    node,
    update: (room) => {
      const early = session === null && node.open; // opened before it was known of which session
      session = room.session_id;
      if (early) load();
    },
  };
}
