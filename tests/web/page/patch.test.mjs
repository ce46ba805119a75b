import assert from "node:assert/strict";
import { test } from "node:test";
import { changedRows, merge } from "../../../streams/web/static/pure/patch.js";

// RFC 7396, appendix A: original, patch, result.
const CASES = [
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [["a", "b"], ["c", "d"], ["c", "d"]],
  [{ a: "b" }, ["c"], ["c"]],
  [{ a: "foo" }, null, null],
  [{ a: "foo" }, "bar", "bar"],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

test("the cases of the RFC", () => {
  for (const [original, patch, result] of CASES) assert.deepEqual(merge(original, patch), result);
});

test("what is not touched stays the same object, and the original is not changed", () => {
  const original = { parties: { store: { a: 1 } }, series: { 1: [1, 2, 3] } };
  const copy = structuredClone(original);
  const result = merge(original, { parties: { store: { a: 2 } } });
  assert.equal(result.series, original.series);
  assert.notEqual(result.parties, original.parties);
  assert.deepEqual(original, copy);
});

test("a name that JavaScript treats as special is no way in", () => {
  assert.equal(merge({}, JSON.parse('{"__proto__": {"polluted": true}}')).polluted, undefined);
});

test("rows of a list are replaced, added, moved and dropped", () => {
  const [a, b, c] = ["a", "b", "c"].map((id) => ({ session_id: id, show: null }));
  const changed = { ...b, show: { online: 1 } };
  assert.deepEqual(changedRows([a, b], { rooms: [changed] }), [a, changed]);
  assert.deepEqual(changedRows([a, b], { rooms: [c], order: ["c", "b"] }), [c, b]);
});
