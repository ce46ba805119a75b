/** The last ten minutes against the ten before, readable without colour: arrow, sign and a word. */
import { NOTHING, glance } from "./format.js";

const MOST = 999;
const WORDS = {
  zh: { up: "增", down: "减", same: "持平", none: "", points: "pp" },
  en: { up: "more", down: "less", same: "same", none: "", points: " pp" },
};
const ARROWS = { up: "▲", down: "▼", same: "＝", none: "" };
const SIGNS = { up: "+", down: "−", same: "", none: "" };

const directionOf = (difference) => (difference > 0 ? "up" : difference < 0 ? "down" : "same");

function size(last, previous, unit, lang) {
  const difference = Math.abs(last - previous);
  if (unit === "ratio") return (difference * 100).toFixed(2) + WORDS[lang].points;
  if (previous === 0) return glance(difference, unit, lang); // no percentage of nothing
  const percent = (100 * difference) / Math.abs(previous);
  if (percent < 0.95) return `${Math.max(0.1, percent).toFixed(1)}%`; // not 0%: it did change
  return percent > MOST ? `${MOST}%+` : `${Math.round(percent)}%`;
}

/** `{direction, arrow, amount, word}`: "up" "▲" "+12%" "more"; a null on either side has no direction. */
export function change(last, previous, unit, lang) {
  const known = [last, previous].every((value) => value !== null && value !== undefined);
  const direction = known ? directionOf(last - previous) : "none";
  const amount = direction === "up" || direction === "down" ? size(last, previous, unit, lang) : "";
  return {
    direction,
    arrow: ARROWS[direction],
    amount: direction === "none" ? NOTHING : SIGNS[direction] + amount,
    word: WORDS[lang][direction],
  };
}

/** The same in one line. */
export const changeText = ({ arrow, amount, word }) => [arrow, amount, word].filter(Boolean).join(" ");
