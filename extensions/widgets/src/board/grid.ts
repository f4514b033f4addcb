// The table of runs: only the rows in view exist; a row is walked to with the arrow keys.
//
// What lives here: drawing rows and walking among them. What does not: where rows come from (`source`), what stands in
// a cell (`cells`).
import { h, replace } from "../base/dom.ts";
import { cell, stateMark, title, type Speaking } from "./cells.ts";
import { fitting, least, reveal, ROW_PX, template, widthOf, windowOf } from "./layout.ts";
import type { Head, Item, Run, Settings, State } from "./types.ts";
import { STATES } from "./types.ts";

export interface GridEvents {
  need: (start: number, count: number) => void;
  item: (index: number) => Item | undefined;
  activate: (run: Run) => void;
  open: (run: Run, byKey: boolean) => void;
  choose: (run: Run) => void;
  toggle: (head: Head) => void;
  sort: (column: string) => void;
  escape: () => void;
}

let grids = 0;

export class Grid {
  readonly root: HTMLElement;
  private readonly head: HTMLElement;
  private readonly rows: HTMLElement;
  private readonly drawn = new Map<number, HTMLElement>();
  private readonly prefix: string;
  private shown: string[] = [];
  private total = 0;
  private active = 0;
  private asked = false;
  private readonly events: GridEvents;
  private readonly speaking: Speaking;
  private settings: Settings;

  constructor(events: GridEvents, speaking: Speaking, settings: Settings) {
    grids += 1;
    this.prefix = `bd-${grids}-${Math.random().toString(36).slice(2, 7)}-`;
    this.events = events;
    this.speaking = speaking;
    this.settings = settings;
    this.head = h("div", { class: "bd-head", role: "row", "aria-rowindex": 1 });
    this.rows = h("div", { class: "bd-rows", role: "rowgroup" });
    this.root = h(
      "div",
      { class: "bd-grid", role: "grid", tabindex: 0, "aria-label": speaking.say("runs"), "aria-multiselectable": "true" },
      h("div", { role: "rowgroup", class: "bd-headgroup" }, this.head),
      this.rows,
    );
    this.root.addEventListener("scroll", () => this.later());
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.rows.addEventListener("click", (event) => this.click(event));
    this.head.addEventListener("keydown", (event) => this.headKey(event));
    this.layout();
  }

  /** Draw everything anew, e.g. after other columns were chosen. */
  layout(settings = this.settings): void {
    this.settings = settings;
    this.root.setAttribute("role", settings.group ? "treegrid" : "grid"); // only its rows may be expanded
    this.shown = fitting(settings.columns, this.root.clientWidth || 1000);
    this.root.style.setProperty("--bd-columns", template(this.shown));
    this.root.style.setProperty("--bd-least", `${least(this.shown)}px`);
    this.root.setAttribute("aria-colcount", String(this.shown.length + 1));
    this.drawHead();
    this.forget();
  }

  /** Say how many items there are. */
  size(total: number): void {
    this.total = total;
    this.active = Math.max(0, Math.min(this.active, total - 1));
    this.rows.style.height = `${total * ROW_PX}px`;
    this.root.setAttribute("aria-rowcount", String(total + 1));
  }

  /** Draw all rows in view anew: what the items are may have changed. */
  forget(): void {
    for (const row of this.drawn.values()) row.remove();
    this.drawn.clear();
    this.draw();
  }

  /** Draw one row anew, when it is in view. */
  redraw(index: number): void {
    const before = this.drawn.get(index);
    const item = this.events.item(index);
    if (!before || !item) return;
    const after = this.row(index, item);
    before.replaceWith(after);
    this.drawn.set(index, after);
  }

  /** Draw those anew that go on: time passes. */
  tick(): void {
    for (const index of this.drawn.keys()) if (this.events.item(index)?.run?.going) this.redraw(index);
  }

  /** Draw what is in view. */
  draw(): void {
    const { start, count } = windowOf(this.root.scrollTop, this.root.clientHeight, this.total);
    for (const [index, row] of this.drawn) {
      if (index >= start && index < start + count) continue;
      row.remove();
      this.drawn.delete(index);
    }
    let lacking = false;
    for (let index = start; index < start + count; index += 1) {
      const item = this.events.item(index);
      lacking ||= !item;
      const there = this.drawn.get(index);
      if (there && (there.dataset["empty"] === undefined || !item)) continue;
      const row = item ? this.row(index, item) : this.empty(index);
      if (there) there.replaceWith(row);
      else this.insert(index, row);
      this.drawn.set(index, row);
    }
    this.point();
    if (lacking) this.events.need(start, count);
  }

  /** Go to the first item. */
  top(): void {
    this.active = 0;
    this.root.scrollTop = 0;
  }

  /** Make a row the one that keys mean. */
  go(index: number, scroll = true): void {
    if (!this.total) return;
    const before = this.active;
    this.active = Math.max(0, Math.min(index, this.total - 1));
    const room = this.root.clientHeight - this.head.offsetHeight;
    const to = scroll ? reveal(this.active, this.root.scrollTop, room) : null;
    if (to !== null) this.root.scrollTop = to;
    this.draw();
    for (const changed of [before, this.active]) this.mark(changed);
    const run = this.events.item(this.active)?.run;
    if (run) this.events.activate(run);
  }

  private insert(index: number, row: HTMLElement): void {
    // In the order of their numbers, since a reader of the screen goes by the order in the document.
    let after: HTMLElement | null = null;
    for (const other of this.rows.children) {
      if (Number((other as HTMLElement).dataset["index"]) > index) {
        after = other as HTMLElement;
        break;
      }
    }
    this.rows.insertBefore(row, after);
  }

  private later(): void {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.draw();
    });
  }

  private drawHead(): void {
    const focused = this.head.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset["column"] : undefined;
    const falling = this.settings.sort.startsWith("-");
    const by = this.settings.sort.replace(/^-/, "");
    const cells = this.shown.map((column, place) => {
      const sorted = column === by ? (falling ? "descending" : "ascending") : "none";
      const label = this.label(column);
      const mark = sorted === "none" ? "" : falling ? "▾" : "▴";
      return h(
        "div",
        { role: "columnheader", class: widthOf(column).number ? "bd-cell bd-number" : "bd-cell", "aria-sort": sorted },
        h(
          "button",
          { type: "button", class: "bd-sort", tabindex: place ? -1 : 0, "data-column": column, title: label, click: () => this.events.sort(column) },
          h("span", { class: "bd-sort-label" }, label),
          mark ? h("span", { class: "bd-sort-mark", "aria-hidden": "true" }, mark) : null,
        ),
      );
    });
    const corner = h("div", { role: "columnheader", class: "bd-cell" }, h("span", { class: "wb-hidden" }, this.speaking.say("chosen", { n: this.settings.selected.length })));
    replace(this.head, corner, ...cells);
    if (focused) this.head.querySelector<HTMLElement>(`[data-column="${CSS.escape(focused)}"]`)?.focus();
  }

  private label(column: string): string {
    if (column.startsWith("config.")) return column.slice("config.".length);
    return this.speaking.say(`col_${column}` as Parameters<Speaking["say"]>[0]);
  }

  private row(index: number, item: Item): HTMLElement {
    const row = item.run ? this.runRow(item.run) : this.headRow(item.head);
    return this.placed(row, index);
  }

  private runRow(run: Run): HTMLElement {
    const chosen = this.settings.selected.includes(run.id);
    const now = Date.now();
    const check = h("input", {
      type: "checkbox",
      tabindex: -1,
      checked: chosen,
      "aria-label": this.speaking.say("choose", { name: title(run) }),
    });
    check.checked = chosen;
    const cells = this.shown.map((column, place) =>
      h(
        "div",
        { role: "gridcell", "aria-colindex": place + 2, class: widthOf(column).number ? "bd-cell bd-number" : "bd-cell" },
        cell(column, run, this.speaking, now),
      ),
    );
    const kind = `bd-row${run.id === this.settings.opened ? " bd-opened" : ""}${run.busy ? " bd-busy" : ""}`;
    return h(
      "div",
      { role: "row", class: kind, "aria-selected": String(chosen), "aria-level": this.settings.group ? 2 : null, "data-run": run.id },
      h("div", { role: "gridcell", "aria-colindex": 1, class: "bd-cell bd-check" }, check),
      ...cells,
    );
  }

  private headRow(head: Head): HTMLElement {
    const { say } = this.speaking;
    const closed = this.isClosed(head);
    const states = STATES.filter((state) => head.states[state]).map((state: State) =>
      h("span", { class: "bd-group-state" }, stateMark(state, say, ` ${head.states[state]}`)),
    );
    return h(
      "div",
      { role: "row", class: "bd-row bd-group", "aria-expanded": String(!closed), "aria-level": 1, "data-group": head.key },
      h(
        "div",
        { role: "gridcell", class: "bd-group-cell", "aria-colspan": this.shown.length + 1 },
        h("span", { class: closed ? "bd-fold bd-closed" : "bd-fold", "aria-hidden": "true" }, "▾"),
        h("strong", {}, head.label ?? say("no_setting")),
        h("span", { class: "wb-quiet" }, head.count === 1 ? say("one_run") : say("all_runs", { all: head.count })),
        ...states,
      ),
    );
  }

  isClosed: (head: Head) => boolean = () => false;

  private empty(index: number): HTMLElement {
    const row = h("div", { role: "row", class: "bd-row", "data-empty": "" }, h("div", { role: "gridcell", class: "bd-cell bd-waiting" }));
    return this.placed(row, index);
  }

  private placed(row: HTMLElement, index: number): HTMLElement {
    row.id = this.prefix + index;
    row.dataset["index"] = String(index);
    row.style.transform = `translateY(${index * ROW_PX}px)`;
    row.setAttribute("aria-rowindex", String(index + 2));
    if (index === this.active) row.classList.add("bd-active");
    return row;
  }

  private mark(index: number): void {
    this.drawn.get(index)?.classList.toggle("bd-active", index === this.active);
    this.point();
  }

  private point(): void {
    if (this.drawn.has(this.active)) this.root.setAttribute("aria-activedescendant", this.prefix + this.active);
    else this.root.removeAttribute("aria-activedescendant");
  }

  private click(event: MouseEvent): void {
    const row = (event.target as HTMLElement).closest<HTMLElement>(".bd-row");
    if (!row) return;
    const index = Number(row.dataset["index"]);
    const item = this.events.item(index);
    this.go(index, false);
    if (item?.head) this.events.toggle(item.head);
    else if (item?.run && (event.target as HTMLElement).closest(".bd-check")) this.events.choose(item.run);
    else if (item?.run) this.events.open(item.run, false);
  }

  private key(event: KeyboardEvent): void {
    if (event.target !== this.root) return;
    const page = Math.max(1, Math.floor(this.root.clientHeight / ROW_PX) - 2);
    const to: Record<string, number> = {
      ArrowDown: this.active + 1,
      ArrowUp: this.active - 1,
      PageDown: this.active + page,
      PageUp: this.active - page,
      Home: 0,
      End: this.total - 1,
    };
    const item = this.events.item(this.active);
    if (event.key in to) this.go(to[event.key] ?? 0);
    else if (event.key === "Escape") this.events.escape();
    else if (item?.head && (event.key === "Enter" || event.key === " ")) this.events.toggle(item.head);
    else if (item?.head && event.key === "ArrowLeft" && !this.isClosed(item.head)) this.events.toggle(item.head);
    else if (item?.head && event.key === "ArrowRight" && this.isClosed(item.head)) this.events.toggle(item.head);
    else if (item?.run && event.key === "Enter") this.events.open(item.run, true);
    else if (item?.run && event.key === " ") this.events.choose(item.run);
    else return;
    event.preventDefault();
  }

  private headKey(event: KeyboardEvent): void {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const buttons = [...this.head.querySelectorAll<HTMLButtonElement>("button")];
    const place = buttons.indexOf(event.target as HTMLButtonElement);
    if (!step || place < 0) return;
    const next = buttons[Math.max(0, Math.min(place + step, buttons.length - 1))];
    for (const button of buttons) button.tabIndex = button === next ? 0 : -1;
    next?.focus();
    event.preventDefault();
  }
}
