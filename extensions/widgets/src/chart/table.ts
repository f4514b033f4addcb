// The table behind a panel: last and best value of each run, and values at places along the axis.
import { h, replace } from "../base/dom.ts";
import { count, number } from "../base/format.ts";
import { best } from "./points.ts";
import type { Host, Panel } from "./panel.ts";
import type { Shown } from "./draw.ts";

const ROWS = 12;

/** Fill a box with what a panel shows. */
export function fillTable(box: HTMLElement, host: Host, panel: Panel): void {
  const heads = panel.shown.map(({ line }) => h("th", { scope: "col", class: "wb-number" }, host.label(line.run)));
  const places = evenly(host.span, ROWS);
  const rows = places.map((x) =>
    h("tr", {}, h("th", { scope: "row" }, host.at(x)), ...panel.shown.map((each) => cell(nearest(each, x, panel.slack)))),
  );
  const direction = host.direction(panel.name);
  const sums = [
    h("tr", {}, h("th", { scope: "row" }, host.say("last")), ...panel.shown.map(({ line }) => cell(line.raw.values[line.raw.length - 1]))),
    direction
      ? h("tr", {}, h("th", { scope: "row" }, host.say(`best_${direction}`)), ...panel.shown.map(({ line }) => cell(line.raw.values[best(line.raw, direction)])))
      : null,
    h("tr", {}, h("th", { scope: "row" }, host.say("points")), ...panel.shown.map(({ line }) => h("td", { class: "wb-number" }, count(line.total)))),
  ];
  const caption = h("caption", { class: "wb-hidden" }, panel.name);
  const head = h("thead", {}, h("tr", {}, h("th", { scope: "col" }, host.say(`axis_${host.axis}`)), ...heads));
  replace(box, h("table", { class: "wb-table" }, caption, head, h("tbody", {}, ...sums), h("tbody", {}, ...rows)));
}

function cell(value: number | undefined): HTMLElement {
  return h("td", { class: "wb-number" }, number(value));
}

function nearest({ line, placing }: Shown, x: number, slack: number): number | undefined {
  const found = placing.covers(line, x, slack) ? placing.nearest(line, x) : null;
  return found ? found.points.values[found.n] : undefined;
}

function evenly([low, high]: [number, number], most: number): number[] {
  const whole = Number.isInteger(low) && Number.isInteger(high) && high - low < most;
  const parts = whole ? high - low : most - 1;
  return parts > 0 ? Array.from({ length: parts + 1 }, (_, n) => low + ((high - low) * n) / parts) : [low];
}
