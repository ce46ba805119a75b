/** How old what is shown is, and whether it is too old to be trusted. All times are ms. */

export const STALE_AFTER = 5_000; // the server sends a beat each second

/** Seconds to wait before the nth attempt (from 0) to connect again; `chance` in [0, 1) keeps clients apart. */
export function backoff(attempt, chance) {
  return Math.min(15, 2 ** attempt) * (0.75 + chance / 2);
}

/**
 * How far the server's clock is ahead of ours, from its `Date` header (whole seconds) and the time of the answer.
 * Below two seconds it is the header's coarseness, not the clock.
 */
export function clockOffset(dateHeader, receivedAt) {
  const server = Date.parse(dateHeader ?? "");
  const offset = server + 500 - receivedAt;
  return Number.isNaN(offset) || Math.abs(offset) < 2_000 ? 0 : offset;
}

/** `{behind, stale}`: ms since the read model's last look as of `now` on the server's clock. */
export function freshness(asOf, now, connected) {
  const behind = Math.max(0, now - asOf);
  return { behind, stale: behind > STALE_AFTER, waiting: !connected };
}

/**
 * The stream whose numbers are to be trusted least, of `{asOf, connected}` each: what is `bad` (stale, or lost) before
 * what has not come yet (`asOf` null) before what is fresh, and of these the oldest. Null of none.
 */
export function worst(streams, now) {
  const judged = streams.map(({ asOf, connected }) => {
    const { behind, stale, waiting } = freshness(asOf ?? now, now, connected);
    return { asOf, connected, behind, bad: asOf !== null && (stale || waiting) };
  });
  const rank = ({ bad, asOf }) => (bad ? 2 : asOf === null ? 1 : 0);
  return judged.sort((a, b) => rank(b) - rank(a) || b.behind - a.behind)[0] ?? null;
}

/** Seconds with one decimal below ten: `1.2`, `12`. */
export const seconds = (ms) => (ms < 9_950 ? (ms / 1000).toFixed(1) : String(Math.round(ms / 1000)));
