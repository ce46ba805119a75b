/** Which session it is: whether it is live, where, who is on air, since when; and what can be taken away from it. */
import { h, mark, say } from "../dom.js";
import { address } from "../live/api.js";
import { clock, span } from "../pure/format.js";
import { format } from "../pure/route.js";

const FILES = ["figures", "store", "anchor", "mode", "item", "rules", "series"];

/** The part. */
export function head(page, sessionId) {
  const [badge, title, facts] = [h("span", { class: "badge" }), h("h1"), h("ul", { class: "facts" })];
  const report = address("rooms", sessionId, "report");
  report.searchParams.set("lang", page.lang);
  const csv = (name) => `${report.origin}${report.pathname}/${name}.csv${report.search}`;
  const files = FILES.map((name) =>
    h("li", {}, h("a", { href: csv(name), download: `${sessionId}-${name}.csv` }, page.t(`csv.${name}`))),
  );
  const links = h(
    "nav",
    { class: "links", "aria-label": page.t("take") },
    h("a", { href: format("compare", [sessionId]) }, page.t("compare")),
    h("a", { href: report, target: "_blank", rel: "noopener" }, page.t("report")),
    h("details", { class: "menu" }, h("summary", {}, "CSV"), h("ul", {}, ...files)),
  );
  return {
    node: h("section", { class: "head" }, badge, title, facts, links),
    update(room) {
      say(badge, page.t(room.live ? "live" : "ended"));
      mark(badge, "data-live", room.live);
      say(title, `${page.t.named("carrier", room.carrier)} ${room.room_id}`);
      mark(title, "title", room.session_id);
      const [started, latest] = [Date.parse(room.started_at), Date.parse(room.latest_at)];
      const until = room.ended_at ? Date.parse(room.ended_at) : latest;
      const words = [
        page.t.named("mode", room.mode),
        `${page.t("anchors")} ${room.anchor_ids.join(page.t("list.comma")) || "–"}`,
        `${page.t("started")} ${clock(started, page.zone, "date minute")}`,
        page.t(room.live ? "running" : "lasted", { span: span(until - started, page.lang) }),
        `${page.t("latest")} ${clock(latest, page.zone)}`,
      ];
      while (facts.children.length < words.length) facts.append(h("li"));
      words.forEach((text, at) => say(facts.children[at], text));
    },
  };
}
