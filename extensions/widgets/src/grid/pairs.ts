// Images that are there twice, side by side.
import { button, h, replace } from "../base/dom.ts";
import { count } from "../base/format.ts";
import type { Rpc } from "../base/rpc.ts";
import type { Say } from "../base/texts.ts";
import { drawShapes, type Looks } from "./paint.ts";
import { decode } from "./source.ts";
import type { Key } from "./texts.ts";
import { basename, type LateData, type Pair, type Row } from "./types.ts";

const PAGE = 12;
const SIDE_PX = 256;
const AGAIN_MS = 150;
export const PAIR_RULES = ["leak-exact", "leak-near", "leak-group", "duplicate-exact", "duplicate-near"];

/** The view of duplicates and leaks. */
export class Pairs {
  readonly element = h("div", { class: "wb-pairs" });
  looks: Looks;
  private readonly rpc: Rpc;
  private readonly say: Say<Key>;
  private readonly lang: "en" | "ko";
  private readonly name: string;
  private readonly open: (id: number) => void;
  private readonly failed: (error: unknown, again: () => void) => void;
  private rule = "";
  private start = 0;
  private era = 0;
  private canvases = new Map<number, [HTMLCanvasElement, Row][]>();

  constructor(rpc: Rpc, looks: Looks, name: string, say: Say<Key>, lang: "en" | "ko", on: { open: (id: number) => void; failed: (error: unknown, again: () => void) => void }) {
    this.rpc = rpc;
    this.looks = looks;
    this.name = name;
    this.say = say;
    this.lang = lang;
    this.open = on.open;
    this.failed = on.failed;
  }

  async load(): Promise<void> {
    const era = ++this.era;
    try {
      const { data, buffers } = await this.rpc.newest<{ total: number; pairs: Pair[] }>("pairs", "pairs", { rule: this.rule, start: this.start, limit: PAGE });
      if (era !== this.era) return;
      this.show(data.total, data.pairs);
      const rows = data.pairs.flatMap((pair) => (pair.other ? [pair.image, pair.other] : [pair.image]));
      await this.paint(rows.map((row) => ({ id: row.id, thumb: row.thumb, problem: row.problem })), buffers, era);
    } catch (error) {
      if (era === this.era) this.failed(error, () => void this.load());
    }
  }

  /** Stop asking for pictures that nobody sees. */
  leave(): void {
    this.era += 1;
  }

  private show(total: number, pairs: Pair[]): void {
    this.canvases.clear();
    const options = ["", ...PAIR_RULES].map((rule) => h("option", { value: rule, selected: rule === this.rule }, rule || this.say("anyRule")));
    const kind = h("select", { "aria-label": this.say("kind"), change: () => this.go(0, kind.value) }, ...options);
    const previous = button(this.say("previous"), () => this.go(this.start - PAGE), { disabled: this.start === 0 });
    const next = button(this.say("next"), () => this.go(this.start + PAGE), { disabled: this.start + PAGE >= total });
    const shown = this.say("page", { from: count(total ? this.start + 1 : 0), to: count(Math.min(this.start + PAGE, total)), all: count(total) });
    const bar = h("div", { class: "wb-toolbar" }, kind, previous, h("span", { class: "wb-quiet" }, shown), next);
    if (total) replace(this.element, bar, ...pairs.map((pair) => this.pair(pair)));
    else replace(this.element, this.rule ? bar : null, this.none());
  }

  private none(): HTMLElement {
    const line = `ws.datasets.find_duplicates("${this.name}")`;
    return h("div", { class: "wb-empty" }, h("p", {}, this.say("noPairs")), h("p", {}, this.say("lookPairs")), h("code", {}, line));
  }

  private go(start: number, rule = this.rule): void {
    this.start = Math.max(start, 0);
    this.rule = rule;
    void this.load();
  }

  private pair(pair: Pair): HTMLElement {
    const other = pair.other ? this.side(pair.other) : h("p", { class: "wb-empty" }, this.say("gone"));
    return h("figure", { class: "wb-pair" }, h("figcaption", { title: pair.detail }, h("strong", {}, pair.title[this.lang]), " ", h("code", {}, pair.rule)), h("div", { class: "wb-two" }, this.side(pair.image), other));
  }

  private side(row: Row): HTMLElement {
    const canvas = h("canvas", { width: SIDE_PX, height: SIDE_PX, "aria-hidden": "true" });
    this.canvases.set(row.id, [...(this.canvases.get(row.id) ?? []), [canvas, row]]);
    const name = this.say("open", { name: row.path });
    const caption = h("span", { class: "wb-caption" }, `${row.split || this.say("unsplit")} · ${basename(row.path)}`);
    return h("button", { type: "button", class: "wb-twin", title: row.path, "aria-label": name, click: () => this.open(row.id) }, canvas, caption);
  }

  private async paint(thumbs: LateData["thumbs"], buffers: DataView[], era: number): Promise<void> {
    const late: number[] = [];
    for (const { id, thumb, problem } of thumbs) {
      if (thumb < 0 && !problem) late.push(id);
      const bitmap = await decode(buffers[thumb]);
      for (const [canvas, row] of this.canvases.get(id) ?? []) draw(canvas, row, bitmap, problem, this.looks);
      bitmap?.close();
      if (era !== this.era) return;
    }
    if (!late.length) return;
    await new Promise((wait) => setTimeout(wait, AGAIN_MS));
    if (era !== this.era) return;
    const { data, buffers: more } = await this.rpc.newest<LateData>("late", "late", { ids: late, size: SIDE_PX });
    await this.paint(data.thumbs, more, era);
  }
}

function draw(canvas: HTMLCanvasElement, row: Row, bitmap: ImageBitmap | null, problem: string, looks: Looks): void {
  const ctx = canvas.getContext("2d");
  if (problem) canvas.dataset.problem = problem;
  if (!ctx || !bitmap) return;
  const scale = Math.min(canvas.width / bitmap.width, canvas.height / bitmap.height);
  const place = { x: (canvas.width - bitmap.width * scale) / 2, y: (canvas.height - bitmap.height * scale) / 2, scale };
  ctx.drawImage(bitmap, place.x, place.y, bitmap.width * scale, bitmap.height * scale);
  drawShapes(ctx, row.shapes, place, looks);
}
