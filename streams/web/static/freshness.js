/** How fresh what is shown is, each second; and a stale state that nobody can overlook: banner, dimmed numbers, title. */
import { h, icon, mark, say } from "./dom.js";
import { serverNow } from "./live/api.js";
import { clock } from "./pure/format.js";
import { freshness, seconds } from "./pure/freshness.js";

/** `{line, banner, state(how), look(as_of), idle(title), end}`. */
export function freshnessView(page) {
  const [dot, text] = [h("span", { class: "dot", "aria-hidden": "true" }), h("span", { class: "num" })];
  const zone = h("span", { class: "zone" }, page.zone);
  const line = h("p", { class: "freshness", title: page.t("fresh.meaning") }, dot, text, zone);
  const said = h("span");
  const banner = h("div", { class: "banner", role: "alert", hidden: true }, icon("alert"), said);
  let [asOf, connected, title, watched] = [null, false, "", false];

  function draw() {
    const root = document.documentElement;
    const idle = !watched;
    const { behind, stale, waiting } = asOf === null ? { behind: 0, stale: false, waiting: !connected } : freshness(asOf, serverNow(), connected);
    const bad = !idle && (stale || (waiting && asOf !== null));
    mark(line, "data-state", idle ? "idle" : bad ? "stale" : asOf === null ? "idle" : "fresh");
    const at = clock(asOf, page.zone);
    say(text, idle || asOf === null ? idle ? "" : page.t("fresh.connecting") : page.t("fresh", { at, behind: seconds(behind) }));
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
    state(how) {
      connected = how === "open";
      draw();
    },
    look(text) {
      if (!text) return; // the server has not read anything yet
      asOf = Date.parse(text);
      connected = true;
    },
    /** Another page: `watched` when it follows a stream. */
    begin(name, follows) {
      [asOf, connected, title, watched] = [null, false, name, follows];
      draw();
    },
    name(text) {
      title = text;
    },
    end: () => clearInterval(timer),
  };
}
