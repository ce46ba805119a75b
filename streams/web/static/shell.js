/** What stays around every page: the bar with the choice of session, the search, freshness and settings. */
import { h, icon, mark } from "./dom.js";
import { address, get } from "./live/api.js";
import { other } from "./live/settings.js";
import { clock } from "./pure/format.js";
import { format } from "./pure/route.js";

const REFRESH = 15_000; // ms between two looks at which sessions there are
const MOST_ENDED = 30;

/** `● Douyin r1 · A1 · 20:00`. */
export function sessionName(page, room) {
  const mark_ = room.live ? "●" : "○";
  const at = clock(Date.parse(room.started_at), page.zone, room.live ? "minute" : "date minute");
  return `${mark_} ${page.t.named("carrier", room.carrier)} ${room.room_id} · ${room.anchor_ids.join(page.t("list.comma"))} · ${at}`;
}

/** A `select` of sessions, live ones first; `choose(session_id)`. */
export function chooser(page, label, choose) {
  const select = h("select", { "aria-label": label, on: { change: () => select.value && choose(select.value) } });
  let known = "";
  return {
    node: select,
    set(rooms, chosen) {
      const shape = JSON.stringify([chosen, rooms.map((room) => sessionName(page, room))]);
      if (shape !== known && document.activeElement !== select) {
        known = shape;
        const group = (name, found) =>
          found.length ? h("optgroup", { label: page.t(name) }, ...found.map((room) => h("option", { value: room.session_id }, sessionName(page, room)))) : null;
        const ended = rooms.filter((room) => !room.live).slice(0, MOST_ENDED);
        const groups = [group("live", rooms.filter((room) => room.live)), group("ended", ended)].filter(Boolean);
        select.replaceChildren(h("option", { value: "" }, label), ...groups);
      }
      select.value = chosen && [...select.options].some(({ value }) => value === chosen) ? chosen : "";
    },
  };
}

function search(page, go) {
  const input = h("input", { type: "search", name: "order", required: true, autocomplete: "off", spellcheck: "false", placeholder: page.t("search"), "aria-label": page.t("search") });
  return h("form", { class: "search", role: "search", on: { submit: (event) => (event.preventDefault(), go("order", [input.value.trim()])) } }, input);
}

function setting(page, name, label, content) {
  return h("button", { type: "button", class: `setting set-${name}`, "aria-label": label, title: label, on: { click: () => page.set(name, other(name, page.settings[name])) } }, content);
}

/** The bar. `update(route)` marks where one is; `rooms` are looked at now and then. */
export function shell(page, freshness) {
  const sessions = chooser(page, page.t("choose"), (id) => page.go("room", [id]));
  const links = ["rooms", "totals", "compare"].map((name) => h("a", { href: format(name) }, page.t(`nav.${name}`)));
  const { trend, theme, lang } = page.settings;
  let route = { page: "rooms", args: [] };
  let rooms = [];
  const bar = h(
    "header",
    { class: "bar" },
    h("a", { class: "brand", href: format("rooms") }, h("span", { class: "logo", "aria-hidden": "true" }), "Livepool"),
    sessions.node,
    h("nav", { class: "pages", "aria-label": page.t("pages") }, ...links),
    search(page, page.go),
    freshness.line,
    h(
      "div",
      { class: "settings" },
      setting(page, "trend", page.t(`trend.${trend}`), [h("span", { class: "up", "aria-hidden": "true" }, "▲"), h("span", { class: "down", "aria-hidden": "true" }, "▼")]),
      setting(page, "theme", page.t(`theme.${other("theme", theme)}`), icon(theme === "dark" ? "sun" : "moon")),
      setting(page, "lang", lang === "zh" ? "EN (English)" : "中文", lang === "zh" ? "EN" : "中"),
    ),
  );
  const draw = () => sessions.set(rooms, route.page === "room" ? route.args[0] : null);
  const look = async () => {
    try {
      ({ rooms } = await get(address("rooms")));
      draw();
    } catch {
      // the page itself says what is wrong
    }
  };
  setInterval(() => document.visibilityState === "visible" && look(), REFRESH);
  return {
    node: bar,
    look,
    rooms: () => rooms,
    update(next) {
      route = next;
      links.forEach((link, at) => mark(link, "aria-current", ["rooms", "totals", "compare"][at] === route.page ? "page" : null));
      draw();
    },
  };
}

