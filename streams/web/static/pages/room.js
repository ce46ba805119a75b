/** The board of one session. */
import { h, say } from "../dom.js";
import { followRoom } from "../live/room.js";
import { glance } from "../pure/format.js";
import { credited } from "../parts/credited.js";
import { figures } from "../parts/figures.js";
import { funnel } from "../parts/funnel.js";
import { head } from "../parts/head.js";
import { headline } from "../parts/headline.js";
import { parties } from "../parts/parties.js";
import { problems } from "../parts/problems.js";
import { sales } from "../parts/sales.js";
import { stores } from "../parts/stores.js";
import { trend } from "../parts/trend.js";

const SPOKEN = 30_000; // ms between two summaries that are read out

function summary(page) {
  const node = h("p", { class: "hidden", "aria-live": "polite" });
  let last = -Infinity;
  return {
    node,
    update({ snapshot }) {
      if (!snapshot || performance.now() - last < SPOKEN) return;
      last = performance.now();
      const said = ["gmv_net_fen", "online", "orders_paid"].map((name) => `${page.label(name)} ${glance(snapshot.show[name], page.unit(name), page.lang)}`);
      say(node, said.join(page.t("list.comma")));
    },
  };
}

/** The page. */
export function room(page, [sessionId]) {
  const makers = [headline, trend, funnel, stores, problems, parties, credited, sales, figures];
  const parts = [head(page, sessionId), summary(page), ...makers.map((make) => make(page))];
  const limited = h("p", { class: "card note", hidden: true }, page.t("limited"));
  const node = h("div", { class: "board", "aria-busy": "true" }, parts[0].node, limited, ...parts.slice(1).map((part) => part.node));
  let latest = null;
  let drawn = null;
  let frame = 0;

  function draw() {
    if (!latest || latest === drawn) return;
    drawn = latest;
    limited.hidden = Boolean(drawn.snapshot);
    for (const part of parts) {
      const known = !part.needs?.some((name) => !drawn[name]);
      if (part.needs) part.node.hidden = !known;
      if (known) part.update(drawn);
    }
    node.removeAttribute("aria-busy");
    page.title(`${page.t.named("carrier", drawn.carrier)} ${drawn.room_id}`);
  }

  const stop = followRoom(sessionId, {
    show(document) {
      if (latest === null || latest === drawn) frame = requestAnimationFrame(draw);
      latest = document;
    },
    state: page.state,
    look: page.look,
  });
  return {
    node,
    follows: 1,
    redraw: () => parts.forEach((part) => part.redraw?.()),
    end() {
      stop();
      cancelAnimationFrame(frame); // it would draw, and name, a page that is not shown any more
      parts.forEach((part) => part.end?.());
    },
  };
}
