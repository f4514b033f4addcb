// The whole chart: asks the kernel, keeps what it answers, and lets panels draw it.
//
// What lives here: what is chosen (the widget's traits), when to ask anew, and one frame for all that changed. What
// does not: a panel (`panel`), the points (`store`).
import { h, replace } from "../base/dom.ts";
import type { Model } from "../base/rpc.ts";
import type { Shell } from "../base/shell.ts";
import { cssColor, onTheme } from "../base/theme.ts";
import { speaker } from "../base/texts.ts";
import { placeText, type AxisName } from "./axis.ts";
import { Chosen, TRAITS, type Trait } from "./chosen.ts";
import { drawing, handOut, png } from "./copy.ts";
import type { Shown } from "./draw.ts";
import { Legend, labels } from "./legend.ts";
import { Panel, type Host, type Texts } from "./panel.ts";
import { Placing, Store, type Asked, type Catalogue, type News, type RunInfo, type SeriesReply } from "./store.ts";
import { TEXTS } from "./texts.ts";
import { Toolbar, type Choices } from "./toolbar.ts";

const [LEAST_POINTS, MOST_POINTS, STALE_MS, ZOOM_MS, SLIDE_MS] = [400, 4000, 500, 120, 60];
const GOING = new Set(["queued", "running", "cancelling"]);

export class ChartView implements Host {
  readonly say: Texts;
  readonly lang: "en" | "ko";
  table = false;
  x: [number, number] = [0, 1];
  span: [number, number] = [0, 1]; // as x, without the room on both sides
  colors = { text: "#666", grid: "#ddd" };
  private readonly model: Model;
  private readonly shell: Shell;
  private readonly store = new Store();
  private readonly chosen: Chosen;
  private readonly toolbar: Toolbar;
  private readonly legend: Legend;
  private readonly grid: HTMLElement;
  private readonly empty: HTMLElement;
  private panels: Panel[] = [];
  private names = new Map<string, string>();
  private frame = 0;
  private legendOf = "";
  private asks = 0;
  private limit = LEAST_POINTS;
  private readonly kept = new Map<string, Shown[]>(); // by metric, until something changes
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(model: Model, shell: Shell) {
    this.model = model;
    this.shell = shell;
    this.lang = shell.lang;
    this.say = speaker(TEXTS, shell.lang);
    this.chosen = new Chosen(model, shell, this.store);
    this.toolbar = new Toolbar(this.say, this.choices());
    this.legend = new Legend(this.say, (run, alone) => this.toggle(run, alone));
    this.grid = h("div", { class: "wbc-panels" });
    this.empty = h("p", { class: "wb-empty" }, this.say("loading"));
    shell.body.append(this.toolbar.root, this.legend.root, this.empty, this.grid);
    this.listen();
    void this.start();
  }

  get axis(): AxisName {
    return this.chosen.axis;
  }

  get log(): boolean {
    return this.chosen.log;
  }

  get runs(): number {
    return this.store.runs.size;
  }

  shown(name: string): Shown[] {
    const kept = this.kept.get(name);
    if (kept) return kept;
    const hidden = this.chosen.hidden;
    const found: Shown[] = [];
    [...this.store.runs.keys()].forEach((run, index) => {
      const line = hidden.has(run) ? undefined : this.store.line(run, name);
      if (line?.raw.length) found.push({ line, index, placing: new Placing(this.store, run, this.axis, this.chosen.scope) });
    });
    this.kept.set(name, found);
    return found;
  }

  all(name: string): number {
    return [...this.store.runs.keys()].filter((run) => this.store.line(run, name)?.raw.length).length;
  }

  label(run: string): string {
    return this.names.get(run) ?? run;
  }

  at(x: number): string {
    const unit = this.axis === "step" && this.chosen.scope === "epoch" ? "epoch" : this.axis;
    return this.say(`at_${unit}`, { x: placeText(unit, x, this.lang) });
  }

  going(): boolean {
    return [...this.store.runs.values()].some((run) => GOING.has(run.state));
  }

  direction(name: string): "min" | "max" | "" {
    return this.store.catalogue.directions[name] ?? "";
  }

  zoom(range: [number, number] | null): void {
    const whole = this.extent();
    const inside = range && (range[0] > whole[0] || range[1] < whole[1]);
    const found = inside ? [Math.max(range[0], whole[0]), Math.min(range[1], whole[1])] : null;
    if (found && !((found[0] as number) < (found[1] as number))) return;
    this.chosen.set("zoom", found);
  }

  point(x: number | null, by: Panel): void {
    for (const panel of this.panels) panel.pointAt(x, panel === by);
  }

  announce(text: string): void {
    this.shell.announce(text);
  }

  copy(format: "PNG" | "SVG" | "CSV", panel: Panel): void {
    void this.copied(format, panel).catch((error: unknown) => this.shell.fail(error));
  }

  private async copied(format: "PNG" | "SVG" | "CSV", panel: Panel): Promise<void> {
    const file = `${panel.name.replace(/[^\p{L}\p{N}]+/gu, "-")}.${format.toLowerCase()}`;
    const background = cssColor(this.shell.root, "--wb-base", "#fff");
    const blob = format === "CSV" ? await this.csv(panel) : format === "SVG" ? drawing(panel, this) : await png(panel, this, background);
    const there = await handOut(blob, file);
    this.announce(this.say(there ? "copied" : "saved", { format, file }));
    this.flash(panel, this.say(there ? "copied" : "saved", { format, file }));
  }

  private async csv(panel: Panel): Promise<Blob> {
    const body = { scope: this.chosen.scope, name: panel.name, runs: panel.shown.map(({ line }) => line.run), steps: this.stepsInView() };
    const reply = await this.shell.rpc.ask<{ whole: boolean }>("csv", body);
    this.shell.showPython(reply.python);
    if (!reply.data.whole) this.announce(this.say("thinned"));
    return new Blob([reply.buffers[0] as unknown as BlobPart], { type: "text/csv" });
  }

  private flash(panel: Panel, text: string): void {
    const note = h("span", { class: "wbc-flash" }, text);
    panel.root.append(note);
    setTimeout(() => note.remove(), 2500);
  }

  private choices(): Choices {
    const { chosen } = this;
    const smooth = (weight: number) => chosen.set("smoothing", weight);
    return {
      metrics: (names) => chosen.set("metrics", names),
      scope: (name) => chosen.set("scope", name),
      axis: (name) => chosen.setAxis(name),
      smoothing: (weight, done) => (done ? smooth(weight) : this.later("slide", SLIDE_MS, () => smooth(weight))),
      log: (on) => chosen.set("log_y", on),
      table: (on) => {
        this.table = on;
        this.update();
      },
      zoomOut: () => this.zoom(null),
    };
  }

  private toggle(run: string, alone: boolean): void {
    const hidden = this.chosen.hidden;
    if (alone) for (const other of this.store.runs.keys()) other === run ? hidden.delete(other) : hidden.add(other);
    else if (!hidden.delete(run)) hidden.add(run);
    this.chosen.set("hidden", [...hidden]);
  }

  private listen(): void {
    const { shell, model } = this;
    const heard = (trait: Trait) => () => this.changed(trait);
    for (const trait of TRAITS) {
      const listener = heard(trait);
      model.on(`change:${trait}`, listener);
      shell.atEnd(() => model.off(`change:${trait}`, listener));
    }
    shell.rpc.on<News>("news", (news, buffers) => this.hear(news, buffers));
    shell.atEnd(onTheme(() => this.update()));
    shell.atEnd(() => {
      cancelAnimationFrame(this.frame);
      for (const timer of this.timers.values()) clearTimeout(timer);
      for (const panel of this.panels) panel.dispose();
    });
  }

  private changed(trait: Trait): void {
    if (trait === "scope") this.store.clear();
    if (trait === "metrics" || trait === "scope") {
      this.build();
      void this.ask();
    } else if (trait === "smoothing" || (trait === "axis" && this.axis === "epoch")) void this.ask();
    if (trait === "axis" || trait === "log_y") for (const panel of this.panels) panel.remake();
    if (trait === "zoom") this.chosen.zoom ? this.later("zoom", ZOOM_MS, () => void this.askDetail()) : this.store.dropDetails();
    this.update();
  }

  private async start(): Promise<void> {
    try {
      const { data } = await this.shell.rpc.hello<Catalogue & { runs: RunInfo[] }>();
      this.store.catalogue = data;
      for (const run of data.runs) this.store.runs.set(run.id, run);
      this.names = labels(data.runs);
      this.build();
      this.update();
      await this.ask();
    } catch (error) {
      this.shell.fail(error, () => void this.start());
    }
  }

  /** Make a panel for each metric that is shown, keeping those that are there. */
  private build(): void {
    const before = new Map(this.panels.map((panel) => [panel.name, panel]));
    this.panels = this.chosen.metrics.map((name) => before.get(name) ?? new Panel(this, name));
    for (const [name, panel] of before) if (!this.chosen.metrics.includes(name)) panel.dispose();
    replace(this.grid, ...this.panels.map((panel) => panel.root));
  }

  private asked(): Asked {
    const width = Math.max(...this.panels.map((panel) => panel.width), 0);
    this.limit = Math.min(MOST_POINTS, Math.max(LEAST_POINTS, Math.round(2 * width)));
    return { scope: this.chosen.scope, smoothing: this.chosen.smoothing, limit: this.limit };
  }

  /** Ask for all lines as a whole. */
  private async ask(): Promise<void> {
    const asked = this.asked();
    if (!this.chosen.metrics.length) {
      this.update();
      return;
    }
    this.store.hold();
    const mine = ++this.asks;
    const body = { scope: asked.scope, names: this.chosen.metrics, points: asked.limit, smoothing: asked.smoothing, epochs: this.axis === "epoch" && asked.scope !== "epoch" };
    try {
      const { data, buffers } = await this.shell.rpc.newest<SeriesReply>("series", "series", body);
      if (mine !== this.asks) return;
      this.store.take(data, buffers, asked);
      this.update();
      if (this.chosen.zoom) void this.askDetail();
    } catch (error) {
      if (mine === this.asks) this.store.letGo();
      this.shell.fail(error, () => void this.ask());
    }
  }

  /** Ask for what is in view, in detail. */
  private async askDetail(): Promise<void> {
    const [asked, steps, zoomed] = [this.asked(), this.stepsInView(), this.chosen.zoom];
    if (!zoomed || !Object.keys(steps).length) return;
    const body = { scope: asked.scope, names: this.chosen.metrics, points: asked.limit, smoothing: asked.smoothing, steps, runs: Object.keys(steps) };
    try {
      const { data, buffers } = await this.shell.rpc.newest<SeriesReply>("detail", "series", body);
      if (this.chosen.zoom?.join() !== zoomed.join() || this.chosen.scope !== asked.scope) return;
      this.store.takeDetail(data, buffers, asked);
      this.update();
    } catch (error) {
      this.shell.fail(error);
    }
  }

  /** Return, by run, the least and the greatest step in view; nothing while all is in view. */
  private stepsInView(): Record<string, [number, number]> {
    const found: Record<string, [number, number]> = {};
    const zoomed = this.chosen.zoom;
    for (const name of zoomed ? this.chosen.metrics : []) {
      for (const { line, placing } of this.shown(name)) {
        const steps = placing.steps(line, ...(zoomed as [number, number]));
        const before = found[line.run];
        if (steps) found[line.run] = before ? [Math.min(before[0], steps[0]), Math.max(before[1], steps[1])] : steps;
      }
    }
    return found;
  }

  private hear(news: News, buffers: DataView[]): void {
    const stale = this.store.hear(news, buffers, this.chosen.scope) || news.stale.length > 0;
    if (stale) this.later("stale", STALE_MS, () => void this.ask(), false);
    if (news.grown) this.later("grown", STALE_MS, () => void this.recatalogue().catch((error: unknown) => this.shell.fail(error)), false);
    if (this.table) this.later("table", STALE_MS, () => this.update(), false);
    else this.update();
  }

  private async recatalogue(): Promise<void> {
    const [before, scope] = [this.chosen.metrics.join("\n"), this.chosen.scope];
    const { data } = await this.shell.rpc.ask<Catalogue>("metrics");
    this.store.catalogue = data;
    if (this.chosen.scope !== scope) this.store.clear();
    if (this.chosen.metrics.join("\n") !== before) {
      this.build();
      await this.ask();
    }
    this.update();
  }

  /** Return the range of the axis that holds all points of all panels. */
  private extent(): [number, number] {
    let [low, high] = [Infinity, -Infinity];
    for (const name of this.chosen.metrics) {
      for (const { line, placing } of this.shown(name)) {
        low = Math.min(low, placing.of(line.raw, 0));
        high = Math.max(high, placing.of(line.raw, line.raw.length - 1));
      }
    }
    if (low > high) return [0, 1];
    return low === high ? [low - 0.5, high + 0.5] : [low, high];
  }

  private later(what: string, after_ms: number, act: () => void, newest = true): void {
    if (this.timers.has(what) && !newest) return;
    clearTimeout(this.timers.get(what));
    this.timers.set(what, setTimeout(() => (this.timers.delete(what), act()), after_ms));
  }

  private paint(): void {
    const root = this.shell.root;
    if (!root.isConnected) return; // Lab takes outputs that are scrolled away off the page: no colour is known there
    this.colors = { text: cssColor(root, "--wb-quiet", "#666"), grid: cssColor(root, "--wb-line", "#ddd") };
  }

  /** Draw in the next frame, however much has changed until then. */
  private update(): void {
    this.kept.clear();
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  private draw(): void {
    const { store } = this;
    this.paint();
    const { metrics, scope } = this.chosen;
    const zoomed = this.chosen.zoom;
    this.span = zoomed ?? this.extent();
    this.x = zoomed ?? roomy(this.span);
    this.toolbar.update({
      metrics,
      all: store.catalogue.scopes[scope] ?? [],
      scope,
      scopes: Object.keys(store.catalogue.scopes),
      axis: this.axis,
      smoothing: this.chosen.smoothing,
      log: this.log,
      table: this.table,
      zoomed: Boolean(zoomed),
    });
    this.drawLegend();
    const measured = Object.keys(store.catalogue.scopes).length > 0;
    this.empty.hidden = metrics.length > 0;
    if (!metrics.length && this.runs) this.empty.textContent = this.say(measured ? "noneChosen" : this.going() ? "noMetrics" : "noMetricsEver");
    for (const panel of this.panels) panel.update();
    const lines = metrics.reduce((sum, name) => sum + this.shown(name).length, 0);
    // For whoever measures how long it takes from an event to the screen.
    const drawn = new CustomEvent("wb-drawn", { bubbles: true, detail: { at: store.newest_at, lines } });
    queueMicrotask(() => this.shell.root.dispatchEvent(drawn));
  }

  private drawLegend(): void {
    const state = JSON.stringify([[...this.store.runs.values()], [...this.chosen.hidden], this.store.failed]);
    if (state !== this.legendOf) this.legend.update(this.store, this.names, this.chosen.hidden);
    this.legendOf = state;
  }
}

/** Return a range with a little room, so that the last point is not cut. */
function roomy([low, high]: [number, number]): [number, number] {
  return [low - (high - low) * 0.01, high + (high - low) * 0.015];
}
