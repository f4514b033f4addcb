// A confusion matrix for those who read rather than look: all of a small one, and what is confused most.
import { h } from "../base/dom.ts";
import { count } from "../base/format.ts";
import type { Say } from "../base/texts.ts";
import type { Counts } from "./matrix_maths.ts";
import type { Key } from "./texts.ts";

const WHOLE = 25;
const WORST = 200;

/** Return the tables of a matrix. */
export function matrixTable(counts: Counts, names: string[], say: Say<Key>): HTMLElement {
  const whole = counts.side <= WHOLE ? [h("h4", {}, say("d_counts")), all(counts, names, say)] : [];
  return h("div", { class: "bd-wide bd-tall", tabindex: 0, role: "group", "aria-label": say("d_table") }, ...whole, h("h4", {}, say("d_worst")), worst(counts, names, say));
}

function all(counts: Counts, names: string[], say: Say<Key>): HTMLElement {
  const corner = `${say("d_predicted")} ↓ / ${say("d_true")} →`;
  const rows = names.map((name, predicted) =>
    h("tr", {}, h("th", { scope: "row" }, name), ...names.map((_, truth) => h("td", { class: "wb-number" }, count(counts.at(predicted, truth))))),
  );
  return h("table", { class: "wb-table" }, h("thead", {}, h("tr", {}, h("td", { class: "wb-quiet" }, corner), ...names.map((name) => h("th", { scope: "col", class: "wb-number" }, name)))), h("tbody", {}, ...rows));
}

function worst(counts: Counts, names: string[], say: Say<Key>): HTMLElement {
  const found = counts.worst(WORST);
  if (!found.length) return h("p", { class: "wb-quiet" }, say("d_nothing_confused"));
  const heads = (["d_true", "d_predicted", "d_count", "d_share"] as const).map((key, place) => h("th", { scope: "col", class: place > 1 ? "wb-number" : "" }, say(key)));
  const rows = found.map((one) =>
    h(
      "tr",
      {},
      h("td", {}, names[one.truth] ?? ""),
      h("td", {}, names[one.predicted] ?? ""),
      h("td", { class: "wb-number" }, count(one.count)),
      h("td", { class: "wb-number" }, `${(one.share * 100).toFixed(1)} %`),
    ),
  );
  return h("table", { class: "wb-table" }, h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...rows));
}
