/** What is shown, as the part of the address after `#`: `#/room/s1?store=-net_fen`. A link keeps it. */

/** `{page, args, query}` of a hash; nothing is the list of sessions. */
export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [page, ...args] = path.split("/").map(decode);
  return { page: page || "rooms", args: args.filter(Boolean), query: Object.fromEntries(new URLSearchParams(query)) };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // typed by hand
  }
}

/** The hash of a route; empty values of the query are left out. */
export function format(page, args = [], query = {}) {
  const kept = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const tail = kept.length ? `?${new URLSearchParams(kept)}` : "";
  return `#/${[page, ...args].map(encodeURIComponent).join("/")}${tail}`;
}
