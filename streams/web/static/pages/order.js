/** Why an order was credited as it was: at a glance per line, then the whole explanation. */
import { h } from "../dom.js";
import { address, get } from "../live/api.js";
import { clock, yuan } from "../pure/format.js";
import { format } from "../pure/route.js";
import { showTier } from "../parts/credited.js";
import { figure } from "../parts/number.js";
import { nameOf } from "../parts/parties.js";

const PARTS = { live: ["anchor", "mode"], store: ["store"] };

const net = (page, { net_fen: fen }, def = "party_net_fen") => h("data", { class: "num", value: fen, data: { def } }, yuan(fen, page.lang));

function decision(page, line, which) {
  const { rule, tier } = line[which];
  const badge = h("span", { class: "tier", data: { def: "tier" } });
  showTier(page, badge, tier);
  const credits = PARTS[which].flatMap((dimension) =>
    line.credits[dimension].map((credit) => h("li", {}, h("span", {}, `${page.t(`of.${dimension}`)} ${nameOf(page, dimension, credit.party_id)}`), net(page, credit))),
  );
  return h(
    "div",
    { class: "decision" },
    h("h3", {}, page.t(`decision.${which}`)),
    h("p", {}, h("strong", {}, page.t.named("rule", rule)), " ", badge),
    h("ul", { class: "credits" }, ...credits),
  );
}

function lineCard(page, line) {
  const session = line.session_id ? h("a", { href: format("room", [line.session_id]) }, `${page.t("session")} ${line.session_id}`) : null;
  return h(
    "li",
    { class: "card" },
    h("h2", {}, `${page.t("line", { id: line.line_id })} · ${line.item_id} × ${line.quantity} · `, net(page, line, "order_net_fen")),
    session,
    h("div", { class: "decisions" }, decision(page, line, "live"), decision(page, line, "store")),
  );
}

function found(page, told) {
  const text = Array.isArray(told.text) ? told.text.join("\n") : (told.text ?? "");
  const facts = [
    [page.t("order.state"), page.t(`order.${told.state}`)],
    [page.t("buyer"), h("a", { href: format("buyer", [told.buyer_id]) }, told.buyer_id)],
    [page.t("order.placed_at"), clock(Date.parse(told.placed_at), page.zone, "date minute second")],
    [page.t("order.paid_at"), clock(told.paid_at ? Date.parse(told.paid_at) : null, page.zone, "date minute second")],
    [page.t("amount"), figure("order_amount_fen", yuan(told.amount_fen, page.lang))],
    [page.t("refunded"), figure("order_refunded_fen", yuan(told.refunded_fen, page.lang))],
    [page.t("net"), figure("order_net_fen", yuan(told.amount_fen - told.refunded_fen, page.lang))],
  ];
  return [
    h("h1", {}, `${page.t("order")} ${told.order_id} · ${page.t.named("carrier", told.carrier)}`),
    h("dl", { class: "card facts" }, ...facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    h("ul", { class: "lines" }, ...told.lines.map((line) => lineCard(page, line))),
    h("section", { class: "card" }, h("h2", {}, page.t("explanation")), h("pre", { class: "explanation" }, text)),
  ];
}

/** The page. */
export function order(page, [orderId = ""]) {
  const node = h("div", { class: "page", "aria-busy": "true" });
  const url = address("orders", orderId);
  url.searchParams.set("lang", page.lang);
  if (page.query.carrier) url.searchParams.set("carrier", page.query.carrier);
  page.load(node, get(url), (told) => node.append(...found(page, told)), page.t("order.unknown", { id: orderId }));
  return { node, title: `${page.t("order")} ${orderId}` };
}
