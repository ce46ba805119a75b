/** What the parts show that is computed from a room document: shares, order of rows, series as columns. */

/** A part of a whole, null of nothing. */
export const share = (part, whole) => (whole ? part / whole : null);

/** A sum, null when a part of it is not known. */
export const total = (parts) => parts.reduce((sum, part) => (sum === null || part === null ? null : sum + part), 0);

/** Rows in the order of a sort `name` or `-name` (descending); equal ones by id, `none` always last. */
export function sorted(rows, sort) {
  const [name, sign] = sort.startsWith("-") ? [sort.slice(1), -1] : [sort, 1];
  const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b);
  const rank = (row) => (row.id === "none" ? 1 : 0);
  return [...rows].sort(
    (a, b) => rank(a) - rank(b) || sign * compare(a[name] ?? 0, b[name] ?? 0) || compare(a.id, b.id),
  );
}

/** `{id: {…}}` as rows. */
export const rowsOf = (parties) => Object.entries(parties ?? {}).map(([id, figures]) => ({ id, ...figures }));

/** The series of a document as columns for a chart: seconds, online, orders paid, net fen. */
export function columns(series) {
  const minutes = Object.keys(series ?? {}).sort((a, b) => a - b);
  return [minutes.map((ms) => ms / 1000), ...[0, 1, 2].map((at) => minutes.map((ms) => series[ms][at]))];
}

/** The steps of the funnel: `{name, value, rate}`, the rate of the step before; the last is the pool rate of viewers. */
export function steps(funnel, show) {
  const found = Object.entries(funnel ?? {});
  return found.map(([name, value], at) => ({
    name: name === "clicks" ? "product_clicks" : name,
    value,
    rate: name === "pool_joins" ? (show?.pool_rate ?? null) : at ? share(value, found[at - 1][1]) : null,
  }));
}

/** The stores of one room in a place that does not change while the show runs: as linked, others after, `none` last. */
export function storeColumns(storeIds, parties) {
  const others = Object.keys(parties ?? {}).filter((id) => !storeIds.includes(id)).sort();
  const ids = [...storeIds, ...others.filter((id) => id !== "none"), ...others.filter((id) => id === "none")];
  const nothing = { sales: 0, orders: 0, units: 0, net_fen: 0 };
  return ids.map((id) => ({ id, ...nothing, ...parties?.[id] }));
}

/** Two series as columns over the seconds since their first minute; a show that is shorter has null after its end. */
export function sinceStart(both, at, cumulated) {
  const lists = both.map((series) => {
    const values = columns(series)[at + 1];
    let sum = 0;
    return cumulated ? values.map((value) => (sum += value)) : values;
  });
  const length = Math.max(0, ...lists.map((list) => list.length));
  const minutes = Array.from({ length }, (_, minute) => minute * 60);
  return [minutes, ...lists.map((list) => minutes.map((_, minute) => list[minute] ?? null))];
}
