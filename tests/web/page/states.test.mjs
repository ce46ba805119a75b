import assert from "node:assert/strict";
import { test } from "node:test";
import { address } from "../../../streams/web/static/live/api.js";
import { documentOf } from "../../../streams/web/static/live/stream.js";
import { troubles } from "../../../streams/web/static/parts/problems.js";
import { worst } from "../../../streams/web/static/pure/freshness.js";
import { total } from "../../../streams/web/static/pure/sums.js";

const found = (room) => Object.fromEntries(troubles(room).map(({ name, value, state }) => [name, [value, state]]));
const unattributed = (fen) => ({ store_fen: 0, anchor_fen: 0, paid_fen: 1000, net_fen: 1000, ...fen });

test("what nobody is credited with is a share of the net", () => {
  const room = { snapshot: {}, problems: { lag: 0, unattributed: unattributed({ store_fen: 50, anchor_fen: 20, net_fen: 200 }) } };
  assert.deepEqual(found(room).unattributed_store_share, [0.25, "bad"]);
  assert.deepEqual(found(room).unattributed_anchor_share, [0.1, "good"]);
});

test("a trouble that is not known is neither bad nor good", () => {
  for (const net of [0, null]) {
    const said = found({ snapshot: {}, problems: { lag: null, unattributed: unattributed({ net_fen: net }) } });
    assert.deepEqual([said.lag, said.unattributed_store_share], [[null, "unknown"], [null, "unknown"]]);
  }
  assert.deepEqual(found({ snapshot: null, problems: { unattributed: unattributed({}) } }).unattributed_store_share, [null, "unknown"]);
  assert.deepEqual(found({ snapshot: {} }).lag, [null, "unknown"]);
  assert.deepEqual(found({ snapshot: {}, problems: { lag: 1001 } }).lag, [1001, "bad"]);
});

test("a sum is known when all of its parts are", () => {
  assert.equal(total([]), 0);
  assert.equal(total([1, 2]), 3);
  assert.equal(total([1, null, 2]), null);
});

test("of several streams the least trusted one counts", () => {
  const now = 100_000;
  const [fresh, older, stale] = [100, 900, 6_000].map((behind) => ({ asOf: now - behind, connected: true }));
  const [lost, coming] = [{ ...fresh, connected: false }, { asOf: null, connected: false }];
  assert.equal(worst([], now), null);
  assert.deepEqual(worst([fresh, older], now), { ...older, behind: 900, bad: false });
  assert.equal(worst([older, lost], now).connected, false);
  assert.deepEqual(worst([stale, lost], now), { ...stale, behind: 6_000, bad: true });
  assert.equal(worst([fresh, coming], now).asOf, null);
  assert.equal(worst([lost, coming], now).bad, true);
});

test("a stream's document is at its address, whatever the session is called", () => {
  for (const id of ["s1", "v1", "stream", "api"]) assert.equal(documentOf(address("rooms", id, "stream")).href, address("rooms", id).href);
  assert.equal(documentOf(address("stream")).href, address("rooms").href);
});
