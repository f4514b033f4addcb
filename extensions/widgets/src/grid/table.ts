// The same images as a table: for those who see no pictures, and for who wants to compare numbers.
import { button, h, replace } from "../base/dom.ts";
import { count } from "../base/format.ts";
import type { Rpc } from "../base/rpc.ts";
import type { Say } from "../base/texts.ts";
import type { Key } from "./texts.ts";
import type { ClassStyle, Filter, Row, WindowData } from "./types.ts";

const PAGE = 50;

export interface TableHandlers {
  open: (place: number) => void;
  pick: (place: number) => void;
  failed: (error: unknown, again: () => void) => void;
}

/** A page of images at a time. */
export class Table {
  readonly element = h("div", { class: "wb-list" });
  private readonly rpc: Rpc;
  private readonly classes: ClassStyle[];
  private readonly say: Say<Key>;
  private readonly on: TableHandlers;
  private filter: Filter = { where: "", sql: "" };
  private start = 0;
  private era = 0;

  constructor(rpc: Rpc, classes: ClassStyle[], say: Say<Key>, on: TableHandlers) {
    this.rpc = rpc;
    this.classes = classes;
    this.say = say;
    this.on = on;
  }

  choose(filter: Filter): void {
    this.filter = filter;
    this.start = 0;
  }

  async load(): Promise<void> {
    const era = ++this.era;
    try {
      const body = { ...this.filter, start: this.start, count: PAGE, pictures: false };
      const { data } = await this.rpc.newest<WindowData>("table", "window", body);
      if (era === this.era) this.show(data);
    } catch (error) {
      if (era === this.era) this.on.failed(error, () => void this.load());
    }
  }

  private show({ start, total, rows }: WindowData): void {
    const heads = (["select", "file", "split", "size", "amount", "classes", "issues"] as const).map((key) =>
      h("th", { scope: "col", class: key === "amount" ? "wb-number" : "" }, this.say(key)),
    );
    const body = rows.map((row, at) => this.row(row, start + at));
    const previous = button(this.say("previous"), () => this.go(-PAGE), { disabled: start === 0 });
    const next = button(this.say("next"), () => this.go(PAGE), { disabled: start + PAGE >= total });
    const shown = this.say("page", { from: count(total ? start + 1 : 0), to: count(start + rows.length), all: count(total) });
    const pager = h("div", { class: "wb-toolbar" }, previous, h("span", { class: "wb-quiet" }, shown), next);
    const table = h("table", { class: "wb-table" }, h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...body));
    replace(this.element, pager, h("div", { class: "wb-list-scroll", tabindex: "0", role: "region", "aria-label": this.say("table") }, table));
  }

  private go(by: number): void {
    this.start = Math.max(this.start + by, 0);
    void this.load();
  }

  private row(row: Row, place: number): HTMLElement {
    const check = h("input", { type: "checkbox", checked: row.picked, "aria-label": `${this.say("select")} ${row.path}`, change: () => this.on.pick(place) });
    const names = [...new Set(row.shapes.map((shape) => this.classes[shape.c]?.name ?? String(shape.c)))];
    const size = row.width ? `${row.width} × ${row.height}` : "–";
    const open = button(row.path, () => this.on.open(place), { class: "wb-button wb-plain wb-name" });
    const cells = [check, open, row.split, size].map((cell) => h("td", {}, cell));
    return h("tr", {}, ...cells, h("td", { class: "wb-number" }, count(row.count)), h("td", { class: "wb-names" }, names.join(", ")), h("td", {}, row.rules.join(", ")));
  }
}
