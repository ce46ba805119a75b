/** A table that is sorted by its heads, by pointer and keyboard; rows change in place, so that nothing moves about. */
import { fill, h, mark, say } from "../dom.js";
import { sorted } from "../pure/sums.js";
import { show } from "./number.js";

const FIRST = 10; // rows shown until more are asked for
const kindOf = ({ name, def }) => (def ? (name.endsWith("_fen") ? "num fen" : "num count") : "text");
const classOf = (column) => kindOf(column) + (column.wide ? " wide" : "");

/**
 * `columns`: [{name, def, text(row)}], the first names the row; numbers have a `def` and no `text`.
 * `sort` begins it and `onSort(sort)` hears of another; `least` rows are reserved.
 */
export function table(page, { title, columns, sort, onSort, least = 0, link = null }) {
  let rows = [];
  let all = false;
  const buttons = columns.map(head);
  const body = h("tbody");
  const more = h("button", { type: "button", class: "more", on: { click: () => ((all = !all), draw()) } });
  const node = h(
    "div",
    { class: "listing" },
    h(
      "table",
      {},
      h("caption", {}, title),
      h("thead", {}, h("tr", {}, ...buttons.map(({ cell }) => cell))),
      body,
    ),
    more,
  );
  node.style.setProperty("--rows", least);

  function head({ name, def }, at) {
    const label = h("span", {}, def ? page.label(def) : page.t(`column.${name}`));
    const button = h("button", { type: "button", class: "sort", data: def ? { def } : {} }, label, h("span", { class: "way", "aria-hidden": "true" }));
    button.addEventListener("click", () => {
      const down = def !== undefined; // numbers the largest first
      sort = sort === `-${name}` ? name : sort === name ? `-${name}` : down ? `-${name}` : name;
      onSort(sort);
      draw();
    });
    return { name, button, cell: h("th", { scope: "col", class: classOf(columns[at]) }, button) };
  }

  function makeRow() {
    const cells = columns.map((column, at) =>
      h(at ? "td" : "th", { scope: at ? null : "row", class: classOf(column) }, column.def ? h("data", { data: { def: column.def } }) : h(link ? "a" : "span")),
    );
    return h("tr", {}, ...cells);
  }

  function draw() {
    for (const { name, button, cell } of buttons) {
      const way = sort === name ? "ascending" : sort === `-${name}` ? "descending" : null;
      mark(cell, "aria-sort", way ?? "none");
      say(button.lastChild, way === "ascending" ? "▲" : way === "descending" ? "▼" : "");
    }
    const shown = sorted(rows, sort).slice(0, all ? rows.length : FIRST);
    fill(body, shown, makeRow, (line, row) =>
      columns.forEach((column, at) => {
        const inner = line.children[at].firstChild;
        if (column.def) return show(page, inner, row[column.name]);
        say(inner, column.text(row));
        mark(inner, "title", row.id);
        if (link) mark(inner, "href", link(row));
      }),
    );
    more.hidden = rows.length <= FIRST;
    say(more, page.t(all ? "table.less" : "table.more", { count: rows.length - FIRST }));
  }

  return {
    node,
    set(next) {
      rows = next;
      draw();
    },
  };
}
