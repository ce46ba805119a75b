/** What goes wrong now: dead letters, what is still to be read, what nobody is credited with. */
import { fill, h, icon, mark, say } from "../dom.js";
import { share } from "../pure/sums.js";
import { number, show, term } from "./number.js";

const LIMITS = { dead_letters_10m: 0, lag: 1000, unattributed_store_share: 0.1, unattributed_anchor_share: 0.1 };
// Above these an operator should look: any dead letter, a second's worth of reading, a tenth of the money.

const MOST_REASONS = 3;

const sum = (counts) => Object.values(counts ?? {}).reduce((total, count) => total + count, 0);

/** The reasons with most dead letters, the others (null) in one: a row, however many there are. */
function largest(counts) {
  const found = Object.entries(counts ?? {}).sort(([, a], [, b]) => b - a);
  const rest = found.slice(MOST_REASONS).reduce((total, [, count]) => total + count, 0);
  return rest ? [...found.slice(0, MOST_REASONS), [null, rest]] : found;
}

/** The numbers of the part, each `bad`, `good` or, where it is null, `unknown`. */
export function troubles({ snapshot, problems = {} }) {
  const { dead_letters_10m: recent, lag, unattributed } = problems;
  // Who sees only some stores does not see what is credited to nobody.
  const shareOf = (dimension) => (snapshot && unattributed ? share(unattributed[`${dimension}_fen`], unattributed.net_fen) : null);
  const found = {
    dead_letters_10m: sum(recent),
    lag: lag ?? null,
    unattributed_store_share: shareOf("store"),
    unattributed_anchor_share: shareOf("anchor"),
  };
  return Object.entries(found).map(([name, value]) => ({ name, value, state: stateOf(value, LIMITS[name]) }));
}

const stateOf = (value, limit) => (value === null ? "unknown" : value > limit ? "bad" : "good");

function row(page, { name }) {
  const state = h("span", { class: "state" });
  return h("li", { class: "trouble" }, h("h3", {}, term(page, name)), number(name, "value num"), state);
}

/** The part. */
export function problems(page) {
  const list = h("ul", { class: "troubles" });
  const reasons = h("ul", { class: "reasons" });
  const verdict = h("p", { class: "verdict" });
  return {
    node: h("section", { class: "card problems" }, h("h2", {}, page.t("problems")), verdict, list, reasons),
    update(room) {
      const found = troubles(room);
      if (!list.children.length) list.append(...found.map((one) => row(page, one)));
      found.forEach(({ value, state }, at) => {
        const [, number_, said] = list.children[at].children;
        show(page, number_, value);
        flag(list.children[at], said, state, page.t(`state.${state}`));
      });
      const of = (state) => found.filter((one) => one.state === state).length;
      const worst = of("bad") ? "bad" : of("unknown") ? "unknown" : "good";
      flag(verdict, verdict, worst, page.t(`problems.${worst}`, { count: of("bad") }));
      fill(reasons, largest(room.problems?.dead_letters_10m), () => h("li", {}, h("span"), h("span", { class: "num" })), (item, [reason, count]) => {
        say(item.firstChild, reason === null ? page.t("reason.others") : page.t.named("reason", reason));
        say(item.lastChild, String(count));
      });
    },
  };
}

const ICONS = { bad: "alert", good: "good", unknown: "info" };

function flag(node, where, state, text) {
  if (node.dataset.state === state && where.lastChild?.textContent === text) return;
  where.replaceChildren(icon(ICONS[state]), h("span", {}, text));
  mark(node, "data-state", state);
}
