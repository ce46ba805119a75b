/** One buyer: how far they have come, what they bought. No ids of platforms, no personal data. */
import { h } from "../dom.js";
import { address, get } from "../live/api.js";
import { NOTHING, clock, glance, yuan } from "../pure/format.js";
import { figure } from "../parts/number.js";
import { saleRows } from "../parts/sales.js";

function tagName(page, tag) {
  const [kind, id] = tag.split(":");
  return kind === "mode" ? page.t.named("mode", id) : kind === "store" ? `${page.t("of.store")} ${id}` : tag;
}

function found(page, buyer) {
  const at = (text) => clock(text ? Date.parse(text) : null, page.zone, "date minute");
  const facts = [
    [page.t("buyer.stage"), buyer.stage ? page.t.named("stage", buyer.stage) : NOTHING],
    [page.t("buyer.home_store"), buyer.home_store_id ?? NOTHING],
    [page.t("buyer.orders"), figure("buyer_orders", glance(buyer.orders, "orders", page.lang))],
    [page.t("net"), figure("buyer_net_fen", yuan(buyer.net_fen, page.lang))],
    [page.t("buyer.sessions"), figure("buyer_sessions", glance(buyer.sessions_seen, "events", page.lang))],
    [page.t("buyer.first_seen"), at(buyer.first_seen)],
    [page.t("buyer.last_seen"), at(buyer.last_seen)],
    [page.t("buyer.last_order"), at(buyer.last_order_at)],
    [page.t("buyer.tags"), buyer.tags?.map((tag) => tagName(page, tag)).join(page.t("list.comma")) || NOTHING],
  ];
  return [
    h("h1", {}, `${page.t("buyer")} ${buyer.buyer_id}`),
    h("dl", { class: "card facts" }, ...facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    h("section", { class: "card" }, h("h2", {}, page.t("buyer.sales")), h("ol", { class: "sales of-one" }, ...saleRows(page, buyer.sales ?? [], false))),
  ];
}

/** The page. */
export function buyer(page, [buyerId = ""]) {
  const node = h("div", { class: "page", "aria-busy": "true" });
  page.load(node, get(address("buyers", buyerId)), (data) => node.append(...found(page, data)), page.t("buyer.unknown", { id: buyerId }));
  return { node, title: `${page.t("buyer")} ${buyerId}` };
}
