// The confusion matrix as a heat map of any size: only the cells in view are drawn.
import { button, h, replace } from "../base/dom.ts";
import { count } from "../base/format.ts";
import { float64 } from "../base/rpc.ts";
import { cssColor, onTheme } from "../base/theme.ts";
import type { MatrixAnswer } from "./detail_types.ts";
import { Counts, inView } from "./matrix_maths.ts";
import { matrixTable } from "./matrix_table.ts";
import { ask, sayNothing, type Context, type Part } from "./part.ts";

const ZOOMS = [6, 10, 16, 26, 40];
const NUMBERS_PX = 26;
const NAMES_PX = 10;
const LABEL_PX = 118;
const HEIGHT_PX = 460;
const FIT_PX = 620;

export class Matrix implements Part {
  readonly root = h("div", { class: "bd-part" });
  readonly reads = ["media"];
  readonly pace_ms = 2000;
  private counts = new Counts(new Float64Array(), 0);
  private names: string[] = [];
  private normalised = true;
  private asTable = false;
  private zoom = 0;
  private cursor = { predicted: 0, truth: 0 };
  private readonly canvas = h("canvas", { class: "bd-matrix-canvas", "aria-hidden": "true" });
  private readonly space = h("div", { class: "bd-matrix-space" });
  private readonly view: HTMLElement;
  private readonly readout = h("p", { class: "bd-readout", role: "status" });
  private readonly sized = new ResizeObserver(() => this.draw());
  private readonly themed = onTheme(() => this.draw());
  private context: Context | null = null;

  constructor() {
    this.view = h("div", { class: "bd-matrix", tabindex: 0, role: "group" }, this.canvas, this.space);
    this.view.addEventListener("scroll", () => this.draw());
    this.view.addEventListener("pointermove", (event) => this.hover(event));
    this.view.addEventListener("keydown", (event) => this.key(event));
    this.sized.observe(this.view);
  }

  refresh(context: Context): void {
    this.context = context;
    ask<MatrixAnswer>(context, this.root, "matrix", {}, (answer, buffers, python) => {
      const { say } = context.speaking;
      if (!answer.names) return sayNothing(this.root, say("d_no_matrix"));
      this.names = answer.background ? [...answer.names, say("d_background")] : answer.names;
      this.counts = new Counts(float64(buffers[0]), answer.side);
      if (!this.root.children.length) {
        context.shell.showPython(python);
        this.zoom = Math.max(0, ZOOMS.filter((cell) => cell * answer.side <= FIT_PX).length - 1);
      }
      this.view.setAttribute("aria-label", say("d_matrix_label", { n: answer.names.length }));
      this.arrange();
    });
  }

  dispose(): void {
    this.sized.disconnect();
    this.themed();
  }

  private get cell(): number {
    return ZOOMS[this.zoom] ?? 16;
  }

  private get label(): number {
    return this.cell >= NAMES_PX ? LABEL_PX : 0;
  }

  private arrange(): void {
    const { say } = (this.context as Context).speaking;
    const body = this.asTable ? [matrixTable(this.counts, this.names, say)] : [this.readout, this.view];
    const focused = (document.activeElement as HTMLElement | null)?.dataset["matrix"];
    replace(this.root, this.bar(), ...body);
    if (focused) this.root.querySelector<HTMLElement>(`[data-matrix="${focused}"]`)?.focus();
    if (this.asTable) return;
    const reach = this.label + this.cell * this.counts.side;
    this.space.style.width = `${reach}px`;
    this.space.style.height = `${reach}px`;
    this.view.style.height = `${Math.min(HEIGHT_PX, reach + 4)}px`;
    this.tell();
    this.draw();
  }

  private bar(): HTMLElement {
    const { say } = (this.context as Context).speaking;
    const toggle = (key: "d_shares" | "d_table", on: boolean, flip: () => void) =>
      button(say(key), () => (flip(), this.arrange()), { "aria-pressed": String(on), "data-matrix": key });
    const step = (key: "d_smaller" | "d_larger", by: number) =>
      button(by < 0 ? "−" : "+", () => ((this.zoom += by), this.arrange()), { "aria-label": say(key), "data-matrix": key, disabled: !ZOOMS[this.zoom + by] });
    const id = `bd-classes-${Math.random().toString(36).slice(2)}`;
    const find = h("input", { type: "search", list: id, placeholder: say("d_find_class"), "aria-label": say("d_find_class"), "data-matrix": "find" });
    find.addEventListener("change", () => {
      const place = this.names.indexOf(find.value);
      if (place >= 0) this.go(place, place);
    });
    const tools = this.asTable ? [] : [find, h("datalist", { id }, ...this.names.map((name) => h("option", { value: name }))), step("d_smaller", -1), step("d_larger", 1)];
    return h(
      "div",
      { class: "wb-toolbar bd-part-bar" },
      ...tools,
      this.asTable ? null : toggle("d_shares", this.normalised, () => (this.normalised = !this.normalised)),
      toggle("d_table", this.asTable, () => (this.asTable = !this.asTable)),
    );
  }

  private tell(): void {
    const { say } = (this.context as Context).speaking;
    const { predicted, truth } = this.cursor;
    const values = { truth: this.names[truth] ?? "", predicted: this.names[predicted] ?? "", n: count(this.counts.at(predicted, truth)) };
    this.readout.textContent = say("d_cell", { ...values, share: (this.counts.share(predicted, truth) * 100).toFixed(1) });
  }

  private go(predicted: number, truth: number): void {
    const fit = (value: number) => Math.max(0, Math.min(value, this.counts.side - 1));
    this.cursor = { predicted: fit(predicted), truth: fit(truth) };
    const reveal = (place: number, scroll: number, room: number) => {
      const at = place * this.cell;
      if (at < scroll) return at;
      return at + this.cell > scroll + room ? at + this.cell - room : scroll;
    };
    this.view.scrollLeft = reveal(this.cursor.truth, this.view.scrollLeft, this.view.clientWidth - this.label);
    this.view.scrollTop = reveal(this.cursor.predicted, this.view.scrollTop, this.view.clientHeight - this.label);
    this.tell();
    this.draw();
  }

  private hover(event: PointerEvent): void {
    const box = this.view.getBoundingClientRect();
    const x = event.clientX - box.left - this.label;
    const y = event.clientY - box.top - this.label;
    if (x < 0 || y < 0) return;
    const truth = Math.floor((x + this.view.scrollLeft) / this.cell);
    const predicted = Math.floor((y + this.view.scrollTop) / this.cell);
    if (truth >= this.counts.side || predicted >= this.counts.side) return;
    this.cursor = { predicted, truth };
    this.tell();
    this.draw();
  }

  private key(event: KeyboardEvent): void {
    const { predicted, truth } = this.cursor;
    const page = Math.max(1, Math.floor(this.view.clientHeight / this.cell) - 2);
    const to: Record<string, [number, number]> = {
      ArrowLeft: [predicted, truth - 1],
      ArrowRight: [predicted, truth + 1],
      ArrowUp: [predicted - 1, truth],
      ArrowDown: [predicted + 1, truth],
      PageUp: [predicted - page, truth],
      PageDown: [predicted + page, truth],
      Home: [0, 0],
      End: [this.counts.side - 1, this.counts.side - 1],
    };
    const wanted = to[event.key];
    if (!wanted) return;
    event.preventDefault();
    this.go(...wanted);
  }

  private draw(): void {
    const width = this.view.clientWidth;
    const height = this.view.clientHeight;
    const pen = this.canvas.getContext("2d");
    if (!pen || !width || !this.view.isConnected) return;
    const scale = devicePixelRatio || 1;
    this.canvas.width = width * scale;
    this.canvas.height = height * scale;
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    pen.scale(scale, scale);
    this.cells(pen, width, height);
    if (this.label) this.labels(pen, width, height);
  }

  private cells(pen: CanvasRenderingContext2D, width: number, height: number): void {
    const { cell, label, counts } = this;
    const { scrollLeft, scrollTop } = this.view;
    const across = inView(scrollLeft, width - label, cell, counts.side);
    const down = inView(scrollTop, height - label, cell, counts.side);
    const colors = this.colors();
    const gap = cell >= 10 ? 1 : 0;
    pen.font = `11px ${getComputedStyle(this.view).fontFamily}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    for (let predicted = down.first; predicted <= down.last; predicted += 1) {
      for (let truth = across.first; truth <= across.last; truth += 1) {
        const x = label + truth * cell - scrollLeft;
        const y = label + predicted * cell - scrollTop;
        const strength = counts.strength(predicted, truth, this.normalised);
        pen.globalAlpha = 1;
        pen.fillStyle = colors.ground;
        pen.fillRect(x, y, cell - gap, cell - gap);
        pen.globalAlpha = strength;
        pen.fillStyle = colors.fill;
        pen.fillRect(x, y, cell - gap, cell - gap);
        pen.globalAlpha = 1;
        if (cell >= NUMBERS_PX && counts.at(predicted, truth)) {
          pen.fillStyle = strength > 0.5 ? colors.onFill : colors.text;
          pen.fillText(this.number(predicted, truth), x + cell / 2, y + cell / 2, cell - 4);
        }
      }
    }
    pen.strokeStyle = colors.text;
    pen.lineWidth = 2;
    pen.strokeRect(label + this.cursor.truth * cell - scrollLeft, label + this.cursor.predicted * cell - scrollTop, cell - gap, cell - gap);
  }

  private number(predicted: number, truth: number): string {
    if (this.normalised) return (this.counts.share(predicted, truth) * 100).toFixed(0);
    const value = this.counts.at(predicted, truth);
    return value < 10_000 ? String(value) : `${(value / 1000).toPrecision(3)}k`;
  }

  private labels(pen: CanvasRenderingContext2D, width: number, height: number): void {
    const { cell, label, counts } = this;
    const { scrollLeft, scrollTop } = this.view;
    const colors = this.colors();
    pen.fillStyle = colors.base;
    pen.fillRect(0, 0, width, label);
    pen.fillRect(0, 0, label, height);
    pen.fillStyle = colors.text;
    pen.textBaseline = "middle";
    pen.font = `${Math.min(12, cell)}px ${getComputedStyle(this.view).fontFamily}`;
    const down = inView(scrollTop, height - label, cell, counts.side);
    pen.textAlign = "right";
    for (let row = down.first; row <= down.last; row += 1) {
      const y = label + row * cell - scrollTop + cell / 2;
      if (y > label) pen.fillText(this.short(pen, row), label - 6, y);
    }
    const across = inView(scrollLeft, width - label, cell, counts.side);
    pen.textAlign = "left";
    for (let column = across.first; column <= across.last; column += 1) {
      const x = label + column * cell - scrollLeft + cell / 2;
      if (x < label) continue;
      pen.save();
      pen.translate(x, label - 6);
      pen.rotate(-Math.PI / 2);
      pen.fillText(this.short(pen, column), 0, 0);
      pen.restore();
    }
    this.corner(pen);
  }

  private corner(pen: CanvasRenderingContext2D): void {
    const { say } = (this.context as Context).speaking;
    const colors = this.colors();
    pen.fillStyle = colors.base;
    pen.fillRect(0, 0, this.label, this.label);
    pen.fillStyle = colors.quiet;
    pen.font = `11px ${getComputedStyle(this.view).fontFamily}`;
    pen.textAlign = "right";
    pen.fillText(`${say("d_true")} →`, this.label - 8, 14, this.label - 12);
    pen.textAlign = "left";
    pen.fillText(`${say("d_predicted")} ↓`, 4, this.label - 12, this.label - 12);
  }

  /** Return a class's name as far as there is room for it. */
  private short(pen: CanvasRenderingContext2D, place: number): string {
    const name = this.names[place] ?? "";
    const room = this.label - 10;
    if (pen.measureText(name).width <= room) return name;
    const letters = [...name];
    let low = 0;
    let high = letters.length;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (pen.measureText(`${letters.slice(0, middle).join("")}…`).width <= room) low = middle;
      else high = middle - 1;
    }
    return `${letters.slice(0, low).join("")}…`;
  }

  private colors(): Record<"ground" | "fill" | "text" | "onFill" | "base" | "quiet", string> {
    const color = (name: string, fallback: string) => cssColor(this.view, name, fallback);
    return {
      ground: color("--wb-raised", "#eee"),
      fill: color("--wb-accent", "#1976d2"),
      text: color("--wb-text", "#111"),
      onFill: color("--wb-base", "#fff"),
      base: color("--wb-base", "#fff"),
      quiet: color("--wb-quiet", "#666"),
    };
  }
}
