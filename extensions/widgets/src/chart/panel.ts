// One panel: one metric of all runs, with axes, crosshair and zoom.
//
// What lives here: the canvas (uPlot draws its axes, `draw` its lines) and what a hand does on it. What does not: which
// points there are (`store`), what the whole chart shows (`view`).
import uPlot from "uplot";
import { button, h, replace } from "../base/dom.ts";
import { number } from "../base/format.ts";
import { lineStyle } from "../base/theme.ts";
import type { Say } from "../base/texts.ts";
import { placeText, type AxisName } from "./axis.ts";
import { bounds, drawLines, range, type Bounds, type Frame, type Shown } from "./draw.ts";
import { best } from "./points.ts";
import { swatch } from "./legend.ts";
import { fillTable } from "./table.ts";
import type { TEXTS } from "./texts.ts";

export type Texts = Say<keyof typeof TEXTS>;

/** What a panel asks of the chart around it. */
export interface Host {
  readonly say: Texts;
  readonly lang: "en" | "ko";
  readonly axis: AxisName;
  readonly log: boolean;
  readonly table: boolean;
  readonly x: [number, number];
  readonly span: [number, number];
  readonly runs: number;
  readonly colors: { text: string; grid: string };
  shown(name: string): Shown[];
  all(name: string): number;
  label(run: string): string;
  at(x: number): string;
  going(): boolean;
  direction(name: string): "min" | "max" | "";
  zoom(range: [number, number] | null): void;
  point(x: number | null, by: Panel): void;
  copy(format: "PNG" | "SVG" | "CSV", panel: Panel): void;
  announce(text: string): void;
}

const HEIGHT = 220;
const LEAST_WIDTH = 120;
const NEAR = 0.02; // of the axis: so far beside its ends a line still has a value

export class Panel {
  readonly root: HTMLElement;
  readonly name: string;
  shown: Shown[] = [];
  y: [number, number] = [0, 1];
  private readonly host: Host;
  private readonly note: HTMLElement;
  private readonly stage: HTMLElement;
  private readonly readout: HTMLElement;
  private readonly message: HTMLElement;
  private readonly tableBox: HTMLElement;
  private readonly sizes: ResizeObserver;
  private readonly seen: IntersectionObserver;
  private dots: HTMLElement[] = [];
  private plot: uPlot | null = null;
  private visible = false;
  private x: number | null = null;
  private full = false;
  private hovered = false;

  constructor(host: Host, name: string) {
    this.host = host;
    this.name = name;
    this.note = h("span", { class: "wbc-note" });
    this.readout = h("div", { class: "wbc-readout", hidden: true, "aria-hidden": "true" });
    this.message = h("p", { class: "wbc-message", hidden: true });
    this.stage = h("div", { class: "wbc-stage", tabindex: "0", role: "group", keydown: (event) => this.key(event as KeyboardEvent) });
    this.tableBox = h("div", { class: "wbc-table", hidden: true, tabindex: "0", role: "group", "aria-label": name });
    const copies = (["PNG", "SVG", "CSV"] as const).map((format) =>
      button(format, () => host.copy(format, this), { class: "wbc-copy", "aria-label": host.say("copyAs", { name, format }) }),
    );
    const title = h("h3", { class: "wbc-title", title: name }, name);
    const head = h("header", { class: "wbc-head" }, title, this.note, h("span", { class: "wbc-copies" }, ...copies));
    const body = h("div", { class: "wbc-body" }, this.stage, this.message, this.readout, this.tableBox);
    this.root = h("article", { class: "wbc-panel" }, head, body);
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.stage);
    this.seen = new IntersectionObserver((entries) => this.see(entries.at(-1)?.isIntersecting ?? false), { rootMargin: "100px" });
    this.seen.observe(this.root);
    this.stage.addEventListener("dblclick", () => host.zoom(null));
    this.stage.addEventListener("mouseenter", () => (this.hovered = true));
    this.stage.addEventListener("mouseleave", () => {
      this.hovered = false;
      host.point(null, this);
    });
  }

  get canvas(): HTMLCanvasElement | null {
    return this.plot?.ctx.canvas ?? null;
  }

  /** The width of the drawing in CSS pixels; 0 while it is hidden. */
  width = 0;

  /** How far beside its ends a line still has a value, on the axis. */
  get slack(): number {
    return NEAR * (this.host.x[1] - this.host.x[0]);
  }

  /** Draw what there is now; a panel that nobody sees is drawn when somebody does. */
  update(): void {
    if (!this.visible) return;
    this.shown = this.host.shown(this.name);
    const found = bounds(this.shown, this.host.x, this.host.log);
    this.y = range(found, this.host.log);
    this.tell(found);
    if (this.host.table) fillTable(this.tableBox, this.host, this);
    else this.redraw();
    if (this.x !== null) this.pointAt(this.x, this.full);
  }

  /** Put the crosshair at a place; null takes it away. `full` names the runs beside their values. */
  pointAt(x: number | null, full: boolean): void {
    this.x = x;
    this.full = full;
    const plot = this.plot;
    const inside = x !== null && x >= this.host.x[0] && x <= this.host.x[1];
    this.readout.hidden = !inside || this.host.table;
    if (!plot || x === null || !inside) {
      plot?.setCursor({ left: -10, top: -10 }, false);
      for (const dot of this.dots) dot.hidden = true;
      return;
    }
    const left = plot.valToPos(x, "x");
    if (!this.hovered) plot.setCursor({ left, top: 0 }, false);
    this.read(plot, x, full);
    const width = plot.over.clientWidth;
    const start = plot.over.offsetLeft;
    if (left < width / 2) Object.assign(this.readout.style, { left: `${start + left + 10}px`, right: "auto" });
    else Object.assign(this.readout.style, { left: "auto", right: `${this.width - start - left + 10}px` });
  }

  dispose(): void {
    this.sizes.disconnect();
    this.seen.disconnect();
    this.plot?.destroy();
    this.root.remove();
  }

  private see(visible: boolean): void {
    if (visible === this.visible) return;
    this.visible = visible;
    this.update();
  }

  private resize(): void {
    this.width = this.stage.clientWidth;
    if (!this.plot) this.update();
    if (this.plot && this.width >= LEAST_WIDTH) this.plot.setSize({ width: this.width, height: HEIGHT });
  }

  private tell(found: Bounds): void {
    const say = this.host.say;
    const all = this.host.all(this.name);
    const direction = this.host.direction(this.name);
    const parts: string[] = [];
    if (all && all < this.host.runs) parts.push(say("someRuns", { some: all, all: this.host.runs }));
    const top = this.best();
    if (top && direction) parts.push(`${say(`best_${direction}`)} ${number(top.value)} · ${top.at}`);
    this.note.textContent = parts.join(" · ");
    this.note.title = top ? this.host.label(top.run) : "";
    const message = this.emptiness(found, all);
    this.message.textContent = message;
    this.message.hidden = !message || this.host.table;
    this.stage.classList.toggle("wbc-bare", Boolean(message));
    this.stage.hidden = this.host.table;
    this.tableBox.hidden = !this.host.table;
    this.stage.setAttribute("aria-label", say("panel", { name: this.name, summary: message || parts.join(", ") || `${all}` }));
  }

  private emptiness(found: Bounds, all: number): string {
    const say = this.host.say;
    if (!this.shown.length) return all ? say("allHidden") : say(this.host.going() ? "noPoints" : "noPointsEver");
    if (!found.finite) return say("onlyNan", { count: this.shown.reduce((sum, { line }) => sum + line.total, 0) });
    if (found.low <= found.high) return "";
    return say(this.host.log ? "noPositive" : "outOfView");
  }

  /** Return the best value among the runs that are drawn. */
  private best(): { value: number; at: string; run: string } | null {
    const direction = this.host.direction(this.name);
    if (!direction) return null;
    let found: { value: number; at: string; run: string } | null = null;
    for (const { line, placing } of this.shown) {
      const place = best(line.raw, direction);
      const value = line.raw.values[place] as number;
      if (place < 0 || (found && (direction === "min" ? value >= found.value : value <= found.value))) continue;
      found = { value, run: line.run, at: this.host.at(placing.of(line.raw, place)) };
    }
    return found;
  }

  private redraw(): void {
    if (this.width < LEAST_WIDTH) return;
    this.plot ??= this.make();
    const plot = this.plot;
    const [low, high] = this.host.x;
    plot.batch(() => {
      plot.setData([[low, high], [null, null]], false);
      plot.setScale("x", { min: low, max: high });
      plot.setScale("y", { min: this.y[0], max: this.y[1] });
    });
    plot.redraw(false, true);
  }

  private make(): uPlot {
    const axis = {
      stroke: () => this.host.colors.text,
      grid: { stroke: () => this.host.colors.grid, width: 1 },
      ticks: { stroke: () => this.host.colors.grid, width: 1, size: 4 },
      font: "11px system-ui, sans-serif",
    };
    const time = this.host.axis === "time";
    const relative = this.host.axis === "relative";
    const shorter = (_: uPlot, splits: number[]) => splits.map((value) => number(value, 3));
    const plot: uPlot = new uPlot({
      width: this.width,
      height: HEIGHT,
      padding: [8, 16, 0, 0],
      legend: { show: false },
      scales: { x: { time }, y: { distr: this.host.log ? 3 : 1, auto: false } },
      series: [{}, { points: { show: false } }],
      axes: [
        {
          ...axis,
          size: 28,
          ...(time ? {} : { values: (_: uPlot, splits: number[]) => splits.map((x) => tick(this.host.axis, x, this.host.lang)) }),
          ...(relative ? { incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800] } : {}),
          ...(this.host.axis === "step" ? { incrs: whole() } : {}),
        },
        { ...axis, size: 58, ...(this.host.log ? {} : { values: shorter }) },
      ],
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false }, dblclick: () => {} } as uPlot.Cursor,
      hooks: {
        draw: [(drawn) => drawLines(drawn.ctx, this.frame(drawn), this.shown, this.host.direction(this.name))],
        setSelect: [(drawn) => this.select(drawn)],
        setCursor: [(drawn) => this.move(drawn)],
      },
    }, [[0, 1], [null, null]], this.stage);
    return plot;
  }

  /** Make the axes anew: their kind has changed. */
  remake(): void {
    this.plot?.destroy();
    this.plot = null;
    this.dots = [];
  }

  /** Return the ranges of the axes and where they lie on the canvas. */
  frame(plot = this.plot): Frame {
    const { left, top, width, height } = plot?.bbox ?? { left: 0, top: 0, width: 1, height: 1 };
    return { x: this.host.x, y: this.y, log: this.host.log, left, top, width, height, ratio: devicePixelRatio || 1 };
  }

  private select(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width < 4) return;
    const found: [number, number] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.host.zoom(found);
  }

  private move(plot: uPlot): void {
    const left = plot.cursor.left ?? -1;
    if (!this.hovered) return; // uPlot also tells when only the data has changed
    this.host.point(left < 0 ? null : plot.posToVal(left, "x"), this);
  }

  private read(plot: uPlot, x: number, full: boolean): void {
    const rows: HTMLElement[] = [];
    let used = 0;
    for (const { line, index, placing } of this.shown) {
      const near = placing.nearest(line, x);
      if (!near || !placing.covers(line, x, this.slack)) continue;
      const [value, at] = [near.points.values[near.n] as number, placing.of(near.points, near.n)];
      const name = full ? h("span", { class: "wbc-run" }, this.host.label(line.run)) : null;
      rows.push(h("div", { class: "wbc-value" }, swatch(index), name, h("b", {}, number(value))));
      this.dot(plot, used, lineStyle(index).color, at, value);
      used += 1;
    }
    for (const dot of this.dots.slice(used)) dot.hidden = true;
    replace(this.readout, full ? h("div", { class: "wb-quiet" }, this.host.at(x)) : null, ...rows);
    this.readout.hidden = !rows.length || this.host.table;
  }

  private dot(plot: uPlot, place: number, color: string, x: number, value: number): void {
    const dot = (this.dots[place] ??= plot.over.appendChild(h("i", { class: "wbc-dot" })));
    const [left, top] = [plot.valToPos(x, "x"), plot.valToPos(value, "y")];
    dot.hidden = !Number.isFinite(top) || left < 0 || left > plot.over.clientWidth || top < 0 || top > plot.over.clientHeight;
    dot.style.transform = `translate(${left}px, ${top}px)`;
    dot.style.background = color;
  }

  private key(event: KeyboardEvent): void {
    const [low, high] = this.host.x;
    const span = high - low;
    const here = this.x ?? (low + high) / 2;
    const move = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (move !== undefined) {
      const to = Math.min(high, Math.max(low, here + (Number.isFinite(move) ? move * span * (event.shiftKey ? 0.1 : 0.01) : move)));
      this.host.point(to, this);
      this.speak(to);
    } else if (event.key === "+" || event.key === "=") this.host.zoom([here - (here - low) / 2, here + (high - here) / 2]);
    else if (event.key === "-" || event.key === "_") this.host.zoom([here - (here - low) * 2, here + (high - here) * 2]);
    else if (event.key === "Escape" || event.key === "0") this.host.zoom(null);
    else return;
    event.preventDefault();
  }

  private speak(x: number): void {
    const values = this.shown.slice(0, 5).map(({ line, placing }) => {
      const near = placing.covers(line, x, this.slack) ? placing.nearest(line, x) : null;
      return near ? `${this.host.label(line.run)} ${number(near.points.values[near.n])}` : "";
    });
    this.host.announce(`${this.host.at(x)}: ${values.filter(Boolean).join(", ")}`);
  }
}

function tick(axis: AxisName, x: number, lang: string): string {
  if (axis === "relative") return clock(x);
  if (axis === "step") return Math.abs(x) >= 1e6 ? `${number(x / 1e6, 4)}M` : Math.abs(x) >= 1e4 ? `${number(x / 1e3, 4)}k` : `${number(x, 6)}`;
  return placeText(axis, x, lang);
}

function clock(seconds: number): string {
  const [whole, sign] = [Math.abs(Math.round(seconds)), seconds < 0 ? "−" : ""];
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number) => String(value).padStart(2, "0");
  return hours ? `${sign}${hours}:${two(minutes)}:${two(rest)}` : `${sign}${minutes}:${two(rest)}`;
}

/** Return the distances that ticks of whole steps may have. */
function whole(): number[] {
  const found: number[] = [];
  for (let power = 0; power < 15; power += 1) found.push(...[1, 2, 5].map((digit) => digit * 10 ** power));
  return found;
}
