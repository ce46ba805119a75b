/** A chart over minutes: uPlot with the page's colours, as wide as its box. What it shows is told by others in words. */
import uPlot from "../vendor/uplot/uPlot.esm.js";
import { glance } from "../pure/format.js";

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const font = () => `${0.75 * parseFloat(getComputedStyle(document.documentElement).fontSize)}px ${css("--font")}`;
const FILL = "26"; // alpha of the area below a line
const STEPS = Array.from({ length: 8 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

/** Draw `lines` [{colour, unit, bars}] in a box; `at(index | null)` hears where the pointer is. */
export function chart(page, box, { lines, xText, withX = true, sync, at = () => {} }) {
  let plot = null;
  let data = [[], ...lines.map(() => [])];
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const axis = () => ({
    stroke: css("--muted"),
    font: font(),
    grid: { stroke: css("--line"), width: 1 },
    ticks: { show: false },
  });
  const series = ({ colour, bars }) => ({
    stroke: css(colour),
    width: 2,
    fill: lines.length === 1 ? css(colour) + (bars ? "cc" : FILL) : undefined,
    points: { show: false },
    paths: bars ? uPlot.paths.bars({ size: [0.7, 24], gap: 1 }) : uPlot.paths.linear(),
  });
  const options = () => ({
    width: box.clientWidth || 300,
    height: box.clientHeight || 120,
    legend: { show: false },
    padding: [rem * 0.4, rem, withX ? 0 : rem * 0.3, 0],
    cursor: { y: false, drag: { setScale: false, x: false, y: false }, sync: sync ? { key: sync } : undefined, points: { show: false } },
    select: { show: false },
    scales: { x: { time: false }, y: { range: (_, low, high) => [Math.min(0, low), Math.max(4, high * 1.08)] } },
    axes: [
      {
        ...axis(),
        show: withX,
        size: rem * 1.4,
        gap: 2,
        space: rem * 4,
        incrs: [1, 5, 10, 15, 30, 60, 120, 240].map((minutes) => minutes * 60),
        values: (_, splits) => splits.map(xText),
      },
      {
        ...axis(),
        size: rem * 3.6,
        gap: 4,
        space: rem * 1.1,
        incrs: lines[0].unit === "fen" ? STEPS.map((step) => 100 * step) : STEPS,
        // The lowest would stand on the time axis.
        values: (_, splits) => splits.map((value) => (value || !withX ? brief(value, lines[0].unit, page.lang) : "")),
      },
    ],
    series: [{}, ...lines.map(series)],
    hooks: { setCursor: [(self) => at(self.cursor.idx ?? null)] },
  });
  const draw = () => {
    plot?.destroy();
    plot = new uPlot(options(), data, box);
  };
  const sizes = new ResizeObserver(() => plot?.setSize({ width: box.clientWidth, height: box.clientHeight }));
  sizes.observe(box);
  return {
    set(columns) {
      data = columns;
      if (plot) plot.setData(columns);
      else draw();
    },
    redraw: draw,
    end() {
      sizes.disconnect();
      plot?.destroy();
    },
  };
}

/** An axis needs no fen and no decimals that are 0. */
const brief = (value, unit, lang) =>
  glance(Math.round(value), unit, lang).replace(/\.00(?=\D|$)/, "").replace(/(\.\d)0(?=\D|$)/, "$1");
