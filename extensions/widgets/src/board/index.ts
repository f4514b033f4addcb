// The run board: all runs of a workspace, live.
//
// What lives here: putting the parts together, and the traits. What does not: drawing (the other files).
import type { AnyModel } from "@anywidget/types";
import { h } from "../base/dom.ts";
import { Problem } from "../base/rpc.ts";
import { Shell } from "../base/shell.ts";
import { speaker } from "../base/texts.ts";
import { Actions, type Outcome } from "./actions.ts";
import type { Speaking } from "./cells.ts";
import { Detail } from "./detail.ts";
import { Grid } from "./grid.ts";
import { setting, spare } from "./python.ts";
import { Source } from "./source.ts";
import { TEXTS } from "./texts.ts";
import { Toolbar } from "./toolbar.ts";
import type { Filter, Head, Hello, Run, Settings, Window } from "./types.ts";

const TRAITS = ["filter", "sort", "group", "columns", "selected", "opened"] as const;
const LIVE_SORTS = new Set(["progress", "eta", "duration", "place", "headline", "spark"]);
const FALLING = new Set(["created", "started", "duration", "headline", "progress", "attempt", "spark"]); // at the first click
const RESORT_MS = 5000;

class Board {
  private readonly model: AnyModel;
  private readonly shell: Shell;
  private readonly speaking: Speaking;
  private readonly source: Source;
  private readonly grid: Grid;
  private readonly toolbar: Toolbar;
  private readonly actions: Actions;
  private readonly detail: Detail;
  private readonly nothing: HTMLElement;
  private settings: Settings;
  private inHand = "";
  private sortedAt = 0;

  constructor(model: AnyModel, shell: Shell) {
    this.model = model;
    this.shell = shell;
    this.speaking = { say: speaker(TEXTS, shell.lang), lang: shell.lang };
    this.settings = this.read();
    this.inHand = this.settings.opened;
    this.source = new Source(shell, () => this.settings, (fresh) => shell.steady(() => this.came(fresh)));
    this.toolbar = new Toolbar(this.speaking, this.settings, (change) => this.set(change));
    this.grid = new Grid(this.gridEvents(), this.speaking, this.settings);
    this.grid.isClosed = (head) => this.source.closed.has(head.key);
    this.actions = new Actions(shell, this.speaking, {
      open: (run) => this.open(run.id),
      compare: () => this.compare(),
      unchoose: () => this.set({ selected: [] }),
      acted: (run, act) => {
        if (act === "delete" && this.settings.opened === run.id) this.set({ opened: "" }, false);
        this.source.refresh();
      },
    });
    this.detail = new Detail(shell, this.speaking, (run_id) => this.open(run_id));
    this.nothing = h("p", { class: "wb-empty", hidden: true });
    this.grid.root.style.maxHeight = `${Number(model.get("height"))}px`;
    const list = h("div", { class: "bd-list" }, this.grid.root, this.nothing, this.actions.root);
    shell.body.append(this.toolbar.root, h("div", { class: "bd-main" }, list, this.detail.root));
    this.listen();
    void this.start();
  }

  private gridEvents(): ConstructorParameters<typeof Grid>[0] {
    return {
      need: (start, count) => this.source.need(start, count),
      item: (index) => this.source.item(index),
      activate: (run) => this.take(run),
      open: (run, byKey) => this.open(run.id, byKey),
      choose: (run) => this.choose(run),
      toggle: (head) => this.toggle(head),
      sort: (column) => this.sort(column),
      escape: () => this.open(""),
    };
  }

  private listen(): void {
    const { rpc } = this.shell;
    rpc.on<Run[]>("rows", (runs) => this.shell.steady(() => this.changed(runs)));
    rpc.on<{ gone: string[]; tally: Window["tally"] }>("stale", ({ gone }) => {
      this.source.refresh();
      this.detail.gone(gone);
      const selected = this.settings.selected.filter((id) => !gone.includes(id));
      if (selected.length < this.settings.selected.length) this.set({ selected }, false);
      void this.choices();
    });
    rpc.on<{ run: string; parts: string[] }>("touched", ({ run, parts }) => this.detail.touched(run, parts));
    rpc.on<Outcome>("acted", (outcome) => {
      this.actions.settle(outcome, this.source.run(outcome.run));
      if (outcome.error) this.shell.fail(new Problem(outcome.error.happened, outcome.error.expected, outcome.error.todo));
    });
    for (const name of TRAITS) this.model.on(`change:${name}`, this.heard);
    const clock = setInterval(() => this.shell.steady(() => this.grid.tick()), 1000);
    let width = 0;
    const observer = new ResizeObserver(([entry]) => {
      const now = entry?.contentRect.width ?? 0;
      if (Math.abs(now - width) < 1) return this.grid.draw();
      width = now;
      this.grid.layout();
    });
    observer.observe(this.grid.root);
    this.shell.atEnd(() => {
      clearInterval(clock);
      observer.disconnect();
      for (const name of TRAITS) this.model.off(`change:${name}`, this.heard);
    });
  }

  private async start(): Promise<void> {
    try {
      const { data } = await this.shell.rpc.hello<Hello>();
      this.shell.clear();
      this.toolbar.show(this.settings, data);
      this.source.need(0, 40);
      if (this.settings.opened) this.reveal(false);
    } catch (error) {
      this.shell.fail(error, () => void this.start());
    }
  }

  private async choices(): Promise<void> {
    const hello = await this.shell.rpc.newest<Hello["choices"]>("choices", "choices");
    this.toolbar.choose(hello.data);
  }

  /** The traits became other ones: here, in another view, or by Python. */
  private readonly heard = (): void => {
    const before = this.settings;
    this.settings = this.read();
    const asks = (["filter", "sort", "group"] as const).some((name) => JSON.stringify(before[name]) !== JSON.stringify(this.settings[name]));
    const settings = this.settings.columns.filter((column) => column.startsWith("config.") && !before.columns.includes(column));
    this.toolbar.show(this.settings);
    this.grid.layout(this.settings);
    this.actions.show(this.source.run(this.inHand) ?? null, this.settings);
    if (before.opened !== this.settings.opened) this.reveal(false);
    if (asks) this.grid.top();
    if (asks || settings.length) this.source.refresh();
  };

  private read(): Settings {
    const found = Object.fromEntries(TRAITS.map((name) => [name, this.model.get(name)])) as unknown as Settings;
    const filter: Filter = { text: "", state: [], kind: [], project: [], tag: [], ...(found.filter as Partial<Filter>) };
    return { ...found, filter };
  }

  private set(change: Partial<Settings>, told = true): void {
    for (const [name, value] of Object.entries(change)) this.model.set(name, name === "filter" ? spare(value as Filter) : value);
    this.model.save_changes();
    if (told) this.shell.showPython(setting(change));
  }

  private came(fresh: boolean): void {
    const { window } = this.source;
    if (!window) return;
    this.sortedAt = Date.now();
    this.toolbar.count(window);
    this.grid.size(window.total);
    if (fresh) this.grid.forget();
    else this.grid.draw();
    this.nothing.hidden = window.total > 0;
    this.grid.root.hidden = window.total === 0;
    this.nothing.textContent = this.speaking.say(window.all ? "no_match" : "none");
    this.actions.show(this.source.run(this.inHand) ?? null, this.settings);
  }

  private changed(runs: Run[]): void {
    for (const place of this.source.update(runs)) this.grid.redraw(place);
    for (const run of runs) this.detail.changed({ ...run, heard: Date.now() });
    if (runs.some((run) => run.id === this.inHand)) this.actions.show(this.source.run(this.inHand) ?? null, this.settings);
    if (LIVE_SORTS.has(this.settings.sort.replace(/^-/, "")) && Date.now() - this.sortedAt > RESORT_MS) this.source.refresh();
  }

  private take(run: Run): void {
    this.inHand = run.id;
    this.actions.show(run, this.settings);
  }

  private open(run_id: string, byKey = false): void {
    const inside = this.detail.root.contains(document.activeElement);
    this.set({ opened: run_id }, false);
    this.reveal(byKey);
    if (!run_id && inside) this.grid.root.focus();
    if (run_id) this.shell.showPython(`ws.run("${run_id}")`);
  }

  private reveal(byKey: boolean): void {
    this.detail.show(this.settings.opened);
    this.shell.body.classList.toggle("bd-with-detail", this.detail.shown);
    if (byKey) this.detail.focus();
    if (this.settings.opened) this.detail.root.scrollIntoView({ block: "nearest" });
  }

  private compare(): void {
    const chosen = this.settings.selected;
    this.set({ opened: "" }, false);
    void this.detail.compare(chosen).then(() => this.shell.body.classList.toggle("bd-with-detail", this.detail.shown));
  }

  private choose(run: Run): void {
    const { selected } = this.settings;
    this.set({ selected: selected.includes(run.id) ? selected.filter((other) => other !== run.id) : [...selected, run.id] });
  }

  private toggle(head: Head): void {
    if (!this.source.closed.delete(head.key)) this.source.closed.add(head.key);
    this.source.refresh();
  }

  private sort(column: string): void {
    const { sort } = this.settings;
    const falling = !sort.startsWith("-");
    if (sort.replace(/^-/, "") === column) this.set({ sort: falling ? `-${column}` : column });
    else this.set({ sort: FALLING.has(column) ? `-${column}` : column });
  }
}

export default {
  render({ model, el }: { model: AnyModel; el: HTMLElement }) {
    const shell = new Shell(model, el, "board", (lang) => TEXTS.board[lang]);
    new Board(model, shell);
    return () => shell.dispose();
  },
};
