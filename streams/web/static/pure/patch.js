/** RFC 7396: JSON merge patch. What a patch does not touch stays the same object, so a part can see that it changed. */

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** The document after the patch; the given one is not changed. */
export function merge(target, patch) {
  if (!isObject(patch)) return patch;
  const result = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else if (name === "__proto__") continue; // would not set a member
    else result[name] = merge(result[name], value);
  }
  return result;
}

/** A list of rooms after a change: rows in place of those of the same session, in the new `order` if there is one. */
export function changedRows(rows, { rooms, order }) {
  const known = new Map([...rows, ...rooms].map((row) => [row.session_id, row]));
  return (order ?? rows.map((row) => row.session_id)).map((id) => known.get(id));
}
