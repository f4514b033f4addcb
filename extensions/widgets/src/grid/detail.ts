// One image, large: to be zoomed and moved, with all that is known of it beside it.
import { button, h, replace } from "../base/dom.ts";
import { bytes, count } from "../base/format.ts";
import type { Rpc } from "../base/rpc.ts";
import type { Say } from "../base/texts.ts";
import { drawShapes, type Looks } from "./paint.ts";
import { decode } from "./source.ts";
import type { Key } from "./texts.ts";
import { basename, type Detail } from "./types.ts";
import { Zoom } from "./zoom.ts";

const FIRST_PX = 1024;
const MOST_PX = 4096;
const AGAIN_MS = 120;

export interface DetailHandlers {
  close: () => void;
  step: (by: number) => void;
  pick: (id: number, isPicked: boolean) => void;
  failed: (error: unknown) => void;
}

/** The pane of one image. */
export class Pane {
  readonly element: HTMLElement;
  looks: Looks;
  private readonly rpc: Rpc;
  private readonly say: Say<Key>;
  private readonly lang: "en" | "ko";
  private readonly on: DetailHandlers;
  private readonly canvas = h("canvas", { tabindex: "0", role: "img" });
  private readonly heading = h("h3", { class: "wb-detail-name" });
  private readonly place = h("span", { class: "wb-quiet" });
  private readonly info = h("div", { class: "wb-detail-info", tabindex: "0", role: "region" });
  private readonly pick: HTMLButtonElement;
  private readonly steps: HTMLButtonElement[];
  private readonly reason = h("p", { class: "wb-reason", role: "status" });
  private readonly watch: ResizeObserver;
  private zoom = new Zoom();
  private told: Detail | null = null;
  private bitmap: ImageBitmap | null = null;
  private asked = 0;
  private era = 0;
  private drag: { x: number; y: number } | null = null;

  constructor(rpc: Rpc, looks: Looks, say: Say<Key>, lang: "en" | "ko", on: DetailHandlers) {
    this.rpc = rpc;
    this.looks = looks;
    this.say = say;
    this.lang = lang;
    this.on = on;
    this.pick = button(say("select"), () => this.told && on.pick(this.told.id, !this.told.picked), { "aria-pressed": "false" });
    this.steps = [button(say("previous"), () => on.step(-1)), button(say("next"), () => on.step(1))];
    const zooms = [button("+", () => this.by(1.5), { "aria-label": say("zoomIn") }), button("−", () => this.by(1 / 1.5), { "aria-label": say("zoomOut") }), button(say("fit"), () => this.fit())];
    const bar = h("div", { class: "wb-toolbar" }, button(say("close"), on.close, { class: "wb-button wb-close" }), ...this.steps, this.place, ...zooms, this.pick);
    const stage = h("div", { class: "wb-picture" }, this.canvas, this.reason);
    this.element = h("div", { class: "wb-detail", hidden: true }, bar, h("div", { class: "wb-detail-main" }, stage, h("div", { class: "wb-detail-side" }, this.heading, this.info)));
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.listen();
    this.watch = new ResizeObserver(() => (this.resize(), this.draw()));
    this.watch.observe(stage);
  }

  get isOpen(): boolean {
    return !this.element.hidden;
  }

  /** Show an image; `place` says which of how many it is, null when it stands alone. */
  async show(id: number, place: [number, number] | null): Promise<void> {
    const era = ++this.era;
    const isNew = this.element.hidden;
    this.element.hidden = false;
    this.place.textContent = place ? this.say("place", { n: count(place[0] + 1), all: count(place[1]) }) : "";
    this.steps.forEach((step, at) => (step.disabled = !place || (at ? place[0] + 1 >= place[1] : place[0] === 0)));
    if (isNew) this.canvas.focus();
    this.asked = FIRST_PX;
    await this.load(id, FIRST_PX, era, true);
  }

  /** Whether it is selected became known. */
  mark(isPicked: boolean): void {
    if (this.told) this.told.picked = isPicked;
    this.pick.setAttribute("aria-pressed", String(isPicked));
  }

  hide(): void {
    this.era += 1;
    this.element.hidden = true;
    this.set(null);
  }

  redraw(): void {
    this.draw();
  }

  dispose(): void {
    this.watch.disconnect();
    this.set(null);
  }

  private async load(id: number, size: number, era: number, isFirst: boolean): Promise<void> {
    try {
      const { data, buffers } = await this.rpc.newest<Detail>("image", "image", { image: id, size });
      if (era !== this.era) return;
      const bitmap = await decode(buffers[0]);
      if (era !== this.era) return bitmap?.close();
      if (isFirst) this.tell(data, bitmap);
      else if (bitmap) this.sharpen(data, bitmap);
      if (!data.ready) setTimeout(() => era === this.era && void this.load(id, size, era, isFirst), AGAIN_MS);
    } catch (error) {
      if (era === this.era) this.on.failed(error);
    }
  }

  private tell(data: Detail, bitmap: ImageBitmap | null): void {
    const isSame = this.told?.id === data.id;
    this.told = data;
    this.set(bitmap);
    this.looks.lit = null;
    this.reason.textContent = data.problem ? `${this.say("unseen")}: ${data.problem}` : data.ready ? "" : this.say("loading");
    this.canvas.setAttribute("aria-label", this.say("stage", { name: basename(data.path) }));
    this.mark(data.picked);
    if (!isSame) this.describe(data);
    this.resize();
    this.fit();
  }

  /** Show the same image in more pixels; what is in view stays. */
  private sharpen(data: Detail, bitmap: ImageBitmap): void {
    const before = this.told?.shown[0] ?? 0;
    this.told = { ...data, picked: this.told?.picked ?? data.picked };
    this.set(bitmap);
    if (before) this.zoom.scale *= before / data.shown[0];
    this.draw();
  }

  private set(bitmap: ImageBitmap | null): void {
    this.bitmap?.close();
    this.bitmap = bitmap;
  }

  private describe(data: Detail): void {
    this.heading.textContent = basename(data.path);
    this.info.setAttribute("aria-label", basename(data.path));
    this.info.scrollTop = 0;
    replace(this.info, this.facts(data), this.issues(data), this.objects(data));
  }

  private facts(data: Detail): HTMLElement {
    const { facts } = data;
    const effects: Record<string, Key> = { keep: "keepEffect", drop: "drop", rewrite: "rewrite" };
    const rows: [string, string][] = [
      [this.say("file"), data.path],
      [this.say("split"), data.split || this.say("unsplit")],
      [this.say("size"), data.width ? `${data.width} × ${data.height}` : this.say("unknownSize")],
      [this.say("bytes"), facts.bytes === null ? "–" : bytes(facts.bytes)],
      [this.say("group"), facts.group ?? ""],
      [this.say("effect"), this.say(effects[facts.effect ?? ""] ?? "none")],
    ];
    const told = rows.filter(([, value]) => value).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
    return h("dl", { class: "wb-facts" }, ...told);
  }

  private issues(data: Detail): HTMLElement | null {
    if (!data.issues.length) return null;
    const rows = data.issues.map((issue) =>
      h("li", {}, h("span", { class: `wb-dot wb-is-${issue.severity}` }), h("strong", {}, issue.title[this.lang]), ` ${issue.detail ?? ""}`, h("p", { class: "wb-quiet" }, issue.advice[this.lang])),
    );
    return h("section", {}, h("h4", {}, this.say("issues")), h("ul", { class: "wb-issue-list" }, ...rows));
  }

  private objects(data: Detail): HTMLElement {
    const heads = [this.say("klass"), this.say("shape"), this.say("box")].map((head) => h("th", { scope: "col" }, head));
    const rows = data.objects.map((one, at) => {
      const style = this.looks.classes[one.cls];
      const name = h("th", { scope: "row" }, h("span", { class: "wb-dot", style: `background:${style?.color ?? "#888888"}` }), style?.name ?? String(one.cls));
      const box = one.box ? one.box.map((value) => value.toFixed(0)).join(", ") : "–";
      const row = h("tr", {}, name, h("td", {}, one.kind + (one.crowd ? `, ${this.say("crowd")}` : "")), h("td", {}, box));
      row.addEventListener("pointerenter", () => this.light(at));
      row.addEventListener("pointerleave", () => this.light(null));
      return row;
    });
    const rest = data.count - data.objects.length;
    return h(
      "section",
      {},
      h("h4", {}, this.say("objectTable", { n: count(data.count) })),
      h("table", { class: "wb-table" }, h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...rows)),
      rest > 0 ? h("p", { class: "wb-quiet" }, this.say("moreObjects", { n: count(rest) })) : null,
    );
  }

  private light(at: number | null): void {
    this.looks.lit = at;
    this.draw();
  }

  private resize(): void {
    const ratio = Math.min(devicePixelRatio, 2);
    const box = this.canvas.parentElement;
    if (!box?.clientWidth) return;
    const [wide, high] = [Math.round(box.clientWidth * ratio), Math.round(box.clientHeight * ratio)];
    if (this.canvas.width === wide && this.canvas.height === high) return;
    this.canvas.width = wide;
    this.canvas.height = high;
    this.fit();
  }

  private fit(): void {
    const [wide, high] = this.told?.shown ?? [1, 1];
    this.zoom.fit(wide || 1, high || 1, this.canvas.width, this.canvas.height);
    this.draw();
  }

  private by(factor: number, x = this.canvas.width / 2, y = this.canvas.height / 2): void {
    this.zoom.by(factor, x, y);
    this.draw();
    this.refine();
  }

  /** Ask for more pixels when those that are there are drawn larger than they are, and the image has more. */
  private refine(): void {
    const told = this.told;
    if (!told || this.zoom.scale < 1.2 || this.asked >= MOST_PX || Math.max(told.width, told.height) <= this.asked) return;
    this.asked = Math.min(this.asked * 2, MOST_PX);
    void this.load(told.id, this.asked, this.era, false);
  }

  private draw(): void {
    const ctx = this.canvas.getContext("2d");
    if (!ctx || !this.told) return;
    ctx.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.bitmap) return;
    const { x, y, scale } = this.zoom;
    const [wide, high] = this.told.shown[0] ? this.told.shown : [this.bitmap.width, this.bitmap.height];
    ctx.imageSmoothingEnabled = scale < 3;
    ctx.drawImage(this.bitmap, x, y, wide * scale, high * scale);
    drawShapes(ctx, this.told.shapes, this.zoom, this.looks, Math.min(devicePixelRatio, 2));
  }

  private listen(): void {
    const ratio = () => Math.min(devicePixelRatio, 2);
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.by(Math.exp(-event.deltaY / 400), event.offsetX * ratio(), event.offsetY * ratio());
    }, { passive: false });
    this.canvas.addEventListener("pointerdown", (event) => {
      this.drag = { x: event.clientX, y: event.clientY };
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!this.drag) return;
      this.zoom.move((event.clientX - this.drag.x) * ratio(), (event.clientY - this.drag.y) * ratio());
      this.drag = { x: event.clientX, y: event.clientY };
      this.draw();
    });
    for (const end of ["pointerup", "pointercancel"]) this.canvas.addEventListener(end, () => (this.drag = null));
  }

  private key(event: KeyboardEvent): void {
    if (event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey) return;
    const step = 60;
    const moves: Record<string, [number, number]> = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    const move = moves[event.key];
    if (move && event.shiftKey) (this.zoom.move(...move), this.draw());
    else if (event.key === "ArrowLeft") this.steps[0]?.click();
    else if (event.key === "ArrowRight") this.steps[1]?.click();
    else if (event.key === "+" || event.key === "=") this.by(1.5);
    else if (event.key === "-") this.by(1 / 1.5);
    else if (event.key === "0") this.fit();
    else if (event.key === "Escape") this.on.close();
    else if (event.key === " " && event.target === this.canvas) this.pick.click();
    else return;
    event.preventDefault();
  }
}
