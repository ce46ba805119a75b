/** All sessions: the live ones as cards, those that have ended as a list. */
import { fill, h, mark, say } from "../dom.js";
import { followRooms } from "../live/room.js";
import { clock, glance } from "../pure/format.js";
import { format } from "../pure/route.js";
import { total } from "../pure/sums.js";
import { number, show } from "../parts/number.js";

const NUMBERS = ["online", "viewers", "orders_paid"];

function card(page) {
  const figures = NUMBERS.map((name) => h("li", {}, h("span", { class: "label" }, page.label(name)), number(name)));
  return h(
    "li",
    { class: "card session" },
    h("h3", {}, h("a", {})),
    h("p", { class: "who" }),
    h("p", { class: "money" }, h("span", { class: "label" }, page.label("gmv_net_fen")), number("gmv_net_fen", "value num")),
    h("ul", { class: "figures" }, ...figures),
    h("p", { class: "since num" }),
  );
}

function showCard(page, item, room) {
  const [title, who, money, figures, since] = item.children;
  const link = title.firstChild;
  say(link, `${page.t.named("carrier", room.carrier)} ${room.room_id}`);
  mark(link, "href", format("room", [room.session_id]));
  say(who, `${page.t.named("mode", room.mode)} · ${page.t("anchors")} ${room.anchor_ids.join(page.t("list.comma")) || "–"} · ${page.t("stores.count", { count: room.store_ids.length })}`);
  show(page, money.lastChild, room.show?.gmv_net_fen);
  NUMBERS.forEach((name, at) => show(page, figures.children[at].lastChild, room.show?.[name]));
  const [from, to] = [clock(Date.parse(room.started_at), page.zone, "date minute"), room.ended_at && clock(Date.parse(room.ended_at), page.zone, "minute")];
  say(since, `${from} – ${to || page.t("live")}`);
  mark(item, "data-live", room.live);
}

/** Net GMV of several sessions: each order line counts for one of them. Of a session seen in part it is not known. */
function netOf(page, found) {
  return glance(total(found.map(({ show: figures }) => figures?.gmv_net_fen ?? null)), "fen", page.lang);
}

/** The page. */
export function rooms(page) {
  const groups = ["live", "ended"].map((name) => ({ name, list: h("ul", { class: "sessions" }), title: h("h2") }));
  const none = h("p", { class: "card note", hidden: true }, page.t("sessions.none"));
  const node = h("div", { class: "page" }, h("h1", { class: "hidden" }, page.t("nav.rooms")), none, ...groups.flatMap(({ title, list }) => [title, list]));
  const stop = followRooms({
    show(found) {
      none.hidden = found.length > 0;
      for (const { name, list, title } of groups) {
        const shown = found.filter((room) => room.live === (name === "live"));
        title.hidden = !shown.length;
        say(title, page.t(`sessions.${name}`, { count: shown.length, net: netOf(page, shown) }));
        fill(list, shown, () => card(page), (item, room) => showCard(page, item, room));
      }
    },
    state: page.state,
    look: page.look,
  });
  return { node, follows: 1, end: stop, title: page.t("nav.rooms") };
}
