// Curves of an evaluation, e.g. precision over recall: a line a class, and the mean of all.
import { button, h, replace, svg } from "../base/dom.ts";
import { number } from "../base/format.ts";
import { float32 } from "../base/rpc.ts";
import { lineStyle } from "../base/theme.ts";
import { best, mean } from "./curve_maths.ts";
import type { LinesAnswer } from "./detail_types.ts";
import { ask, sayNothing, type Context, type Part } from "./part.ts";

const SIZE = 220;
const ALL_LINES = 7; // more lines than colours: then one class at a time beside the mean

interface Curve {
  name: string;
  x_label: string;
  y_label: string;
  names: string[];
  x: Float32Array;
  ys: Float32Array[];
}

export class Lines implements Part {
  readonly root = h("div", { class: "bd-part" });
  readonly reads = ["media"];
  readonly pace_ms = 2000;
  private curves: Curve[] = [];
  private chosen = "";
  private asTable = false;

  refresh(context: Context): void {
    ask<LinesAnswer>(context, this.root, "lines", {}, (answer, buffers, python) => {
      this.curves = answer.curves.map((curve, place) => {
        const all = float32(buffers[2 * place + 1]);
        const ys = Array.from({ length: curve.count }, (_, row) => all.subarray(row * curve.points, (row + 1) * curve.points));
        return { ...curve, x: float32(buffers[2 * place]), ys };
      });
      if (python && !this.root.children.length) context.shell.showPython(python);
      this.draw(context);
    });
  }

  dispose(): void {}

  private draw(context: Context): void {
    const { say } = context.speaking;
    if (!this.curves.length) return sayNothing(this.root, say("d_no_curves"));
    const names = [...new Set(this.curves.flatMap((curve) => curve.names))];
    const toggle = button(say("d_table"), () => {
      this.asTable = !this.asTable;
      this.draw(context);
      this.root.querySelector<HTMLElement>("[data-table]")?.focus();
    }, { "aria-pressed": String(this.asTable), "data-table": "" });
    const body = this.asTable ? this.table(context, names) : h("div", { class: "bd-plots" }, ...this.curves.map((curve) => this.plot(curve, context)));
    replace(this.root, h("div", { class: "wb-toolbar bd-part-bar" }, this.choice(names, context), toggle), body);
  }

  private choice(names: string[], context: Context): HTMLElement | null {
    const { say } = context.speaking;
    if (names.length < 2) return null;
    const id = `bd-class-${Math.random().toString(36).slice(2)}`;
    const field = h("input", { type: "search", list: id, value: this.chosen, placeholder: say("d_find_class"), "aria-label": say("d_find_class") });
    field.addEventListener("change", () => {
      this.chosen = names.includes(field.value) ? field.value : "";
      this.draw(context);
    });
    return h("span", {}, field, h("datalist", { id }, ...names.map((name) => h("option", { value: name }))));
  }

  private plot(curve: Curve, context: Context): HTMLElement {
    const { say } = context.speaking;
    const top = Math.max(1, ...curve.ys.flatMap((row) => [best(curve.x, row).y ?? 0]));
    const average = mean(curve.ys);
    const drawn = this.drawn(curve);
    const lines = drawn.map((row, place) => {
      const { color, dash } = lineStyle(place + 1);
      return svg("path", { d: trace(curve.x, curve.ys[row], top), class: "bd-line", style: `stroke:${color};stroke-dasharray:${dash.join(" ")}` });
    });
    const whole = svg("path", { d: trace(curve.x, average, top), class: "bd-line bd-mean", style: `stroke:${lineStyle(0).color}` });
    const told = `${curve.name}: ${curve.y_label} / ${curve.x_label}`;
    const ticks = [0, 0.5, 1].flatMap((at) => [
      svg("text", { x: at * SIZE, y: SIZE + 14, "text-anchor": at === 0 ? "start" : at === 1 ? "end" : "middle", class: "bd-tick" }, at),
      svg("text", { x: -5, y: SIZE - at * SIZE + 4, "text-anchor": "end", class: "bd-tick" }, number(at * top, 2)),
      svg("line", { x1: 0, x2: SIZE, y1: SIZE - at * SIZE, y2: SIZE - at * SIZE, class: "bd-axis" }),
    ]);
    const legend = [
      { label: curve.ys.length > 1 ? say("d_mean") : (curve.names[0] ?? ""), style: lineStyle(0) },
      ...drawn.map((row, place) => ({ label: curve.names[row] ?? String(row), style: lineStyle(place + 1) })),
    ];
    return h(
      "figure",
      { class: "bd-plot" },
      h("figcaption", {}, h("strong", {}, curve.name), h("span", { class: "wb-quiet" }, `${curve.y_label} / ${curve.x_label}`)),
      svg("svg", { viewBox: `-32 -8 ${SIZE + 42} ${SIZE + 28}`, role: "img", "aria-label": told }, ...ticks, ...lines, whole),
      h("ul", { class: "bd-legend" }, ...legend.map(({ label, style }) => h("li", { title: label }, swatch(style), h("span", {}, label)))),
    );
  }

  private drawn(curve: Curve): number[] {
    if (curve.ys.length < 2) return [];
    const wanted = curve.names.indexOf(this.chosen);
    if (wanted >= 0) return [wanted];
    return curve.ys.length < ALL_LINES ? curve.ys.map((_, row) => row) : [];
  }

  private table(context: Context, names: string[]): HTMLElement {
    const { say } = context.speaking;
    const shown = this.chosen ? [this.chosen] : names;
    const heads = this.curves.map((curve) => h("th", { scope: "col", class: "wb-number" }, curve.name));
    const value = (curve: Curve, row: ArrayLike<number> | undefined) => {
      const found = row ? best(curve.x, row) : { x: null, y: null };
      return found.y === null ? "–" : say("d_best_at", { y: number(found.y, 3), x: number(found.x, 3) });
    };
    const rows = shown.map((name) => h("tr", {}, h("th", { scope: "row" }, name), ...this.curves.map((curve) => h("td", { class: "wb-number" }, value(curve, curve.ys[curve.names.indexOf(name)])))));
    const whole = h("tr", {}, h("th", { scope: "row" }, say("d_mean")), ...this.curves.map((curve) => h("td", { class: "wb-number" }, value(curve, mean(curve.ys)))));
    return h("div", { class: "bd-wide bd-tall", tabindex: 0, role: "group", "aria-label": say("d_table") }, h("table", { class: "wb-table" }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, say("d_class")), ...heads)), h("tbody", {}, whole, ...rows)));
  }
}

function swatch({ color, dash }: { color: string; dash: number[] }): SVGElement {
  return svg("svg", { width: 22, height: 8, "aria-hidden": "true" }, svg("line", { x1: 1, x2: 21, y1: 4, y2: 4, style: `stroke:${color};stroke-width:2;stroke-dasharray:${dash.join(" ")}` }));
}

function trace(x: ArrayLike<number>, y: ArrayLike<number> | undefined, top: number): string {
  let path = "";
  let pen = "M";
  for (let place = 0; place < x.length; place += 1) {
    const value = y?.[place];
    if (value === undefined || !Number.isFinite(value)) {
      pen = "M";
      continue;
    }
    path += `${pen}${((x[place] ?? 0) * SIZE).toFixed(1)} ${(SIZE - (value / top) * SIZE).toFixed(1)}`;
    pen = "L";
  }
  return path;
}
