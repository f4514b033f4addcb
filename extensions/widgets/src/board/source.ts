// The rows that the view has been sent, and asking for those it lacks.
import type { Shell } from "../base/shell.ts";
import type { Item, Run, Settings, Window } from "./types.ts";

export class Source {
  readonly closed = new Set<string>();
  window: Omit<Window, "items" | "start"> | null = null;
  private readonly shell: Shell;
  private readonly settings: () => Settings;
  private readonly changed: (fresh: boolean) => void;
  private items = new Map<number, Item>();
  private places = new Map<string, number>();
  private generation = 0;
  private last = { start: 0, count: 40 };

  /** `changed` is called when rows have come; with true when the order may be another one. */
  constructor(shell: Shell, settings: () => Settings, changed: (fresh: boolean) => void) {
    this.shell = shell;
    this.settings = settings;
    this.changed = changed;
  }

  item(index: number): Item | undefined {
    return this.items.get(index);
  }

  place(run_id: string): number | undefined {
    return this.places.get(run_id);
  }

  run(run_id: string): Run | undefined {
    const place = this.places.get(run_id);
    return place === undefined ? undefined : this.items.get(place)?.run;
  }

  /** Ask for rows that are lacking. */
  need(start: number, count: number): void {
    this.last = { start, count };
    this.ask(false);
  }

  /** Ask for the rows in view anew: something has changed. Those that are there stay until then. */
  refresh(): void {
    this.generation += 1;
    this.ask(true);
  }

  /** Take over rows that changed; returns their places. */
  update(runs: Run[]): number[] {
    const places = [];
    for (const run of runs) {
      const place = this.places.get(run.id);
      if (place === undefined) continue;
      const before = this.items.get(place)?.run;
      // Another view may have asked for other settings.
      this.items.set(place, { run: { ...run, settings: { ...before?.settings, ...run.settings }, heard: Date.now() } });
      places.push(place);
    }
    return places;
  }

  private ask(fresh: boolean): void {
    const { filter, sort, group, columns } = this.settings();
    const fields = columns.filter((column) => column.startsWith("config.")).map((column) => column.slice("config.".length));
    const generation = this.generation;
    const body = { filter, sort, group, fields, closed: [...this.closed], ...this.last };
    this.shell.rpc.newest<Window>("rows", "rows", body).then(
      ({ data }) => {
        if (generation === this.generation) this.take(data, fresh);
      },
      (error: unknown) => this.shell.fail(error, () => this.refresh()),
    );
  }

  private take(data: Window, fresh: boolean): void {
    const { items, start, ...rest } = data;
    const moved = fresh || rest.version !== this.window?.version || rest.total !== this.window.total;
    if (moved) {
      this.items = new Map();
      this.places = new Map();
    }
    const heard = Date.now();
    items.forEach((item, offset) => {
      if (item.run) {
        item.run.heard = heard;
        this.places.set(item.run.id, start + offset);
      }
      this.items.set(start + offset, item);
    });
    this.window = rest;
    this.changed(moved);
  }
}
