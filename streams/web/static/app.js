/** Starts the page: settings, words, definitions; then whatever the address names, until it names something else. */
import { catalogue } from "./catalogue.js";
import { h } from "./dom.js";
import { freshnessView } from "./freshness.js";
import { Refused, address, get } from "./live/api.js";
import { dictionary, speaker } from "./live/language.js";
import { keep, memory, settingsOf } from "./live/settings.js";
import { buyer } from "./pages/buyer.js";
import { compare } from "./pages/compare.js";
import { login } from "./pages/login.js";
import { order } from "./pages/order.js";
import { room } from "./pages/room.js";
import { rooms } from "./pages/rooms.js";
import { totals } from "./pages/totals.js";
import { format, parse } from "./pure/route.js";
import { shell } from "./shell.js";
import { explainOnDemand } from "./tip.js";

const PAGES = { rooms, room, totals, compare, order, buyer };
const ZONE = "Asia/Shanghai"; // unless the server names another
const root = document.documentElement;

async function start() {
  const settings = settingsOf(new URLSearchParams(location.search), memory, navigator.languages);
  for (const [name, value] of Object.entries(settings)) root.dataset[name] = value;
  root.lang = settings.lang === "zh" ? "zh-CN" : "en";
  for (const name of Object.keys(settings)) if (new URLSearchParams(location.search).has(name)) memory.set(name, settings[name]);
  const t = speaker(await dictionary(settings.lang));
  const page = { settings, lang: settings.lang, t, zone: ZONE, query: {}, definition: () => null };
  page.go = (name, args = [], query = {}) => {
    location.hash = format(name, args, query);
  };
  page.set = (name, value) => {
    keep(name, value);
    location.reload();
  };
  explainOnDemand((name) => page.definition(name));
  const main = h("main", { id: "main", tabindex: "-1" });
  const skip = h("a", { class: "skip", href: "#main", on: { click: (event) => (event.preventDefault(), main.focus()) } }, t("skip"));
  await learn(page, main);
  const freshness = freshnessView(page);
  const bar = shell(page, freshness);
  document.body.prepend(skip, bar.node, freshness.banner, main);
  run(page, bar, freshness, main);
}

/** Definitions and the time zone; asks for a token where one is needed, and again while nobody answers. */
async function learn(page, main) {
  for (let attempt = 0; ; attempt++) {
    try {
      const [published, status] = await Promise.all([get(address("definitions")), get(address("status"))]);
      Object.assign(page, catalogue(published, page.lang));
      page.zone = status.timezone ?? page.zone;
      main.replaceChildren();
      return;
    } catch (error) {
      if (!main.isConnected) document.body.prepend(main);
      if (error.status === 401) {
        await new Promise((again) => {
          const view = login(page, again);
          main.replaceChildren(view.node);
          view.focus();
        });
        continue;
      }
      main.replaceChildren(h("p", { class: "card note", role: "alert" }, page.t("unreachable", { why: error.message })));
      await new Promise((later) => setTimeout(later, Math.min(10, 1 + attempt) * 1000));
    }
  }
}

/** Show what the address names, now and whenever it changes. */
function run(page, bar, freshness, main) {
  let view = null;
  page.look = freshness.look;
  page.title = (name) => freshness.name(name);
  page.keep = (name, value) => {
    const { page: where, args, query } = parse(location.hash);
    page.query = { ...query, [name]: value };
    history.replaceState(null, "", format(where, args, page.query));
  };
  page.state = (how, at) => (how instanceof Refused ? refused(how, at) : freshness.state(how, at));
  page.load = (node, answer, draw, unknown) =>
    answer.then(draw, (error) => (error.status === 401 ? refused(error) : node.append(notice(error.status === 404 && unknown ? unknown : error.message)))).finally(() => node.removeAttribute("aria-busy"));
  const notice = (text) => h("div", { class: "card note", role: "alert" }, h("h1", {}, text));

  function put(next) {
    view?.end?.();
    view = next;
    freshness.begin(view.title ?? "", view.follows ?? 0);
    main.replaceChildren(view.node);
    view.focus?.();
  }

  function refused({ status, message }, at = 0) {
    const { args } = parse(location.hash);
    if (status === 401) put(login(page, show));
    else put({ node: h("div", { class: "page" }, notice(status === 404 ? page.t("session.unknown", { id: args[at] }) : message)), title: "" });
  }

  function show() {
    const route = parse(location.hash);
    page.query = route.query;
    bar.update(route);
    bar.look();
    put((PAGES[route.page] ?? rooms)(page, route.args));
    scrollTo(0, 0);
    if (bar.shown) main.focus({ preventScroll: true }); // another page was asked for
    bar.shown = true;
  }

  window.addEventListener("hashchange", show);
  show();
}

start();
