/** Online, paid orders and net GMV per minute: three charts over one time axis, a sentence, and a table of the same. */
import { h, mark, say } from "../dom.js";
import { clock, exact, glance } from "../pure/format.js";
import { columns } from "../pure/sums.js";
import { chart } from "./chart.js";
import { number, show, term } from "./number.js";

const LINES = [
  { name: "online", colour: "--online", bars: false },
  { name: "orders_per_minute", colour: "--orders", bars: true },
  { name: "net_fen_per_minute", colour: "--money", bars: true },
];
const SPOKEN = 10_000; // ms between two texts for screen readers

function panel(page, line, at, onPoint) {
  const value = number(line.name, "num");
  const minute = h("span", { class: "minute num" });
  const box = h("div", { class: "plot", role: "img" });
  const last = at === LINES.length - 1;
  const node = h("div", { class: last ? "panel last" : "panel" }, h("h3", {}, term(page, line.name), minute, value), box);
  const xText = (seconds) => clock(seconds * 1000, page.zone, "minute");
  const plot = chart(page, box, {
    lines: [{ ...line, unit: page.unit(line.name) }],
    xText,
    withX: last,
    sync: "trend",
    at: onPoint,
  });
  return {
    node,
    plot,
    set: (data) => plot.set([data[0], data[at + 1]]),
    point(data, index) {
      const known = index !== null && index < data[0].length;
      const where = known ? index : data[0].length - 1;
      say(minute, where < 0 ? "" : xText(data[0][where]));
      show(page, value, data[at + 1][where]);
      mark(node, "data-pointed", known || null);
    },
    describe: (text) => mark(box, "aria-label", text),
  };
}

/** What a line does, in words: now, the highest and when. */
function sentence(page, name, minutes, values) {
  const unit = page.unit(name);
  const top = values.reduce((best, value, at) => (value > values[best] ? at : best), 0);
  return page.t("trend.sentence", {
    name: page.label(name),
    now: glance(values.at(-1), unit, page.lang),
    from: clock(minutes[0] * 1000, page.zone, "minute"),
    to: clock(minutes.at(-1) * 1000, page.zone, "minute"),
    most: glance(values[top], unit, page.lang),
    at: clock(minutes[top] * 1000, page.zone, "minute"),
  });
}

function tableOf(page, data) {
  const row = (_, at) => {
    const index = data[0].length - 1 - at; // the latest first
    const cells = LINES.map(({ name }, line) => h("td", { class: "num" }, exact(data[line + 1][index], page.unit(name), page.lang)));
    return h("tr", {}, h("th", { scope: "row", class: "num" }, clock(data[0][index] * 1000, page.zone, "minute")), ...cells);
  };
  const heads = LINES.map(({ name }) => h("th", { scope: "col", class: "num", data: { def: name } }, page.label(name)));
  return h(
    "table",
    {},
    h("caption", { class: "hidden" }, page.t("trend")),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, page.t("minute")), ...heads)),
    h("tbody", {}, ...data[0].map(row)),
  );
}

/** The part. */
export function trend(page) {
  let [data, pointed, spoken, series] = [[[], [], [], []], null, -Infinity, null];
  const repoint = () => panels.forEach((one) => one.point(data, pointed));
  const onPoint = (index) => {
    if (pointed === index) return;
    pointed = index;
    repoint();
  };
  const panels = LINES.map((line, at) => panel(page, line, at, onPoint));
  const table = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": page.t("trend") });
  table.hidden = true;
  const tabulate = () => !table.hidden && data[0].length && table.replaceChildren(tableOf(page, data));
  const toggle = () => {
    table.hidden = !table.hidden;
    mark(more, "aria-expanded", !table.hidden);
    tabulate();
  };
  const more = h("button", { type: "button", class: "as-table", "aria-expanded": "false", on: { click: toggle } }, page.t("trend.table"));
  return {
    node: h("section", { class: "card trend" }, h("div", { class: "title" }, h("h2", {}, page.t("trend")), more), ...panels.map((one) => one.node), table),
    update(room) {
      if (room.series === series) return;
      series = room.series;
      data = columns(series);
      panels.forEach((one) => one.set(data));
      repoint();
      if (!data[0].length || performance.now() - spoken < SPOKEN) return;
      spoken = performance.now();
      panels.forEach((one, at) => one.describe(sentence(page, LINES[at].name, data[0], data[at + 1])));
      tabulate();
    },
    end: () => panels.forEach((one) => one.plot.end()),
    redraw: () => panels.forEach((one) => one.plot.redraw()),
  };
}
