// Shapes for verdicts, so that nobody needs their colour.
import { h, svg } from "../base/dom.ts";
import type { Mark } from "./words.ts";

const SHAPES: Record<Mark, string> = {
  good: "M3 8.5l3.4 3.5L13 4.5",
  bad: "M3.5 3.5l9 9M12.5 3.5l-9 9",
  open: "M5.6 6a2.5 2.5 0 1 1 3.6 2.3c-.8.4-1.2.9-1.2 1.7M8 12.4v.5",
  warned: "M8 2.5l6 11H2zM8 6.5v3.2M8 11.4v.4",
};

/** Return the shape of a verdict and its word. */
export function marked(mark: Mark, word: string): HTMLElement {
  const shape = svg("svg", { class: `ex-mark ex-is-${mark}`, viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: SHAPES[mark] }));
  return h("span", { class: "ex-marked" }, shape, h("span", {}, word));
}
