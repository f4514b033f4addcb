import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, duration, number } from "../src/base/format.ts";

test("numbers keep four significant digits and no needless zeros", () => {
  assert.deepEqual([0.123456, 12, 1e-7, -0.5, Number.NaN, Infinity, null].map((value) => number(value)), [
    "0.1235", "12", "1e−7", "−0.5", "NaN", "∞", "–",
  ]);
  assert.equal(number(100), "100");
});

test("durations are told in at most two units", () => {
  assert.deepEqual([4, 200, 7500, 97_200, null].map(duration), ["4 s", "3 min 20 s", "2 h 5 min", "1 d 3 h", "–"]);
});

test("bytes are told in the unit that fits", () => {
  assert.deepEqual([0, 999, 1500, 2.5e9].map(bytes), ["0 B", "999 B", "1.5 kB", "2.5 GB"]);
});
