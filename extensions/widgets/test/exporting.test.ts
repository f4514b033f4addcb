// The wizard's pure parts: what is chosen, what verdicts look like, figures, and both languages.
import assert from "node:assert/strict";
import { test } from "node:test";
import { rowKey } from "../src/exporting/options.ts";
import { TEXTS } from "../src/exporting/texts.ts";
import { USUAL, type Check, type Format } from "../src/exporting/types.ts";
import { drop, inOrder, markOf, MARKS, megabytes, points, setting, spare, takers, toggled } from "../src/exporting/words.ts";

const check = (name: string, verdict: string, accepted = false, about: Check["about"] = "file"): Check => ({ name, verdict, accepted, about, found: "", wanted: "" });
const format = (name: string, title: string, ...taken: string[]) => ({ name, title, arguments: taken }) as Format;

test("a format is ticked at the end of the list, changed in its place, and taken away", () => {
  const two = toggled({ onnx: "fp32" }, "litert", "int8");
  assert.deepEqual(Object.entries(two), [["onnx", "fp32"], ["litert", "int8"]]);
  assert.deepEqual(Object.entries(toggled(two, "onnx", "fp16")), [["onnx", "fp16"], ["litert", "int8"]]);
  assert.deepEqual(toggled(two, "onnx", null), { litert: "int8" });
});

test("failures stand first, whatever was accepted next, and each has its own shape", () => {
  const rows = [check("a", "pass"), check("b", "unverified"), check("c", "fail", true), check("d", "fail"), check("e", "pass", false, "answers"), check("f", "pass", false, "images")];
  assert.deepEqual(inOrder(rows).map(({ name }) => name), ["d", "c", "b", "e", "f", "a"]);
  assert.deepEqual(rows.map(markOf), ["good", "open", "warned", "bad", "good", "good"]);
  assert.equal(new Set(Object.values(MARKS)).size, 4);
});

test("only options that are not as usual are kept", () => {
  assert.deepEqual(spare(USUAL), {});
  assert.deepEqual(spare({ ...USUAL, imgsz: "320", accept: ["accuracy"] }), { imgsz: "320", accept: ["accuracy"] });
  assert.equal(setting({ options: spare({ ...USUAL, dynamic: true, opset: 17 }) }), 'wizard.options = {"dynamic": True, "opset": 17}');
});

test("an option names the chosen formats that take it", () => {
  const formats = [format("onnx", "ONNX", "dynamic", "opset"), format("ncnn", "NCNN"), format("openvino", "OpenVINO", "dynamic")];
  assert.deepEqual(takers(formats, { onnx: "fp32", ncnn: "fp32" }, "dynamic"), ["ONNX"]);
  assert.deepEqual(takers(formats, { ncnn: "fp32" }, "opset"), []);
});

test("figures are written as people read them", () => {
  assert.equal(megabytes(834), "834 MB");
  assert.equal(megabytes(2158), "2.2 GB");
  assert.equal(points(0.71449), "71.4");
  assert.equal(drop({ drop: 0.3, low: -0.1, high: 0.72 }), "0.30 (−0.10 … 0.72)");
  assert.equal(drop({ drop: -0.001, low: -0.002, high: 0 }), "0.00 (0.00 … 0.00)");
});

test("every text is there in English and Korean, with the same values", () => {
  for (const [key, { en, ko }] of Object.entries(TEXTS)) {
    const values = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
    assert.ok(en && ko, key);
    assert.deepEqual(values(en), values(ko), key);
  }
});

test("the rows of a certificate have names in both languages", () => {
  const rows = ["file", "metadata", "task", "class names", "image size", "stride", "preprocessing", "postprocessing", "dataset", "run", "licence", "paths", "raw output", "detections", "masks", "keypoints", "angles", "class scores", "endpoint", "accuracy", "images", "boxes", "whole boxes", "classes", "accuracy images"];
  for (const row of rows) assert.ok(rowKey(row) in TEXTS, row);
});
