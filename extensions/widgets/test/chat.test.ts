import assert from "node:assert/strict";
import { test } from "node:test";
import { isText, keyMeans, Recall, Rows, type Row } from "../src/chat/store.ts";

const key = (name: string, more: object = {}) => ({
  key: name, shiftKey: false, altKey: false, ctrlKey: false, metaKey: false, isComposing: false, keyCode: 13, ...more,
});
const field = (value: string, at = value.length) => ({ value, selectionStart: at, selectionEnd: at });
const row = (id: string, more: Partial<Row> = {}): Row => ({
  id, at: "", by: "chat", lang: "en", intent: "configure", text: `text ${id}`, click: "", of: "", changes: [], back: "",
  refusals: [], suggestions: [], question: null, card: null, words: [], said: "", engine: "rules", fallback: "", tokens: 0,
  sent: false, ...more,
});
const asks = (answered: number | null) => ({ text: "which?", options: ["a", "b"], answered });

test("Enter sends, but not with Shift, and not while a Korean syllable is composed", () => {
  assert.equal(keyMeans(key("Enter"), field("x")), "send");
  assert.equal(keyMeans(key("Enter", { shiftKey: true }), field("x")), null);
  assert.equal(keyMeans(key("Enter", { isComposing: true }), field("하")), null);
  assert.equal(keyMeans(key("Enter", { keyCode: 229 }), field("하")), null);
});

test("an arrow goes through what was said only from the first and the last line", () => {
  assert.equal(keyMeans(key("ArrowUp"), field("one\ntwo")), null);
  assert.equal(keyMeans(key("ArrowUp"), field("one\ntwo", 2)), "back");
  assert.equal(keyMeans(key("ArrowDown"), field("one\ntwo")), "on");
  assert.equal(keyMeans(key("ArrowUp", { ctrlKey: true }), field("")), null);
});

test("what was typed and not sent comes back after what was said", () => {
  const recall = new Recall();
  assert.equal(recall.step(["a", "b"], 1, "draft"), null);
  assert.deepEqual([-1, -1, -1, 1, 1].map((by) => recall.step(["a", "b"], by as 1 | -1, "draft")), ["b", "a", null, "b", "draft"]);
});

test("rows stand in the order of their turns and only those that are otherwise are drawn anew", () => {
  const rows = new Rows();
  assert.deepEqual(rows.merge([row("10"), row("2")]), ["10", "2"]);
  assert.deepEqual(rows.all().map((each) => each.id), ["2", "10"]);
  assert.deepEqual(rows.merge([row("10"), row("2", { back: "undo" })]), ["2"]);
  assert.equal(rows.after("2")?.id, "10");
});

test("a digit answers only the newest question, and only while it waits", () => {
  const rows = new Rows();
  rows.merge([row("1", { question: asks(null) })]);
  assert.equal(rows.asking()?.id, "1");
  rows.merge([row("2", { question: asks(1) })]);
  assert.equal(rows.asking(), undefined);
});

test("what was typed is recalled once where it was said twice in a row, and nothing of the form is", () => {
  const rows = new Rows();
  rows.merge([row("1", { text: "a" }), row("2", { text: "a" }), row("3", { by: "form", text: "" }), row("4", { text: "b" })]);
  assert.deepEqual(rows.typed(), ["a", "b"]);
});

test("blanks are no text", () => assert.equal(isText(" \n\t"), false));
