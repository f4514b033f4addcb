// What a run measured, as small charts side by side, and as a table.
import { button, h, replace, svg } from "../base/dom.ts";
import { count, number } from "../base/format.ts";
import { float64 } from "../base/rpc.ts";
import type { SeriesAnswer } from "./detail_types.ts";
import { span } from "./moments.ts";
import { ask, sayNothing, type Context, type Part } from "./part.ts";
import { extent, lastNumber, sparkPath } from "./spark.ts";

const WIDTH = 240;
const HEIGHT = 84;

interface Series {
  name: string;
  total: number;
  steps: number[];
  values: number[];
}

export class Charts implements Part {
  readonly root = h("div", { class: "bd-part" });
  readonly reads = ["metrics"];
  readonly pace_ms = 2000;
  private readonly of: "run" | "system";
  private series: Series[] = [];
  private scope = "";
  private asTable = false;

  constructor(of: "run" | "system") {
    this.of = of;
  }

  refresh(context: Context): void {
    ask<SeriesAnswer>(context, this.root, "series", { of: this.of }, (answer, buffers, python) => {
      this.scope = answer.scope;
      this.series = answer.series.map(({ name, total }, place) => ({
        name,
        total,
        steps: [...float64(buffers[2 * place])],
        values: [...float64(buffers[2 * place + 1])],
      }));
      if (!this.root.children.length) context.shell.showPython(python);
      this.draw(context, answer.left_out);
    });
  }

  dispose(): void {}

  private draw(context: Context, left_out = 0): void {
    const { say } = context.speaking;
    if (!this.series.length) {
      const never = this.of === "system" ? "d_no_system" : context.facts.run.going ? "d_no_points_yet" : "d_no_points";
      return sayNothing(this.root, say(never));
    }
    const toggle = button(say("d_table"), () => {
      this.asTable = !this.asTable;
      this.draw(context);
      this.root.querySelector("button")?.focus();
    }, { "aria-pressed": String(this.asTable) });
    const drawn = this.asTable ? this.table(context) : h("div", { class: "bd-multiples" }, ...this.series.map((one) => this.chart(one, context)));
    const left = left_out ? h("p", { class: "wb-quiet" }, say("d_left_out", { n: left_out })) : null;
    const focused = this.root.contains(document.activeElement);
    replace(this.root, h("div", { class: "wb-toolbar bd-part-bar" }, h("span", { class: "wb-quiet" }, this.over(context)), toggle), drawn, left);
    if (focused) this.root.querySelector("button")?.focus();
  }

  private over(context: Context): string {
    return context.speaking.say(this.of === "system" ? "d_over_time" : this.scope === "epoch" ? "d_over_epochs" : "d_over_steps");
  }

  private step(value: number, context: Context): string {
    return this.of === "system" ? span(value, context.speaking.lang) : count(value);
  }

  private chart(series: Series, context: Context): HTMLElement {
    const { say } = context.speaking;
    const [least, greatest] = extent(series.values);
    const last = lastNumber(series.values);
    const value = h("span", { class: "bd-chart-value" }, last < 0 ? say("nan_only") : number(series.values[last], 4));
    const dot = svg("circle", { r: 2.5, visibility: "hidden" });
    const path = sparkPath(series.values, WIDTH, HEIGHT, series.steps);
    const label = last < 0 ? `${series.name}: ${say("nan_only")}` : say("points", { name: series.name, n: series.total, first: number(series.values[0]), last: number(series.values[last]) });
    const drawing = svg(
      "svg",
      { viewBox: `-3 -3 ${WIDTH + 6} ${HEIGHT + 6}`, role: "img", "aria-label": label, preserveAspectRatio: "none" },
      svg("line", { x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT, class: "bd-axis" }),
      svg("path", { d: series.values.length === 1 ? `${path}h0.1` : path, class: "bd-line" }),
      dot,
    );
    drawing.addEventListener("pointermove", (event) => {
      const at = nearest(series, (event.offsetX / drawing.clientWidth) * (WIDTH + 6) - 3);
      if (at < 0) return;
      value.textContent = `${number(series.values[at], 4)} · ${this.step(series.steps[at] ?? 0, context)}`;
      place(dot, series, at, least, greatest);
    });
    drawing.addEventListener("pointerleave", () => {
      value.textContent = last < 0 ? say("nan_only") : number(series.values[last], 4);
      dot.setAttribute("visibility", "hidden");
    });
    return h(
      "figure",
      { class: "bd-chart" },
      h("figcaption", {}, h("span", { class: "bd-chart-name", title: series.name }, series.name), value),
      h("div", { class: "bd-chart-body" }, drawing),
      h("div", { class: "bd-chart-range wb-quiet" }, h("span", {}, least === null ? "" : `${number(least, 3)} – ${number(greatest, 3)}`), h("span", {}, this.step(series.steps.at(-1) ?? 0, context))),
    );
  }

  private table(context: Context): HTMLElement {
    const { say } = context.speaking;
    const heads = (["d_metric", "d_last", "d_least", "d_greatest", "d_points"] as const).map((key, index) => h("th", { scope: "col", class: index ? "wb-number" : "" }, say(key)));
    const rows = this.series.map((one) => {
      const [least, greatest] = extent(one.values);
      const last = one.values.at(-1);
      const cells = [number(last), number(least), number(greatest), count(one.total)];
      return h("tr", {}, h("th", { scope: "row" }, one.name), ...cells.map((cell) => h("td", { class: "wb-number" }, cell)));
    });
    return h("div", { class: "bd-wide" }, h("table", { class: "wb-table" }, h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...rows)));
  }
}

function nearest(series: Series, x: number): number {
  const from = series.steps[0] ?? 0;
  const reach = (series.steps.at(-1) ?? 0) - from;
  const step = from + (x / WIDTH) * reach;
  let best = -1;
  series.steps.forEach((other, place) => {
    if (Number.isFinite(series.values[place]) && (best < 0 || Math.abs(other - step) < Math.abs((series.steps[best] ?? 0) - step))) best = place;
  });
  return best;
}

function place(dot: SVGElement, series: Series, at: number, least: number | null, greatest: number | null): void {
  const from = series.steps[0] ?? 0;
  const reach = (series.steps.at(-1) ?? 0) - from || 1;
  const height = (greatest ?? 0) - (least ?? 0) || 1;
  dot.setAttribute("cx", String((((series.steps[at] ?? 0) - from) / reach) * WIDTH));
  dot.setAttribute("cy", String(HEIGHT - (((series.values[at] ?? 0) - (least ?? 0)) / height) * HEIGHT));
  dot.setAttribute("visibility", "visible");
}
