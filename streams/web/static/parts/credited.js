/** How the money was credited: which rule won, and how strong its evidence is. */
import { fill, h, mark, say } from "../dom.js";
import { percent } from "../pure/format.js";
import { share } from "../pure/sums.js";
import { number, show } from "./number.js";

const STRENGTH = { certain: 4, strong: 3, medium: 2, weak: 1, none: 0 };

/** Show how strong evidence is. */
export function showTier(page, node, tier) {
  say(node, page.t.named("tier", tier));
  mark(node, "data-strength", STRENGTH[tier] ?? 0);
}

const makeRow = () =>
  h(
    "li",
    {},
    h("span", { class: "rule" }),
    h("span", { class: "tier", data: { def: "tier" } }),
    h("span", { class: "bar", "aria-hidden": "true" }, h("span")),
    number("party_net_fen", "value num"),
    h("span", { class: "share num", data: { def: "credited_share" } }),
  );

function listOf(page, decision) {
  const list = h("ul", { class: "rules" });
  return {
    node: h("div", { class: "decision" }, h("h3", {}, page.t(`decision.${decision}`)), list),
    update(credited) {
      const rows = Object.entries(credited ?? {}).sort(([, a], [, b]) => b.net_fen - a.net_fen);
      const total = rows.reduce((sum, [, { net_fen: fen }]) => sum + fen, 0);
      fill(list, rows, makeRow, (item, [key, { net_fen: fen }]) => {
        const [rule, tier] = key.split("/");
        const [name, badge, bar, value, part] = item.children;
        say(name, page.t.named("rule", rule));
        mark(name, "title", rule);
        showTier(page, badge, tier);
        bar.firstChild.style.setProperty("inline-size", `${100 * Math.max(0, share(fen, total) ?? 0)}%`);
        show(page, value, fen);
        say(part, share(fen, total) === null ? "–" : percent(share(fen, total), 1));
      });
    },
  };
}

/** The part. */
export function credited(page) {
  const lists = ["live", "store"].map((decision) => ({ decision, ...listOf(page, decision) }));
  return {
    node: h("section", { class: "card credited" }, h("h2", {}, page.t("credited")), h("div", { class: "decisions" }, ...lists.map(({ node }) => node))),
    update: (room) => lists.forEach(({ decision, update }) => update(room.credited?.[decision])),
  };
}
