// The board's pure parts: which rows and columns are in view, lines, Python, links, matrices.
import assert from "node:assert/strict";
import { test } from "node:test";
import { best, mean } from "../src/board/curve_maths.ts";
import { fitting, least, reveal, ROW_PX, template, windowOf } from "../src/board/layout.ts";
import { below } from "../src/board/links.ts";
import { Counts, inView } from "../src/board/matrix_maths.ts";
import { elapsed, moment, remaining, span } from "../src/board/moments.ts";
import { literal, setting } from "../src/board/python.ts";
import { extent, lastNumber, sparkPath } from "../src/board/spark.ts";
import { TEXTS } from "../src/board/texts.ts";
import type { Run } from "../src/board/types.ts";

test("of ten thousand rows only those in view and some around them are drawn", () => {
  assert.deepEqual(windowOf(0, 10 * ROW_PX, 10_000), { start: 0, count: 22 });
  const { start, count } = windowOf(5000 * ROW_PX, 10 * ROW_PX, 10_000);
  assert.ok(start < 5000 && start + count >= 5010 && count < 40);
  assert.deepEqual(windowOf(9999 * ROW_PX, 10 * ROW_PX, 10_000), { start: 9987, count: 13 });
  assert.deepEqual(windowOf(0, 300, 0), { start: 0, count: 0 });
});

test("a row that is in view needs no scrolling, and any other as little as possible", () => {
  assert.equal(reveal(5, 0, 10 * ROW_PX), null);
  assert.equal(reveal(10, 0, 10 * ROW_PX), ROW_PX);
  assert.equal(reveal(2, 5 * ROW_PX, 10 * ROW_PX), 2 * ROW_PX);
});

test("a narrow board keeps the most telling columns, in their order, and a wide one all that were chosen", () => {
  const columns = ["state", "model", "name", "config.lr0", "headline"];
  assert.deepEqual(fitting(columns, 1000), columns);
  const kept = fitting(columns, 380);
  assert.deepEqual(kept, ["state", "name", "headline"]);
  assert.ok(least(kept) <= 380);
  assert.deepEqual(fitting(columns, 50), ["name"]);
  assert.equal(template(["state"]), "28px 102px");
});

test("a line breaks where there is no number, and a lone number is in the middle", () => {
  assert.equal(sparkPath([0, 1, null, 1, 0], 4, 10), "M0 10L1 0M3 0L4 10");
  assert.equal(sparkPath([3], 10, 10), "M5 5");
  assert.equal(sparkPath([null, Number.NaN], 10, 10), "");
  assert.equal(sparkPath([0, 1, 2], 10, 10, [0, 1, 10]), "M0 10L1 5L10 0");
  assert.deepEqual(extent([null, 2, Number.NaN, -1]), [-1, 2]);
  assert.equal(lastNumber([1, null]), 0);
});

test("clicks are told as Python", () => {
  assert.equal(literal({ a: [true, null, 'x"'] }), '{"a": [True, None, "x\\""]}');
  const filter = { text: "", state: ["failed" as const], kind: [], project: [], tag: [] };
  assert.equal(setting({ filter }), 'board.filter = {"state": ["failed"]}');
  assert.equal(setting({ sort: "-headline" }), 'board.sort = "-headline"');
});

test("a file below the served folder has a path of its own, any other has none", () => {
  assert.equal(below("/data/me/lab/ws/a.ipynb", "~/lab", "/data/me"), "ws/a.ipynb");
  assert.equal(below("/data/me/lab/a.ipynb", "/data/me/lab/", ""), "a.ipynb");
  assert.equal(below("/data/me/laboratory/a.ipynb", "/data/me/lab", ""), null);
  assert.equal(below("C:\\lab\\a.ipynb", "C:/lab", ""), "a.ipynb");
});

test("what goes on is counted on from when it was heard of", () => {
  const run = { state: "running", duration_s: 60, eta_s: 30, heard: 1000 } as Run;
  assert.equal(elapsed(run, 11_000), 70);
  assert.equal(remaining(run, 11_000), 20);
  assert.equal(remaining(run, 100_000), 0);
  assert.equal(elapsed({ ...run, state: "failed" }, 11_000), 60);
});

test("spans have two units at most, in both languages", () => {
  assert.deepEqual([0, 59.6, 200, 760, 7500, 97_200, null].map((value) => span(value)), ["0s", "1m", "3m 20s", "12m", "2h 5m", "1d 3h", "–"]);
  assert.equal(span(200, "ko"), "3분 20초");
});

test("a moment of today is a time, and of another day that day as well", () => {
  const now = new Date(2026, 10, 23, 15, 0);
  assert.equal(moment(new Date(2026, 10, 23, 9, 5).toISOString(), "en", now), "09:05");
  assert.equal(moment(new Date(2026, 9, 2, 9, 5).getTime() / 1000, "en", now), "2 Oct 09:05");
  assert.equal(moment(new Date(2025, 9, 2, 9, 5).toISOString(), "ko", now), "2025년 10월 2일");
  assert.equal(moment("nonsense", "en", now), "–");
});

test("shares are of the true class, a class that never occurs has none, and the worst confusions come first", () => {
  const counts = new Counts(new Float64Array([8, 1, 0, 2, 3, 0, 0, 0, 0]), 3);
  assert.equal(counts.share(1, 0), 0.2);
  assert.equal(counts.share(2, 2), 0);
  assert.deepEqual(counts.worst(5).map(({ truth, predicted, count }) => [truth, predicted, count]), [[0, 1, 2], [1, 0, 1]]);
  assert.equal(counts.strength(0, 0, false), 1);
  assert.equal(counts.strength(1, 0, true), Math.sqrt(0.2));
  assert.deepEqual(inView(95, 100, 10, 500), { first: 9, last: 20 });
});

test("the mean leaves out what is no number", () => {
  assert.deepEqual([...mean([[1, Number.NaN, 3], [3, Number.NaN, 5]])], [2, Number.NaN, 4]);
  assert.deepEqual(best([0, 0.5, 1], [0.1, 0.9, Number.NaN]), { x: 0.5, y: 0.9 });
  assert.deepEqual(best([0], [Number.NaN]), { x: null, y: null });
});

test("every text fills in the same values in both languages", () => {
  const filled = (text: string) => [...new Set([...text.matchAll(/\{(\w+)\}/g)].map((found) => found[1]))].sort();
  for (const [key, { en, ko }] of Object.entries(TEXTS)) assert.deepEqual(filled(ko), filled(en), key);
});
