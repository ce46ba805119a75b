/** How fresh what is shown is, each second; and a stale state that nobody can overlook: banner, dimmed numbers, title. */
import { h, icon, mark, say } from "./dom.js";
import { serverNow } from "./live/api.js";
import { clock } from "./pure/format.js";
import { seconds, worst } from "./pure/freshness.js";

/** `{line, banner, begin(title, streams), state(how, at), look(as_of, at), name(title), end}`; `at` names the stream. */
export function freshnessView(page) {
  const [dot, text] = [h("span", { class: "dot", "aria-hidden": "true" }), h("span", { class: "num" })];
  const zone = h("span", { class: "zone" }, page.zone);
  const line = h("p", { class: "freshness", title: page.t("fresh.meaning") }, dot, text, zone);
  const said = h("span");
  const banner = h("div", { class: "banner", role: "alert", hidden: true }, icon("alert"), said);
  let [streams, title] = [[], ""];

  function draw() {
    const root = document.documentElement;
    const found = worst(streams, serverNow());
    const { asOf, connected, behind, bad } = found ?? { asOf: null, bad: false };
    const at = clock(asOf, page.zone);
    mark(line, "data-state", bad ? "stale" : asOf === null ? "idle" : "fresh");
    say(text, !found ? "" : asOf === null ? page.t("fresh.connecting") : page.t("fresh", { at, behind: seconds(behind) }));
    mark(root, "data-stale", bad ? "" : null);
    banner.hidden = !bad;
    // Not the seconds: a screen reader would read them all.
    if (bad) say(said, page.t(connected ? "stale.behind" : "stale.lost", { at }));
    const name = title ? `${title} · Livepool` : "Livepool";
    const whole = bad ? `⚠ ${page.t("stale.title", { seconds: seconds(behind) })} · ${name}` : name;
    if (document.title !== whole) document.title = whole;
  }

  const timer = setInterval(draw, 200);
  return {
    line,
    banner,
    state(how, at = 0) {
      streams[at].connected = how === "open";
      draw();
    },
    look(text, at = 0) {
      if (text) streams[at].asOf = Date.parse(text); // else the server has not read anything yet
    },
    /** Another page, and how many streams it follows. */
    begin(name, follows) {
      streams = Array.from({ length: follows }, () => ({ asOf: null, connected: false }));
      title = name;
      draw();
    },
    name(text) {
      title = text;
    },
    end: () => clearInterval(timer),
  };
}
