/** From views to the private pool: how many, and which share goes on. */
import { h, say } from "../dom.js";
import { NOTHING, percent } from "../pure/format.js";
import { steps } from "../pure/sums.js";
import { number, show, term } from "./number.js";

function step(page, { name }) {
  return h(
    "li",
    { class: "step" },
    h("h3", {}, term(page, name)),
    number(name, "value num"),
    h("span", { class: "bar", "aria-hidden": "true" }, h("span")),
    h("span", { class: "rate num", data: { def: name === "pool_joins" ? "pool_rate" : "funnel_rate" } }),
  );
}

/** The part. */
export function funnel(page) {
  const list = h("ol", { class: "steps" });
  return {
    node: h("section", { class: "card funnel" }, h("h2", {}, page.t("funnel")), list),
    update(room) {
      const found = steps(room.funnel, room.snapshot?.show);
      if (!list.children.length) list.append(...found.map((one) => step(page, one)));
      const most = Math.max(1, ...found.map(({ value }) => value));
      found.forEach(({ name, value, rate }, at) => {
        const [, number_, bar, said] = list.children[at].children;
        show(page, number_, value);
        bar.firstChild.style.setProperty("inline-size", `${(100 * value) / most}%`);
        const of = name === "pool_joins" ? "funnel.of_viewers" : "funnel.of_previous";
        say(said, at ? page.t(of, { rate: rate === null ? NOTHING : percent(rate, name === "pool_joins" ? 2 : 1) }) : "");
      });
    },
    needs: ["funnel"],
  };
}
