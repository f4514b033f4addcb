import assert from "node:assert/strict";
import { test } from "node:test";
import { Lru } from "../src/grid/cache.ts";
import { has, join, put, quote, split, swap, toggle, values, without } from "../src/grid/line.ts";
import { Column, MOST_PX } from "../src/grid/virtual.ts";
import { Zoom } from "../src/grid/zoom.ts";

test("a view is cut where it says AND, but not in quotes, brackets or beside an OR", () => {
  assert.deepEqual(split('class:"a AND b" AND (small and large) AND NOT split:val'), ['class:"a AND b"', "(small and large)", "NOT split:val"]);
  assert.deepEqual(split("split:train OR split:val AND small"), ["split:train OR split:val AND small"]);
  assert.deepEqual(split('path:"say \\" AND x"'), ['path:"say \\" AND x"']);
  assert.deepEqual(split("class:ANDROID AND class:BRAND"), ["class:ANDROID", "class:BRAND"]);
  assert.deepEqual(split("  "), []);
});

test("a part with an OR is put in brackets before AND joins it", () => {
  assert.equal(join(["split:train OR split:val", "small"]), "(split:train OR split:val) AND small");
  assert.equal(toggle("split:train OR split:val", "class", "cat"), "(split:train OR split:val) AND class:cat");
  assert.equal(join(["split:train OR split:val"]), "split:train OR split:val");
});

test("names are quoted where the language needs it, and read back as they were", () => {
  for (const name of ["cat", "traffic light", 'say "hi"', "a,b", "back\\slash", "*", "<img src=x onerror=alert(1)>", "신호등 빨강"]) {
    assert.deepEqual(values(toggle("small", "class", name), "class"), [name]);
  }
  assert.equal(quote("cat"), "cat");
  assert.equal(quote("a*"), '"a*"');
});

test("a click adds a value to its field's part, and a second click takes it away", () => {
  let line = toggle("small", "class", "cat");
  line = toggle(line, "class", "dog");
  assert.equal(line, "small AND class:cat,dog");
  assert.equal(toggle(toggle(line, "class", "cat"), "class", "dog"), "small");
  assert.equal(put(line, "class", []), "small");
  assert.equal(without(line, 0), "class:cat,dog");
});

test("a range of numbers takes the place of another one", () => {
  const numbers = /^objects/;
  const line = swap("split:val AND objects=1", numbers, ["objects>=3", "objects<=4"]);
  assert.equal(line, "split:val AND objects>=3 AND objects<=4");
  assert.ok(has(line, ["objects>=3", "objects<=4"]));
  assert.equal(swap(line, numbers, ["objects>=3", "objects<=4"]), "split:val");
});

test("a short column scrolls as the browser does", () => {
  const column = new Column();
  column.resize(100, 50, 200);
  assert.equal(column.height, 5000);
  column.scrolled(120);
  assert.deepEqual(column.range, [2, 7]);
  column.to(1e9);
  assert.deepEqual(column.range, [96, 100]);
});

test("a column that is higher than an element may be is reached from end to end", () => {
  const column = new Column();
  column.resize(1_000_000, 150, 600);
  assert.equal(column.height, MOST_PX);
  column.scrolled(MOST_PX - 600);
  assert.equal(column.range[1], 1_000_000);
  column.scrolled(0);
  assert.deepEqual(column.range, [0, 4]);
  column.scrolled(MOST_PX / 2);
  assert.ok(Math.abs(column.range[0] - 500_000) < 100);
});

test("small steps in such a column move as many pixels as they say", () => {
  const column = new Column();
  column.resize(1_000_000, 150, 600);
  column.to(75_000_000);
  assert.ok(column.by(30));
  assert.equal(column.top, 75_000_030);
  column.scrolled(column.scrollTop + 100);
  assert.equal(column.top, 75_000_130);
  column.to(0);
  assert.equal(column.by(-30), false);
});

test("another height of rows keeps the row at the top", () => {
  const column = new Column();
  column.resize(1000, 100, 500);
  column.to(30_000);
  column.resize(500, 200, 500);
  assert.equal(column.range[0], 300);
});

test("what goes from a cache is ended, the least recently used first", () => {
  const ended: string[] = [];
  const cache = new Lru<string>(2, (value) => ended.push(value));
  cache.set("a", "A");
  cache.set("b", "B");
  cache.get("a");
  cache.set("c", "C");
  assert.deepEqual(ended, ["B"]);
  cache.set("c", "C2");
  assert.deepEqual(ended, ["B", "C"]);
  cache.clear();
  assert.deepEqual(ended, ["B", "C", "A", "C2"]);
});

test("zooming leaves what is under the pointer where it is", () => {
  const zoom = new Zoom();
  zoom.fit(400, 200, 800, 600);
  assert.deepEqual([zoom.x, zoom.y, zoom.scale], [0, 100, 2]);
  zoom.by(2, 300, 200);
  assert.deepEqual([(300 - zoom.x) / zoom.scale, (200 - zoom.y) / zoom.scale], [150, 50]);
});
