import assert from "node:assert/strict";
import { test } from "node:test";
import { settingsOf } from "../../../streams/web/static/live/settings.js";
import { speaker } from "../../../streams/web/static/live/language.js";
import { clock, count, span, watchTime } from "../../../streams/web/static/pure/format.js";
import { STALE_AFTER, backoff, clockOffset, freshness, seconds } from "../../../streams/web/static/pure/freshness.js";
import { format, parse } from "../../../streams/web/static/pure/route.js";
import { columns, sinceStart, sorted, steps, storeColumns } from "../../../streams/web/static/pure/sums.js";

test("a route comes back from its address, whatever the ids contain", () => {
  for (const id of ["s1", "a/b", "店铺 1?#%", "jd:291:1"]) {
    const { page, args, query } = parse(format("order", [id], { carrier: "jd", empty: "" }));
    assert.deepEqual({ page, args, query }, { page: "order", args: [id], query: { carrier: "jd" } });
  }
  assert.deepEqual(parse(""), { page: "rooms", args: [], query: {} });
  assert.deepEqual(parse("#/order/%E0%A4%A").args, ["%E0%A4%A"]);
});

test("the address wins over what was chosen last time, and that over the browser", () => {
  const none = new Map();
  const query = (text) => new URLSearchParams(text);
  assert.deepEqual(settingsOf(query(""), none, ["zh-TW"]), { lang: "zh", trend: "red-up", theme: "dark" });
  assert.deepEqual(settingsOf(query(""), none, ["de"]), { lang: "en", trend: "green-up", theme: "dark" });
  const kept = new Map([["lang", "en"], ["trend", "red-up"], ["theme", "light"]]);
  assert.deepEqual(settingsOf(query(""), kept, ["zh"]), { lang: "en", trend: "red-up", theme: "light" });
  assert.deepEqual(settingsOf(query("lang=zh&trend=green-up&theme=dark"), kept, []), { lang: "zh", trend: "green-up", theme: "dark" });
  assert.equal(settingsOf(query("lang=fr"), none, ["en"]).lang, "en");
});

test("stale is what the server has not looked at for more than five seconds", () => {
  assert.deepEqual(freshness(1_000, 1_000 + STALE_AFTER, true), { behind: 5_000, stale: false, waiting: false });
  assert.equal(freshness(1_000, 1_001 + STALE_AFTER, true).stale, true);
  assert.equal(freshness(5_000, 4_000, true).behind, 0);
  assert.equal(seconds(1_234), "1.2");
  assert.equal(seconds(61_400), "61");
});

test("a clock that is off is corrected, the coarseness of the header is not", () => {
  const now = Date.parse("2026-11-11T12:00:10.000Z");
  assert.equal(clockOffset("Wed, 11 Nov 2026 12:00:09 GMT", now), 0);
  assert.equal(clockOffset("Wed, 11 Nov 2026 13:00:09 GMT", now), 3_599_500);
  assert.equal(clockOffset(null, now), 0);
});

test("attempts come later and later, up to a bound, and not all at once", () => {
  assert.deepEqual([0, 1, 2, 3].map((attempt) => backoff(attempt, 0.5)), [1, 2, 4, 8]);
  assert.equal(backoff(40, 0.5), 15);
  assert.notEqual(backoff(3, 0), backoff(3, 0.9));
});

test("rows are sorted by a number or a name, nobody comes last", () => {
  const rows = [{ id: "T10", n: 1 }, { id: "none", n: 9 }, { id: "T2", n: 1 }, { id: "T3", n: 5 }];
  const ids = (sort) => sorted(rows, sort).map(({ id }) => id);
  assert.deepEqual(ids("-n"), ["T3", "T2", "T10", "none"]);
  assert.deepEqual(ids("n"), ["T2", "T10", "T3", "none"]);
  assert.deepEqual(ids("id"), ["T2", "T3", "T10", "none"]);
});

test("a series becomes columns in the order of time", () => {
  const series = { 120000: [2, 1, 50], 60000: [1, 0, 0] };
  assert.deepEqual(columns(series), [[60, 120], [1, 2], [0, 1], [0, 50]]);
  assert.deepEqual(columns({}), [[], [], [], []]);
});

test("two shows are laid over each other from their first minute on", () => {
  const [a, b] = [{ 60000: [5, 0, 10], 120000: [6, 0, 20] }, { 600000: [1, 0, 7] }];
  assert.deepEqual(sinceStart([a, b], 2, true), [[0, 60], [10, 30], [7, null]]);
  assert.deepEqual(sinceStart([a, b], 0, false), [[0, 60], [5, 6], [1, null]]);
});

test("the funnel gives each step its share of the one before, the pool its share of viewers", () => {
  const found = steps({ views: 200, clicks: 50, orders_placed: 10, orders_paid: 0, pool_joins: 3 }, { pool_rate: 0.03 });
  assert.deepEqual(found.map(({ rate }) => rate), [null, 0.25, 0.2, 0, 0.03]);
  assert.equal(found[1].name, "product_clicks");
  assert.equal(steps({ views: 0, clicks: 0 }, null)[1].rate, null);
});

test("the stores of a room keep their places; others come after, nobody last", () => {
  const found = storeColumns(["T2", "T1"], { none: { net_fen: 1 }, T9: { net_fen: 2 }, T1: { net_fen: 3 } });
  assert.deepEqual(found.map(({ id, net_fen: fen }) => [id, fen]), [["T2", 0], ["T1", 3], ["T9", 2], ["none", 1]]);
});

test("times are those of the zone, spans are in hours and minutes", () => {
  const moment = Date.parse("2026-11-11T17:03:07.000Z");
  assert.equal(clock(moment, "Asia/Shanghai"), "01:03:07");
  assert.equal(clock(moment, "Asia/Shanghai", "date minute"), "2026-11-12 01:03");
  assert.equal(clock(null, "Asia/Shanghai"), "–");
  assert.equal(span(7_500_000, "zh"), "2小时5分");
  assert.equal(span(7_500_000, "en"), "2 h 5 min");
  assert.equal(watchTime(3_725), "1:02:05");
});

test("large counts are short where they would be long", () => {
  assert.deepEqual([99_999, 100_000, 123_456_789].map((value) => count(value, "zh")), ["99,999", "10.00万", "1.23亿"]);
  assert.deepEqual([9_999_999, 10_000_000].map((value) => count(value, "en")), ["9,999,999", "10.00M"]);
});

test("a text is filled in once, so that a value cannot name another", () => {
  const t = speaker({ key: "{a} {b} {c}", "tier.weak": "弱" });
  assert.equal(t("key", { a: "{b}", b: 2 }), "{b} 2 {c}");
  assert.equal(t.named("tier", "weak"), "弱");
  assert.equal(t.named("tier", "unheard"), "unheard");
});
