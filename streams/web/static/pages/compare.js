/** Two sessions side by side: every number, and their course since the start. */
import { h, say } from "../dom.js";
import { address, get } from "../live/api.js";
import { followRoom } from "../live/room.js";
import { sinceStart } from "../pure/sums.js";
import { chart } from "../parts/chart.js";
import { showChange } from "../parts/headline.js";
import { number, show } from "../parts/number.js";
import { chooser } from "../shell.js";

const CHARTS = { online: 1, net_fen_cumulated: 3 };
const COLOURS = ["--online", "--money"];

function figuresTable(page) {
  const [body, names] = [h("tbody"), [h("span"), h("span")]];
  const titles = ["figure", null, null, "difference"].map((name, at) => h("th", { scope: "col", class: at ? "num" : "" }, name ? page.t(`column.${name}`) : names[at - 1]));
  let rows = null;
  const make = (name) => {
    const cells = [number(name), number(name), h("span", { class: "delta" })];
    const node = h("tr", {}, h("th", { scope: "row" }, page.label(name)), ...cells.map((cell) => h("td", { class: "num" }, cell)));
    return { name, node, cells };
  };
  return {
    node: h("div", { class: "card" }, h("table", { class: "two" }, h("caption", { class: "hidden" }, page.t("compare")), h("thead", {}, h("tr", {}, ...titles)), body)),
    update(both) {
      rows ??= Object.keys(both[0].snapshot.show).map(make);
      if (!body.children.length) body.append(...rows.map(({ node }) => node));
      both.forEach((room, at) => say(names[at], `${"AB"[at]} ${page.t.named("carrier", room.carrier)}`));
      for (const { name, cells } of rows) {
        const [a, b] = both.map((room) => room.snapshot.show[name]);
        show(page, cells[0], a);
        show(page, cells[1], b);
        showChange(page, cells[2], b, a, page.unit(name));
      }
    },
  };
}

function courses(page) {
  const boxes = Object.entries(CHARTS).map(([name, at]) => {
    const box = h("div", { class: "plot", role: "img", "aria-label": page.t("compare.chart", { name: page.label(name) }) });
    const lines = COLOURS.map((colour) => ({ colour, unit: page.unit(name) }));
    const xText = (seconds) => page.t("minutes.since", { minutes: Math.round(seconds / 60) });
    return { name, at, box, plot: chart(page, box, { lines, xText, sync: "compare" }) };
  });
  return {
    node: h("div", { class: "card courses" }, ...boxes.map(({ name, box }) => h("div", { class: "panel last" }, h("h2", { class: "of-chart", data: { def: name } }, page.label(name)), box)), h("p", { class: "legend" }, h("span", { class: "a" }, "A"), h("span", { class: "b" }, "B"))),
    update: (both) => boxes.forEach(({ name, at, plot }) => plot.set(sinceStart(both.map(({ series }) => series), at - 1, name === "net_fen_cumulated"))),
    end: () => boxes.forEach(({ plot }) => plot.end()),
    redraw: () => boxes.forEach(({ plot }) => plot.redraw()),
  };
}

/** The page. */
export function compare(page, ids) {
  const choosers = [0, 1].map((at) => chooser(page, page.t("compare.choose", { which: "AB"[at] }), (id) => page.go("compare", at ? [ids[0] ?? id, id] : [id, ids[1] ?? id])));
  const [table, charts] = [figuresTable(page), courses(page)];
  const shown = h("div", { class: "comparison", hidden: true }, charts.node, table.node);
  const hint = h("p", { class: "card note" }, page.t("compare.hint"));
  const node = h("div", { class: "page" }, h("h1", {}, page.t("compare")), h("div", { class: "choosers" }, ...choosers.map((one, at) => h("label", {}, h("span", { class: "ab"[at] }, "AB"[at]), one.node))), hint, shown);
  const both = [null, null];
  const draw = () => {
    const known = both.every((room) => room?.snapshot);
    const partly = both.findIndex((room) => room && !room.snapshot);
    [hint.hidden, shown.hidden] = [known, !known];
    if (partly !== -1) say(hint, page.t("compare.partly", { which: "AB"[partly] }));
    if (!known) return;
    table.update(both);
    charts.update(both);
  };
  const stops = ids.slice(0, 2).map((id, at) =>
    followRoom(id, { show: (room) => ((both[at] = room), draw()), state: (how) => page.state(how, at), look: (asOf) => page.look(asOf, at) }),
  );
  get(address("rooms")).then(({ rooms }) => choosers.forEach((one, at) => one.set(rooms, ids[at])), () => {});
  return {
    node,
    title: page.t("compare"),
    follows: stops.length,
    redraw: charts.redraw,
    end() {
      stops.forEach((stop) => stop());
      charts.end();
    },
  };
}
