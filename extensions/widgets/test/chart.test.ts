// The chart's numbers: thinning, averaging, axes, and news beside answers. No browser.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Chosen } from "../src/chart/chosen.ts";
import { Epochs, place, placeText } from "../src/chart/axis.ts";
import { bounds, range, scales } from "../src/chart/draw.ts";
import { labels } from "../src/chart/legend.ts";
import { Average, Points, best, extremes, lowerBound } from "../src/chart/points.ts";
import { Placing, Store, pieces, type News, type SeriesReply } from "../src/chart/store.ts";

const asked = { scope: "batch", smoothing: 0, limit: 100 };

function columns(steps: number[], values: number[]) {
  return { steps: Float64Array.from(steps), at: Float64Array.from(steps, (step) => 1000 + step), values: Float64Array.from(values) };
}

function buffers(steps: number[], values: number[]): DataView[] {
  const { at } = columns(steps, values);
  return [Float64Array.from(steps), at, Float64Array.from(values)].map((array) => new DataView(array.buffer));
}

function reply(points: number, smooth = 0, ema: [number, number] = [0, 0]): SeriesReply {
  return { series: [{ run: "a", name: "loss", points, smooth, total: points, ema }], epochs: {}, failed: {} };
}

function news(points: number, more: Partial<News> = {}): News {
  return { series: [{ run: "a", scope: "batch", name: "loss", points }], states: {}, stale: [], epochs: {}, grown: false, ...more };
}

function filled(steps: number[], values: number[], also: Partial<typeof asked> = {}): Store {
  const store = new Store();
  store.take(reply(steps.length), buffers(steps, values), { ...asked, ...also });
  return store;
}

test("a million appended points stay within the limit and keep their extremes", () => {
  const points = new Points(columns([], []), 1000);
  for (let step = 0; step < 1_000_000; step += 1) points.push(step, step, step === 123_456 ? 99 : step === 654_321 ? -99 : Math.sin(step));
  assert.ok(points.length <= 2001, `${points.length} points`);
  assert.ok(points.steps.length <= 2001);
  assert.equal(points.values[best(points, "max")], 99);
  assert.equal(points.steps[best(points, "min")], 654_321);
  assert.equal(points.end, 999_999);
  assert.equal(points.steps[0], 0);
});

test("thinning gives old and new ranges of steps the same room", () => {
  const points = new Points(columns([], []), 200);
  for (let step = 0; step < 100_000; step += 1) points.push(step, step, step % 7);
  const early = lowerBound(points.steps, 50_000, points.length);
  assert.ok(early > points.length * 0.2, `${early} of ${points.length} lie in the first half`);
});

test("a NaN among neighbours stays as a gap", () => {
  const { steps, values } = columns([0, 1, 2, 3, 4, 5, 6, 7], [1, 2, NaN, 4, 5, 6, 7, 8]);
  const kept = extremes(steps, values, 8, 2).map((n) => values[n]);
  assert.ok(kept.some((value) => Number.isNaN(value)));
  assert.ok(kept.includes(1) && kept.includes(8));
});

test("nothing but NaN has no best point", () => {
  assert.equal(best(new Points(columns([1, 2], [NaN, Infinity]), 100), "max"), -1);
});

test("the average goes on where the kernel's ended", () => {
  const whole = new Average(0.6);
  const all = [3, 1, NaN, 2, 5].map((value) => whole.add(value));
  assert.ok(Math.abs((all[0] as number) - 3) < 1e-12); // debiased: the first is the first value itself
  assert.ok(Number.isNaN(all[2]));
  const biased = 0.4 * 3 * 0.6 ** 2 + 0.4 * 1 * 0.6 + 0.4 * 2; // of 3, 1, 2
  assert.ok(Math.abs(new Average(0.6, biased, 3).add(5) - (all[4] as number)) < 1e-12);
});

test("an epoch ends where the epoch's own row stands", () => {
  const epochs = new Epochs([[1, 1], [2, 41], [3, 81]]);
  assert.equal(epochs.at(40), 1);
  assert.equal(epochs.at(60), 1.5);
  assert.equal(epochs.at(120), 3); // the last is taken to be as long as the one before
  epochs.begin(2, 999); // an old one changes nothing
  assert.equal(epochs.at(60), 1.5);
});

test("places are told in the unit of the axis", () => {
  assert.equal(place("relative", 7, 1010, 1000, null), 10);
  assert.equal(place("time", 7, 1010, 1000, null), 1010);
  assert.equal(placeText("step", 1234567, "en"), "1,234,567");
  assert.equal(placeText("relative", 200, "en"), "3 min 20 s");
});

test("news are appended, and those that the answer holds already are not", () => {
  const store = filled([1, 2], [0.5, 0.4]);
  assert.equal(store.hear(news(2), buffers([2, 3], [0.4, 0.3]), "batch"), false);
  assert.deepEqual([...(store.line("a", "loss")?.raw.values.subarray(0, 3) ?? [])], [0.5, 0.4, 0.3]);
  assert.equal(store.newest_at, 1003);
});

test("a step that is measured again makes the chart ask anew", () => {
  const store = filled([1, 2, 3], [0.5, 0.4, 0.3]);
  assert.equal(store.hear(news(1), buffers([2], [0.9]), "batch"), true);
});

test("news that come while an answer is under way are not lost", () => {
  const store = filled([1, 2], [0.5, 0.4]);
  store.hold();
  assert.equal(store.hear(news(2), buffers([3, 4], [0.3, 0.2]), "batch"), false);
  store.take(reply(3), buffers([1, 2, 3], [0.5, 0.4, 0.3]), asked);
  assert.deepEqual([...(store.line("a", "loss")?.raw.steps.subarray(0, 4) ?? [])], [1, 2, 3, 4]);
});

test("news of another scope are left aside", () => {
  const store = filled([1], [0.5]);
  store.hear(news(1), buffers([2], [0.4]), "epoch");
  assert.equal(store.line("a", "loss")?.raw.length, 1);
});

test("what is in view in detail replaces the rough points there, and only there", () => {
  const store = filled([0, 10, 20, 30, 40], [0, 1, 2, 3, 4]);
  store.takeDetail(reply(3), buffers([10, 15, 20], [1, 1.5, 2]), asked);
  const line = store.line("a", "loss");
  assert.ok(line);
  const steps = pieces(line, "raw").flatMap(({ points, start, stop }) => [...points.steps.subarray(start, stop)]);
  assert.deepEqual(steps, [0, 10, 15, 20, 30, 40]);
  const near = new Placing(store, "a", "step", "batch").nearest(line, 16);
  assert.equal(near?.points.steps[near.n], 15);
  assert.deepEqual(new Placing(store, "a", "step", "batch").steps(line, 12, 28), [10, 30]);
});

test("a logarithmic axis counts only what is above 0", () => {
  const store = filled([0, 1, 2], [-1, 0, NaN]);
  const line = store.line("a", "loss");
  assert.ok(line);
  const found = bounds([{ line, index: 0, placing: new Placing(store, "a", "step", "batch") }], [0, 2], true);
  assert.deepEqual([found.points, found.finite, found.low > found.high], [3, 2, true]);
  assert.deepEqual(range(found, true), [0.1, 1]);
  const { Y } = scales({ x: [0, 1], y: [0.1, 10], log: true, left: 0, top: 0, width: 100, height: 100, ratio: 1 });
  assert.ok(Math.abs(Y(1) - 50) < 1e-9);
  assert.ok(Number.isNaN(Y(0)));
});

test("a constant line has room above and below", () => {
  const [low, high] = range({ low: 5, high: 5, points: 1, finite: 1 }, false);
  assert.ok(low < 5 && high > 5);
});

test("runs are called by the settings in which they differ, and told apart when these are alike", () => {
  const run = (id: string, differs: Record<string, string>) => ({ id, name: "", state: "running", differs });
  assert.deepEqual([...labels([run("a", { lr0: "0.1" }), run("b", { lr0: "0.2" })]).values()], ["lr0=0.1", "lr0=0.2"]);
  assert.deepEqual([...labels([run("a", {}), run("b", {})]).values()], ["a", "b"]);
});

test("what the machine did gives way to the first losses, and these to nothing", () => {
  const store = new Store();
  const model = { get: () => "", set: () => undefined, save_changes: () => undefined };
  const chosen = new Chosen(model as never, {} as never, store);
  const shown = (...scopes: string[]) => {
    store.catalogue = { scopes: Object.fromEntries(scopes.map((scope) => [scope, ["a"]])), defaults: {}, directions: {} };
    return chosen.scope;
  };
  assert.deepEqual([shown("system"), shown("batch", "system"), shown("epoch", "batch", "system")], ["system", "batch", "batch"]);
});
