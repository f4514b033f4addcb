// Several runs side by side: their headlines, and the settings in which they differ.
import { h } from "../base/dom.ts";
import { number } from "../base/format.ts";
import { stateMark, title, written, type Speaking } from "./cells.ts";
import type { Comparison } from "./detail_types.ts";
import { elapsed, span } from "./moments.ts";

/** Return the table; a column a run. */
export function table({ runs, settings }: Comparison, { say, lang }: Speaking): HTMLElement {
  const line = (name: string, cells: (Node | string)[]) => h("tr", {}, h("th", { scope: "row" }, name), ...cells.map((cell) => h("td", {}, cell)));
  const differing = Object.entries(settings).map(([name, values]) => line(name, values.map(written)));
  const same = differing.length ? [] : [h("tr", {}, h("td", { colspan: runs.length + 1, class: "wb-quiet" }, say("d_same_config")))];
  return h(
    "div",
    { class: "bd-wide", tabindex: 0, role: "group", "aria-label": say("d_comparison") },
    h(
      "table",
      { class: "wb-table bd-compare" },
      h("thead", {}, h("tr", {}, h("td", {}), ...runs.map((run) => h("th", { scope: "col", title: run.id }, title(run))))),
      h(
        "tbody",
        {},
        line(say("col_state"), runs.map((run) => stateMark(run.state, say))),
        line(say("col_headline"), runs.map((run) => (run.headline ? `${number(run.headline.nan ? Number.NaN : run.headline.value)} ${run.headline.name}` : "–"))),
        line(say("col_duration"), runs.map((run) => span(elapsed(run, Date.now()), lang))),
        ...differing,
        ...same,
      ),
    ),
  );
}
