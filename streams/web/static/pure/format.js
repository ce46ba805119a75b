/** Numbers, money, times as text, as the command line writes them (streams/cli/language.py). No DOM, no clock. */

export const NOTHING = "–"; // where a number is null
const SHORT = {
  // [fen in a unit, suffix], from one unit on
  zh: [
    [10_000_000_000, "亿元"],
    [1_000_000, "万元"],
  ],
  en: [
    [100_000_000_000, "B"],
    [100_000_000, "M"],
  ],
};
const COUNTS = {
  // [units in a word, suffix, from which count on]
  zh: [
    [100_000_000, "亿", 100_000_000],
    [10_000, "万", 100_000],
  ],
  en: [[1_000_000, "M", 10_000_000]],
};

const thousands = (whole) => whole.toLocaleString("en-US");

function hundredths(amount, scale) {
  const rounded = Math.floor((200 * amount + scale) / (2 * scale)); // half up
  return `${thousands(Math.floor(rounded / 100))}.${String(rounded % 100).padStart(2, "0")}`;
}

/** An amount to the fen: `¥1,234.50`, `1,234.50元`. */
export function yuan(fen, lang) {
  const amount = Math.abs(fen);
  const text = `${thousands(Math.floor(amount / 100))}.${String(amount % 100).padStart(2, "0")}`;
  return (fen < 0 ? "-" : "") + (lang === "zh" ? `${text}元` : `¥${text}`);
}

/** An amount at a glance, rounded half up: `¥12,346`, `¥1.23M`, `1.23万元`; below 100 yuan to the fen. */
export function yuanShort(fen, lang) {
  const amount = Math.abs(fen);
  if (amount < 10_000) return yuan(fen, lang);
  const unit = SHORT[lang].find(([scale]) => amount >= scale);
  const whole = () => thousands(Math.floor((amount + 50) / 100)) + (lang === "zh" ? "元" : "");
  const text = unit ? hundredths(amount, unit[0]) + unit[1] : whole();
  return (fen < 0 ? "-" : "") + (lang === "zh" ? "" : "¥") + text;
}

/** A count at a glance: `12,345`, `12.35万`, `12.35M`. */
export function count(value, lang) {
  const unit = COUNTS[lang].find(([, , from]) => Math.abs(value) >= from);
  if (!unit) return thousands(value);
  return (value < 0 ? "-" : "") + hundredths(Math.abs(value), unit[0]) + unit[1];
}

/** A ratio in percent. The contract's ratios have four decimals, so two digits lose nothing. */
export const percent = (value, digits = 2) => `${(value * 100).toFixed(digits)}%`;

/** Seconds as `12:05`, from an hour on `1:02:05`. */
export function watchTime(seconds) {
  const two = (part) => String(part).padStart(2, "0");
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
  if (minutes < 60) return `${minutes}:${two(rest)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(rest)}`;
}

/** A number by its unit (see /api/v1/definitions), as short as a person needs it at a distance. */
export function glance(value, unit, lang) {
  if (value === null || value === undefined) return NOTHING;
  if (unit === "fen") return yuanShort(value, lang);
  if (unit === "ratio") return percent(value);
  if (unit === "seconds") return watchTime(value);
  return count(value, lang);
}

/** A number by its unit, nothing left out. */
export function exact(value, unit, lang) {
  if (value === null || value === undefined) return NOTHING;
  if (unit === "fen") return yuan(value, lang);
  return unit === "ratio" || unit === "seconds" ? glance(value, unit, lang) : thousands(value);
}

const clocks = new Map();

/** A moment on the clock of a zone, `20:03`, `20:03:07` or with the date before it: parts of "date minute second". */
export function clock(moment, zone, parts = "minute second") {
  const key = `${zone} ${parts}`;
  if (!clocks.has(key)) {
    const form = { timeZone: zone, hourCycle: "h23" };
    if (parts.includes("date")) Object.assign(form, { year: "numeric", month: "2-digit", day: "2-digit" });
    if (parts.includes("minute")) Object.assign(form, { hour: "2-digit", minute: "2-digit" });
    if (parts.includes("second")) form.second = "2-digit";
    clocks.set(key, new Intl.DateTimeFormat("sv-SE", form)); // Swedish writes dates as ISO 8601 does
  }
  return moment === null || moment === undefined ? NOTHING : clocks.get(key).format(new Date(moment));
}

/** A span of ms in hours and minutes: `2 h 5 min`, `2小时5分`. */
export function span(ms, lang) {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  const [hour, minute] = lang === "zh" ? ["小时", "分"] : [" h", " min"];
  return (hours ? `${hours}${hour}${lang === "zh" ? "" : " "}` : "") + `${rest}${minute}`;
}
