/** What each number is called, counted in, and means: from /api/v1/definitions, in one language. */

/** `{label(name), unit(name), definition(name)}`; a name without a definition has none to show. */
export function catalogue(published, lang) {
  const label = (name) => published[name]?.label[lang] ?? name;
  return {
    label,
    unit: (name) => published[name]?.unit,
    definition: (name) => (published[name] ? { label: label(name), text: published[name].text[lang] } : null),
  };
}
