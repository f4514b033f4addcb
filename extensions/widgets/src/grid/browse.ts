// The dataset browser: what is chosen and selected, and the parts that show it.
import type { AnyModel } from "@anywidget/types";
import { button, h, replace } from "../base/dom.ts";
import { count } from "../base/format.ts";
import { Problem, Silence } from "../base/rpc.ts";
import type { Shell } from "../base/shell.ts";
import { speaker, type Say } from "../base/texts.ts";
import { cssColor, onTheme } from "../base/theme.ts";
import { Bar } from "./bar.ts";
import { Cells, type Picking, type Side } from "./cells.ts";
import { Pane } from "./detail.ts";
import { Facets } from "./facets.ts";
import { put, values } from "./line.ts";
import { showRules } from "./lint.ts";
import type { Looks } from "./paint.ts";
import { Pairs } from "./pairs.ts";
import { Source } from "./source.ts";
import { Table } from "./table.ts";
import { TEXTS, type Key } from "./texts.ts";
import { Tools, type Tab } from "./tools.ts";
import { basename, type Filter, type Hello, type Row, type RuleCount } from "./types.ts";

const UNDO = 50;
const RELOAD_MS = 60;

/** All of the browser's parts, once it is known what the dataset is. */
export class Browse {
  private readonly shell: Shell;
  private readonly model: AnyModel;
  private readonly say: Say<Key>;
  private readonly looks: Looks;
  private readonly source: Source;
  private readonly cells: Cells;
  private readonly bar: Bar;
  private readonly facets: Facets;
  private readonly pane: Pane;
  private readonly pairs: Pairs;
  private readonly table: Table;
  private readonly tools: Tools;
  private readonly rules = h("div", { class: "wb-lint", tabindex: "0" });
  private readonly note = h("div", { class: "wb-note", role: "status" });
  private readonly main: HTMLElement;
  private readonly center: HTMLElement;
  private info: Hello;
  private filter: Filter = { where: "", sql: "" };
  private history: Filter[] = [];
  private selected = 0;
  private sending = 0;
  private tab: Tab = "grid";
  private opened: number | null = null;
  private again: ReturnType<typeof setTimeout> | undefined;

  constructor(shell: Shell, model: AnyModel, info: Hello, id: string) {
    const { rpc } = shell;
    this.shell = shell;
    this.model = model;
    this.info = info;
    this.selected = info.selected;
    const say = (this.say = speaker(TEXTS, shell.lang));
    const failed = (error: unknown, again: () => void) => this.fail(error, again);
    this.looks = { classes: info.classes, shapes: true, names: true, font: cssColor(shell.root, "font-family", "sans-serif"), lit: null, room: 0 };
    this.source = new Source(rpc, { arrived: (start, stop) => this.cells.refresh(start, stop), failed });
    this.cells = new Cells(this.source, this.looks, say("gridLabel", { name: info.name }), say("gridHelp"), {
      pick: (picking) => void this.pick(picking),
      pickAll: () => void this.pickAll(),
      pickNone: () => void this.pickNone(),
      open: (place) => void this.open(place),
      name: (row) => this.nameOf(row),
      openName: (row) => say("open", { name: basename(row.path) }),
    });
    this.bar = new Bar(say, id, { apply: (filter, isTyped) => void this.apply(filter, true, isTyped), back: () => void this.back() });
    this.facets = new Facets(rpc, info, say, shell.lang, (where) => void this.apply({ ...this.filter, where }));
    this.pane = new Pane(rpc, { ...this.looks, room: 180 }, say, shell.lang, {
      close: () => this.close(),
      step: (by) => void this.open((this.opened ?? 0) + by),
      pick: (image, isPicked) => void this.pickOne(image, isPicked),
      failed: (error) => this.fail(error, () => undefined),
    });
    this.pairs = new Pairs(rpc, this.looks, info.name, say, shell.lang, { open: (image) => void this.openAlone(image), failed });
    this.table = new Table(rpc, info.classes, say, { open: (place) => void this.open(place), pick: (place) => void this.pick({ how: "toggle", places: [place, place + 1] }), failed });
    this.tools = new Tools(say, id, shell.readonly || info.readonly, {
      tab: (tab) => this.turn(tab),
      side: (side) => this.setSide(side),
      shapes: (on) => this.look({ shapes: on }),
      names: (on) => this.look({ names: on }),
      pickAll: () => void this.pickAll(),
      pickNone: () => void this.pickNone(),
      keep: (name, of) => this.keep(name, of),
      fold: () => this.main.classList.toggle("wb-unfolded"),
    });
    this.center = h("div", { class: "wb-center" }, this.note, this.cells.element);
    this.main = h("div", { class: "wb-main" }, this.facets.element, this.center);
    this.build();
  }

  /** Begin with the filter that the widget has. */
  async start(): Promise<void> {
    await this.apply({ where: String(this.model.get("view")), sql: String(this.model.get("sql")) }, false);
  }

  private build(): void {
    const { shell } = this;
    shell.body.style.height = `${Number(this.model.get("height"))}px`;
    shell.body.append(this.bar.element, this.bar.chips, this.tools.head, this.main, this.pane.element, this.tools.foot);
    const resized = new ResizeObserver(() => this.cells.reset());
    resized.observe(this.cells.element);
    const fromPython = () => this.hear();
    for (const name of ["view", "sql"]) this.model.on(`change:${name}`, fromPython);
    const picked = () => this.hearPicked();
    this.model.on("change:selected", picked);
    const endTheme = onTheme(() => this.cells.redraw());
    shell.atEnd(() => {
      resized.disconnect();
      endTheme();
      clearTimeout(this.again);
      for (const name of ["view", "sql"]) this.model.off(`change:${name}`, fromPython);
      this.model.off("change:selected", picked);
      for (const part of [this.cells, this.source, this.pane]) part.dispose();
      this.pairs.leave();
    });
    this.tools.count(this.selected, this.info.images, this.info.images);
  }

  /** Look at other images: the kernel is asked first whether it understands. */
  private async apply(filter: Filter, isNew = true, isTyped = false): Promise<void> {
    try {
      const { data, python } = await this.shell.rpc.newest<{ images: number; stale: boolean }>("choose", "choose", { ...filter });
      if (isNew && !same(filter, this.filter)) this.history = [...this.history.slice(-UNDO), this.filter];
      if (isNew) this.shell.showPython(python);
      this.shell.clear();
      this.take(filter, data.images);
      this.tellStale(data.stale);
    } catch (error) {
      if (isTyped && error instanceof Problem && !(error instanceof Silence)) this.bar.fail(error);
      else this.fail(error, () => void this.apply(filter, isNew, isTyped));
    }
  }

  private take(filter: Filter, images: number): void {
    this.filter = filter;
    this.model.set("view", filter.where);
    this.model.set("sql", filter.sql);
    this.model.save_changes();
    this.source.choose(filter, images);
    this.table.choose(filter);
    this.bar.set(filter, this.history.length > 0);
    this.tools.count(this.selected, images, this.info.images);
    this.note.textContent = images ? "" : this.say(this.info.images ? "noMatch" : "empty");
    this.note.hidden = images > 0;
    this.shell.announce(this.say("of", { some: count(images), all: count(this.info.images) }));
    if (this.pane.isOpen && this.opened !== null) this.close();
    this.cells.restart();
    if (this.tab === "table") void this.table.load();
    void this.count();
  }

  private async count(): Promise<void> {
    await this.facets.load(this.filter, (error) => this.fail(error, () => void this.count()));
  }

  private async back(): Promise<void> {
    const before = this.history.pop();
    if (before) await this.apply(before, false);
  }

  /** Python set another filter. */
  private hear(): void {
    const told = { where: String(this.model.get("view")), sql: String(this.model.get("sql")) };
    if (!same(told, this.filter)) void this.apply(told);
  }

  /** Others selected, in another view or in Python; of what this view did the answer comes just after. */
  private hearPicked(): void {
    clearTimeout(this.again);
    this.again = setTimeout(() => {
      const selected = Number(this.model.get("selected"));
      if (selected === this.selected || this.sending) return;
      this.tellPicked(selected);
      this.source.refresh();
      this.cells.reset();
    }, RELOAD_MS);
  }

  private turn(tab: Tab): void {
    this.tab = tab;
    if (this.pane.isOpen) this.close();
    const shown = { grid: this.cells.element, table: this.table.element, issues: this.rules, pairs: this.pairs.element }[tab];
    replace(this.center, tab === "grid" || tab === "table" ? this.note : null, shown);
    this.facets.element.hidden = tab === "pairs" || tab === "issues";
    if (tab !== "pairs") this.pairs.leave();
    if (tab === "grid") (this.source.refresh(), this.cells.reset());
    if (tab === "table") void this.table.load();
    if (tab === "issues") void this.showIssues();
    if (tab === "pairs") void this.pairs.load();
  }

  private async showIssues(): Promise<void> {
    const data = await this.shell.do<{ rules: RuleCount[] }>("count", { part: "issues" });
    if (data) showRules(this.rules, data.rules, this.say, this.shell.lang, (rules) => this.showRule(rules));
  }

  private showRule(rules: string[]): void {
    this.tools.select("grid");
    void this.apply({ where: put("", "issue", rules), sql: "" });
  }

  private setSide(side: Side): void {
    this.cells.setSide(side);
  }

  private look(change: Partial<Looks>): void {
    Object.assign(this.looks, change);
    Object.assign(this.pane.looks, change);
    this.cells.redraw();
    this.pane.redraw();
    if (this.tab === "pairs") void this.pairs.load();
  }

  private nameOf(row: Row | undefined): string {
    if (!row) return this.say("loading");
    const parts = [this.say("cell", { name: basename(row.path), split: row.split || this.say("unsplit"), n: count(row.count) })];
    if (row.rules.length) parts.push(this.say("cellIssues", { rules: row.rules.join(", ") }));
    if (row.problem) parts.push(`${this.say("unseen")}: ${row.problem}`);
    return parts.join(", ");
  }

  private async open(place: number): Promise<void> {
    if (place < 0 || place >= this.source.total) return;
    const row = this.source.row(place) ?? (await this.source.fetch(place).catch((error: unknown) => (this.fail(error, () => void this.open(place)), null)));
    if (!row) return;
    this.opened = place;
    this.main.hidden = true;
    await this.pane.show(row.id, [place, this.source.total]);
  }

  private async openAlone(image: number): Promise<void> {
    this.opened = null;
    this.main.hidden = true;
    await this.pane.show(image, null);
  }

  private close(): void {
    this.pane.hide();
    this.main.hidden = false;
    const place = this.opened;
    this.opened = null;
    if (this.tab !== "grid" || place === null) return;
    this.cells.reset();
    this.cells.focus(place);
  }

  private async pick({ how, places: [start, stop] }: Picking): Promise<void> {
    this.source.mark((place, row) => {
      const isIn = place >= start && place < stop;
      return how === "set" ? isIn : how === "add" ? isIn || row.picked : isIn ? !row.picked : row.picked;
    });
    this.cells.refresh();
    await this.send({ how, start, stop });
  }

  private async pickOne(image: number, isPicked: boolean): Promise<void> {
    this.source.mark((_, row) => (row.id === image ? isPicked : row.picked));
    this.pane.mark(isPicked);
    await this.send({ how: isPicked ? "add" : "remove", ids: [image] });
  }

  private async pickAll(): Promise<void> {
    this.source.mark(() => true);
    this.cells.refresh();
    await this.send({ how: "set", all: true });
  }

  private async pickNone(): Promise<void> {
    this.source.mark(() => false);
    this.cells.refresh();
    await this.send({ how: "set", ids: [] });
  }

  private async send(body: Record<string, unknown>): Promise<void> {
    this.sending += 1;
    const data = await this.shell.do<{ selected: number }>("pick", { ...this.filter, ...body });
    this.sending -= 1;
    if (data) this.tellPicked(data.selected);
    else (this.source.refresh(), this.cells.reset());
    if (this.tab === "table") void this.table.load();
  }

  private tellPicked(selected: number): void {
    this.selected = selected;
    this.tools.count(selected, this.source.total, this.info.images);
    this.shell.announce(this.say("selected", { n: count(selected) }));
  }

  private async keep(name: string, of: "filter" | "selection"): Promise<boolean> {
    const data = await this.shell.do<{ views: Record<string, string> }>("keep", { ...this.filter, name, of });
    if (!data) return false;
    this.info = { ...this.info, views: data.views };
    this.facets.tell(this.info);
    this.shell.announce(this.say("kept", { name }));
    return true;
  }

  private tellStale(isStale: boolean): void {
    if (!isStale) return;
    replace(this.note, this.say("stale"), " ", button(this.say("reload"), () => void this.reload()));
    this.note.hidden = false;
  }

  private async reload(): Promise<void> {
    const { data } = await this.shell.rpc.hello<Hello>();
    this.info = data;
    this.looks.classes = this.pane.looks.classes = data.classes;
    this.facets.tell(data);
    this.tellPicked(data.selected);
    const lost = values(this.filter.where, "view").some((view) => !(view in data.views));
    await this.apply(lost ? { where: "", sql: "" } : this.filter, false);
  }

  private fail(error: unknown, again: () => void): void {
    this.shell.fail(error, again);
  }
}

function same(one: Filter, other: Filter): boolean {
  return one.where.trim() === other.where.trim() && one.sql.trim() === other.sql.trim();
}
