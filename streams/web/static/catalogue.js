/** What each number is called, counted in, and means: from /api/v1/definitions, and the page's own words for the rest. */

/** `{label(name), text(name), unit(name), all}`; `all` are the names of a snapshot, in their order. */
export function catalogue(published, t, lang) {
  const own = (kind, name) => (t(`${kind}.${name}`) === `${kind}.${name}` ? null : t(`${kind}.${name}`));
  const label = (name) => published[name]?.label[lang] ?? own("label", name) ?? name;
  const text = (name) => published[name]?.text[lang] ?? own("text", name);
  const unit = (name) => published[name]?.unit ?? (/_fen(_|$)/.test(name) ? "fen" : name.endsWith("_share") ? "ratio" : "count");
  return { label, text, unit, definition: (name) => (text(name) ? { label: label(name), text: text(name) } : null) };
}
