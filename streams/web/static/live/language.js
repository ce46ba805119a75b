/** The words of the page (`zh-CN.json`, `en.json`: the same keys) and the names of what the contract enumerates. */

const FILES = { zh: "zh-CN.json", en: "en.json" };

/** The dictionary of a language. */
export async function dictionary(lang) {
  const answer = await fetch(new URL(`../${FILES[lang]}`, import.meta.url));
  if (!answer.ok) throw new Error(`${FILES[lang]}: ${answer.status}`);
  return answer.json();
}

/** `t(key, values)`: the text of a key, `{name}` filled in. `t.named(kind, id)`: a name, else the id itself. */
export function speaker(words) {
  const t = (key, values = {}) =>
    (words[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
  t.named = (kind, id) => words[`${kind}.${id}`] ?? id;
  return t;
}
