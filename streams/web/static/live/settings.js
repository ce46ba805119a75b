/** What a person has chosen: of the address, else kept from last time, else by the browser and the language. */

const CHOICES = { lang: ["zh", "en"], trend: ["red-up", "green-up"], theme: ["dark", "light"] };

/** The settings of a query, a memory (`get(name)`) and the browser's languages. */
export function settingsOf(query, memory, languages) {
  const chosen = (name) =>
    [query.get(name), memory.get(name)].find((value) => CHOICES[name].includes(value)) ?? null;
  const lang = chosen("lang") ?? (languages[0]?.toLowerCase().startsWith("zh") ? "zh" : "en");
  return {
    lang,
    trend: chosen("trend") ?? (lang === "zh" ? "red-up" : "green-up"),
    theme: chosen("theme") ?? "dark",
  };
}

/** The other value of a setting that has two. */
export const other = (name, value) => CHOICES[name].find((one) => one !== value);

/** localStorage, or nothing where the browser forbids it. */
export const memory = {
  get(name) {
    try {
      return localStorage.getItem(`livepool.${name}`);
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(`livepool.${name}`, value);
    } catch {
      // it is kept in the address
    }
  },
};

/** Keep the choices of the address for the next time, and take a new one into both. */
export function keep(name, value) {
  memory.set(name, value);
  const url = new URL(location.href);
  url.searchParams.set(name, value);
  history.replaceState(null, "", url);
}
