import assert from "node:assert/strict";
import { test } from "node:test";
import { change, changeText } from "../../../streams/web/static/pure/change.js";

const said = (...args) => changeText(change(...args));

test("a count or an amount changes by percent, with arrow, sign and word", () => {
  assert.equal(said(112, 100, "people", "en"), "▲ +12% more");
  assert.equal(said(88, 100, "fen", "zh"), "▼ −12% 减");
  assert.equal(said(100, 100, "orders", "zh"), "＝ 持平");
});

test("there is no percentage of nothing, and none above 999", () => {
  assert.equal(said(123_400, 0, "fen", "en"), "▲ +¥1,234 more");
  assert.equal(said(5, 0, "people", "zh"), "▲ +5 增");
  assert.equal(said(1_003, 1_000, "people", "en"), "▲ +0.3% more");
  assert.equal(said(999_999, 1_000_000, "people", "en"), "▼ −0.1% less");
  assert.equal(said(1_500, 100, "people", "en"), "▲ +999%+ more");
});

test("from less than nothing the sign is that of the difference", () => {
  assert.equal(said(-50, -100, "fen", "en"), "▲ +50% more");
  assert.equal(said(-200, -100, "fen", "en"), "▼ −100% less");
});

test("a ratio changes by percentage points", () => {
  assert.equal(said(0.0469, 0.0449, "ratio", "en"), "▲ +0.20 pp more");
  assert.equal(said(0.01, 0.05, "ratio", "zh"), "▼ −4.00pp 减");
});

test("what is null or left out by a patch has no direction", () => {
  assert.equal(said(null, 0.1, "ratio", "en"), "–");
  assert.equal(said(0.1, undefined, "ratio", "en"), "–");
  assert.equal(change(null, 1, "fen", "zh").direction, "none");
});
