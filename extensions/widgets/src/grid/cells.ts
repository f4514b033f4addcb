// The grid of pictures: only the rows in view are elements, of which each cell is drawn once and then moved.
import { h, svg } from "../base/dom.ts";
import { drawShapes, type Looks } from "./paint.ts";
import type { Source } from "./source.ts";
import { basename, type Row } from "./types.ts";
import { Column } from "./virtual.ts";

export const SIDES = { s: 88, m: 128, l: 232 } as const;
export type Side = keyof typeof SIDES;
const THUMBS = [64, 128, 256, 512];
const GAP = 6;
const CAPTION = 20;
const BASE_ROWS = 100;
const NARROW_PX = 180; // from here on two pictures stand beside each other

/** How a selection changes: `places` is a range, its end not in it. */
export interface Picking {
  how: "set" | "add" | "toggle";
  places: [number, number];
}

export interface Handlers {
  pick: (picking: Picking) => void;
  pickAll: () => void;
  pickNone: () => void;
  open: (place: number) => void;
  name: (row: Row | undefined, place: number) => string;
  openName: (row: Row) => string;
}

interface Cell {
  element: HTMLElement;
  canvas: HTMLCanvasElement;
  caption: HTMLElement;
  why: HTMLElement;
  open: HTMLButtonElement;
  place: number;
  drawn: string;
}

interface Line {
  element: HTMLElement;
  cells: Cell[];
  row: number;
}

/** A grid of images. */
export class Cells {
  readonly element: HTMLElement;
  readonly grid: HTMLElement;
  active = 0;
  looks: Looks;
  private readonly stage: HTMLElement;
  private readonly rest: HTMLElement;
  private readonly column = new Column();
  private readonly source: Source;
  private readonly on: Handlers;
  private lines: Line[] = [];
  private side: Side = "m";
  private across = 1;
  private cellPx = 128;
  private anchor = 0;
  private frame = 0;
  private base = 0;
  private isBarLate = false;
  private start = 0;
  private isDown = true;

  constructor(source: Source, looks: Looks, label: string, help: string, on: Handlers) {
    this.source = source;
    this.looks = looks;
    this.on = on;
    this.grid = h("div", { role: "grid", class: "wb-cells", tabindex: "-1", "aria-label": label, "aria-description": help, "aria-multiselectable": "true" });
    this.stage = h("div", { class: "wb-stage" }, this.grid);
    this.rest = h("div", { class: "wb-rest" });
    this.element = h("div", { class: "wb-scroll" }, this.stage, this.rest);
    this.element.addEventListener("scroll", () => this.scrolled());
    this.element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.grid.addEventListener("keydown", (event) => this.key(event));
    this.grid.addEventListener("click", (event) => this.click(event));
    this.grid.addEventListener("dblclick", (event) => this.doubleClick(event));
  }

  /** Pixels of the thumbnails that fit the cells. */
  get thumbSize(): number {
    const wanted = SIDES[this.side] * Math.min(devicePixelRatio, 2);
    return THUMBS.find((size) => size >= wanted) ?? 512;
  }

  /** Show pictures of another size. */
  setSide(side: Side): void {
    this.side = side;
    this.source.resize(this.thumbSize);
    this.reset();
  }

  /** Other images are there: begin at the first one. */
  restart(): void {
    this.active = this.anchor = 0;
    this.column.to(0);
    this.reset();
  }

  /** Lay everything out anew. */
  reset(): void {
    const wide = this.element.clientWidth;
    if (!wide) return;
    this.across = Math.max(Math.floor((wide - GAP) / (SIDES[this.side] + GAP)), wide > NARROW_PX && this.side !== "l" ? 2 : 1);
    this.cellPx = Math.floor((wide - GAP) / this.across) - GAP;
    this.column.resize(this.rowCount, this.rowPx, this.element.clientHeight);
    const isHeld = this.grid.contains(document.activeElement);
    if (isHeld) this.grid.focus({ preventScroll: true });
    for (const line of this.lines) line.element.remove();
    this.lines = [];
    this.grid.setAttribute("aria-rowcount", String(this.rowCount));
    this.grid.setAttribute("aria-colcount", String(this.across));
    const view = this.element.clientHeight;
    this.stage.style.height = `${Math.min(view, this.column.height)}px`;
    this.rest.style.height = `${Math.max(this.column.height - view, 0)}px`;
    this.element.scrollTop = this.column.scrollTop;
    this.render();
    if (isHeld) this.cellAt(this.active)?.element.focus({ preventScroll: true });
  }

  /** Draw again what is in view of these places. */
  refresh(start = 0, stop = Number.POSITIVE_INFINITY): void {
    for (const line of this.lines) {
      for (const cell of line.cells) if (cell.place >= start && cell.place < stop) this.fill(cell, cell.place);
    }
    this.tellState();
  }

  /** Draw all anew, e.g. in other colours. */
  redraw(): void {
    for (const line of this.lines) for (const cell of line.cells) cell.drawn = "";
    this.refresh();
  }

  /** Put the keyboard on an image. */
  focus(place: number): void {
    this.active = Math.min(Math.max(place, 0), Math.max(this.source.total - 1, 0));
    this.column.reveal(Math.floor(this.active / this.across));
    this.element.scrollTop = this.column.scrollTop;
    this.render();
    this.cellAt(this.active)?.element.focus({ preventScroll: true });
  }

  /** Go to an image without moving the keyboard there. */
  reveal(place: number): void {
    this.column.reveal(Math.floor(place / this.across));
    this.element.scrollTop = this.column.scrollTop;
    this.render();
  }

  dispose(): void {
    cancelAnimationFrame(this.frame);
  }

  private get rowPx(): number {
    return this.cellPx + CAPTION + GAP;
  }

  private get rowCount(): number {
    return Math.ceil(this.source.total / this.across);
  }

  private scrolled(): void {
    this.column.scrolled(this.element.scrollTop);
    this.schedule();
  }

  private wheel(event: WheelEvent): void {
    if (event.ctrlKey || event.deltaX) return;
    const step = event.deltaMode === 1 ? event.deltaY * 16 : event.deltaMode === 2 ? event.deltaY * this.element.clientHeight : event.deltaY;
    if (!this.column.by(step)) return; // at an end: the page scrolls
    event.preventDefault();
    this.isBarLate = true;
    this.schedule();
  }

  private schedule(): void {
    if (!this.frame) this.frame = requestAnimationFrame(() => ((this.frame = 0), this.render()));
  }

  private render(): void {
    const [first, behind] = this.column.range;
    this.move(first);
    const spare = this.lines.filter((line) => line.row < first || line.row >= behind);
    const there = new Map(this.lines.filter((line) => line.row >= first && line.row < behind).map((line) => [line.row, line]));
    const held = document.activeElement;
    for (let row = first; row < behind; row++) {
      const line = there.get(row) ?? this.reuse(spare.pop(), row, held);
      there.set(row, line);
    }
    for (const line of spare) this.discard(line, held);
    this.lines = [...there.values()];
    this.load(first * this.across, Math.min(behind * this.across, this.source.total));
    this.rove();
    this.tellState();
    if (this.isBarLate) this.element.scrollTop = this.column.scrollTop;
    this.isBarLate = false;
  }

  /** Move all rows at once: they stand still on a layer of their own, near its beginning. */
  private move(first: number): void {
    if (Math.abs(first - this.base) > BASE_ROWS) {
      this.base = first;
      for (const line of this.lines) this.put(line);
    }
    this.grid.style.transform = `translateY(${Math.round(this.base * this.rowPx - this.column.top)}px)`;
  }

  private put(line: Line): void {
    line.element.style.top = `${(line.row - this.base) * this.rowPx}px`;
  }

  private reuse(line: Line | undefined, row: number, held: Element | null): Line {
    const made = line ?? this.build();
    if (line && held && made.element.contains(held)) this.grid.focus({ preventScroll: true });
    made.row = row;
    this.put(made);
    made.element.setAttribute("aria-rowindex", String(row + 1));
    made.cells.forEach((cell, at) => this.fill(cell, row * this.across + at));
    return made;
  }

  private discard(line: Line, held: Element | null): void {
    if (held && line.element.contains(held)) this.grid.focus({ preventScroll: true });
    line.element.remove();
  }

  private build(): Line {
    const element = h("div", { role: "row", class: "wb-row", style: `height:${this.rowPx}px` });
    const cells = Array.from({ length: this.across }, (_, at) => this.buildCell(at));
    element.append(...cells.map((cell) => cell.element));
    this.grid.append(element);
    return { element, cells, row: -1 };
  }

  private buildCell(at: number): Cell {
    const ratio = Math.min(devicePixelRatio, 2);
    const canvas = h("canvas", { width: Math.round(this.cellPx * ratio), height: Math.round(this.cellPx * ratio), "aria-hidden": "true" });
    canvas.style.width = canvas.style.height = `${this.cellPx}px`;
    const caption = h("span", { class: "wb-caption", "aria-hidden": "true" });
    const why = h("span");
    const open = h("button", { type: "button", class: "wb-open", tabindex: "-1" }, svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: "M9 2h5v5M14 2 9 7M7 14H2V9M2 14l5-5", fill: "none", stroke: "currentColor", "stroke-width": 1.6 })));
    const element = h("div", { role: "gridcell", class: "wb-cell", tabindex: "-1", "aria-colindex": at + 1 }, canvas, h("div", { class: "wb-why", "aria-hidden": "true" }, why), caption, open);
    element.style.width = `${this.cellPx}px`;
    return { element, canvas, caption, why, open, place: -1, drawn: "" };
  }

  private fill(cell: Cell, place: number): void {
    const row = place < this.source.total ? this.source.row(place) : undefined;
    const isNew = cell.place !== place;
    cell.place = place;
    cell.element.hidden = place >= this.source.total;
    if (cell.element.hidden) return;
    const bitmap = row && this.source.bitmap(row);
    const state = !row ? "wait" : row.problem ? "bad" : bitmap ? "done" : "wait";
    cell.element.dataset.state = state;
    cell.element.dataset.severity = row?.severity ?? "";
    cell.element.setAttribute("aria-selected", String(row?.picked ?? false));
    const drawn = row ? `${row.id} ${state}` : "";
    if (drawn === cell.drawn && !isNew && drawn) return;
    cell.drawn = drawn;
    cell.element.setAttribute("aria-label", this.on.name(row, place));
    cell.element.title = row ? [row.path, row.problem, row.rules.join(", ")].filter(Boolean).join("\n") : "";
    cell.caption.textContent = row ? basename(row.path) : "";
    cell.why.textContent = row?.problem ?? "";
    cell.open.hidden = !row;
    if (row) cell.open.setAttribute("aria-label", this.on.openName(row));
    this.draw(cell.canvas, row, bitmap);
  }

  private draw(canvas: HTMLCanvasElement, row: Row | undefined, bitmap: ImageBitmap | undefined): void {
    const ctx = canvas.getContext("2d");
    if (!ctx) return;
    ctx.clearRect(0, 0, canvas.width, canvas.height);
    if (!row || row.problem || !bitmap) return;
    const scale = Math.min(canvas.width / bitmap.width, canvas.height / bitmap.height);
    const [wide, high] = [bitmap.width * scale, bitmap.height * scale];
    const place = { x: (canvas.width - wide) / 2, y: (canvas.height - high) / 2, scale: row.shown[0] ? wide / row.shown[0] : scale };
    ctx.drawImage(bitmap, place.x, place.y, wide, high);
    drawShapes(ctx, row.shapes, place, this.looks, Math.min(devicePixelRatio, 2));
  }

  /** Have what is in view, and two views more in the direction of the last step. */
  private load(start: number, stop: number): void {
    if (start !== this.start) this.isDown = start > this.start;
    this.start = start;
    this.source.want(start, stop, (this.isDown ? 2 : -2) * (stop - start));
  }

  /** One cell in view can be reached by Tab: the active one, else the first. */
  private rove(): void {
    const [first, behind] = this.column.range;
    const row = Math.floor(this.active / this.across);
    const reached = row >= first && row < behind ? this.active : first * this.across;
    for (const line of this.lines) {
      for (const cell of line.cells) {
        const index = cell.place === reached ? 0 : -1;
        if (cell.element.tabIndex !== index) cell.element.tabIndex = index; // to set it costs a frame its time
      }
    }
  }

  private tellState(): void {
    const isDone = this.lines.every((line) => line.cells.every((cell) => cell.place >= this.source.total || this.source.isDone(cell.place)));
    const [state, first] = [isDone ? "painted" : "loading", String(this.column.range[0] * this.across)];
    if (this.grid.dataset.first !== first) this.grid.dataset.first = first;
    if (this.grid.dataset.state === state) return;
    this.grid.dataset.state = state;
    this.grid.setAttribute("aria-busy", String(!isDone));
  }

  private cellAt(place: number): Cell | undefined {
    return this.lines.find((line) => line.row === Math.floor(place / this.across))?.cells[place % this.across];
  }

  private placeOf(event: Event): number {
    const target = event.target instanceof Element ? event.target.closest(".wb-cell") : null;
    const cell = this.lines.flatMap((line) => line.cells).find((each) => each.element === target);
    return cell?.place ?? -1;
  }

  private click(event: MouseEvent): void {
    const place = this.placeOf(event);
    if (place < 0) return;
    if (event.target instanceof Element && event.target.closest(".wb-open")) {
      this.active = place;
      this.on.open(place);
      return;
    }
    this.active = place;
    if (event.shiftKey) this.pickTo(place, event.ctrlKey || event.metaKey);
    else {
      this.anchor = place;
      this.on.pick({ how: event.ctrlKey || event.metaKey ? "toggle" : "set", places: [place, place + 1] });
    }
    this.focus(place);
  }

  private doubleClick(event: MouseEvent): void {
    const place = this.placeOf(event);
    if (place >= 0) this.on.open(place);
  }

  private pickTo(place: number, more: boolean): void {
    const places: [number, number] = [Math.min(this.anchor, place), Math.max(this.anchor, place) + 1];
    this.on.pick({ how: more ? "add" : "set", places });
  }

  private key(event: KeyboardEvent): void {
    const to = this.target(event);
    if (to !== null) {
      if (!event.shiftKey) this.anchor = Math.min(Math.max(to, 0), this.source.total - 1);
      this.focus(to);
      if (event.shiftKey) this.pickTo(this.active, false);
    } else if (event.key === " ") this.space(event.shiftKey);
    else if (event.key === "Enter") this.on.open(this.active);
    else if (event.key === "Escape") this.on.pickNone();
    else if (event.key.toLowerCase() === "a" && (event.ctrlKey || event.metaKey)) this.on.pickAll();
    else return;
    event.preventDefault();
  }

  private space(isRange: boolean): void {
    if (isRange) this.pickTo(this.active, false);
    else {
      this.anchor = this.active;
      this.on.pick({ how: "toggle", places: [this.active, this.active + 1] });
    }
  }

  private target(event: KeyboardEvent): number | null {
    const start = this.active - (this.active % this.across);
    const page = Math.max(Math.floor(this.element.clientHeight / this.rowPx), 1) * this.across;
    const all = event.ctrlKey || event.metaKey;
    const moves: Record<string, number> = {
      ArrowRight: this.active + 1,
      ArrowLeft: this.active - 1,
      ArrowDown: this.active + this.across,
      ArrowUp: this.active - this.across,
      PageDown: this.active + page,
      PageUp: this.active - page,
      Home: all ? 0 : start,
      End: all ? this.source.total - 1 : start + this.across - 1,
    };
    const to = moves[event.key];
    if (to === undefined) return null;
    // Beyond the last row there is nothing to go down to, but the last image
    return (event.key === "ArrowUp" && to < 0) || (event.key === "ArrowDown" && to >= this.rowCount * this.across) ? this.active : to;
  }
}
