// What the chart knows of its runs: their lines, as the kernel answered and as news came since.
//
// What lives here: lines by run and metric. What does not: asking (`view`), drawing (`draw`).
import { float64 } from "../base/rpc.ts";
import { place, Epochs, type AxisName } from "./axis.ts";
import { Average, Points, type Columns } from "./points.ts";

export interface RunInfo {
  id: string;
  name: string;
  state: string;
  differs: Record<string, string>;
}

export interface Catalogue {
  scopes: Record<string, string[]>;
  defaults: Record<string, string[]>;
  directions: Record<string, "min" | "max" | "">;
}

export interface SeriesReply {
  series: { run: string; name: string; points: number; smooth: number; total: number; ema: [number, number] }[];
  epochs: Record<string, [number, number][]>;
  failed: Record<string, string>;
}

export interface News {
  series: { run: string; scope: string; name: string; points: number }[];
  states: Record<string, string>;
  stale: string[];
  epochs: Record<string, [number, number][]>;
  grown: boolean;
}

/** What was asked for: `limit` is how many points a line holds. */
export interface Asked {
  scope: string;
  smoothing: number;
  limit: number;
}

/** One metric of one run. */
export interface Line {
  run: string;
  name: string;
  raw: Points;
  smooth: Points | null;
  average: Average;
  total: number;
  /** What is in view, in detail; null while all is. */
  detail: { raw: Points; smooth: Points | null } | null;
}

/** A part of some points: from `start` to before `stop`. */
export interface Piece {
  points: Points;
  start: number;
  stop: number;
}

const key = (run: string, name: string) => `${run}\n${name}`;

export class Store {
  readonly runs = new Map<string, RunInfo>();
  catalogue: Catalogue = { scopes: {}, defaults: {}, directions: {} };
  failed: Record<string, string> = {};
  /** The latest time of a point that came as news, in unix seconds. */
  newest_at = 0;
  private readonly lines = new Map<string, Line>();
  private readonly epochs = new Map<string, Epochs>();
  private held: { news: News; buffers: DataView[] }[] | null = null;

  line(run: string, name: string): Line | undefined {
    return this.lines.get(key(run, name));
  }

  epochsOf(run: string): Epochs | null {
    return this.epochs.get(run) ?? null;
  }

  get knowsEpochs(): boolean {
    return this.epochs.size > 0;
  }

  /** The time of a run's first point among all of its lines. */
  origin(run: string): number {
    let first = Infinity;
    for (const line of this.lines.values()) {
      if (line.run === run && line.raw.length) first = Math.min(first, line.raw.at[0] as number);
    }
    return first;
  }

  /** Forget all lines: other metrics are looked at. */
  clear(): void {
    this.lines.clear();
    this.epochs.clear();
  }

  /** Keep news aside until the answer to what was just asked is there: it may hold them already. */
  hold(): void {
    this.held ??= [];
  }

  /** Drop what was kept aside: no answer comes. */
  letGo(): void {
    this.held = null;
  }

  /** Take over an answer about all that there is. */
  take(reply: SeriesReply, buffers: DataView[], asked: Asked): void {
    const { scope, smoothing, limit } = asked;
    const before = new Map(this.lines);
    this.failed = reply.failed;
    this.lines.clear();
    this.unpack(reply, buffers, (told, raw, smooth) => {
      this.lines.set(key(told.run, told.name), {
        run: told.run,
        name: told.name,
        raw: new Points(raw, limit),
        smooth: smoothing ? new Points(smooth, limit) : null,
        average: new Average(smoothing, ...told.ema),
        total: told.total,
        detail: before.get(key(told.run, told.name))?.detail ?? null, // until there is a newer one
      });
    });
    for (const [run, starts] of Object.entries(reply.epochs)) this.epochs.set(run, new Epochs(starts));
    const held = this.held ?? [];
    this.held = null;
    for (const { news, buffers } of held) this.hear(news, buffers, scope, true);
  }

  /** Take over an answer about what is in view. */
  takeDetail(reply: SeriesReply, buffers: DataView[], { smoothing, limit }: Asked): void {
    this.unpack(reply, buffers, (told, raw, smooth) => {
      const line = this.line(told.run, told.name);
      if (line) line.detail = { raw: new Points(raw, limit), smooth: smoothing ? new Points(smooth, limit) : null };
    });
  }

  dropDetails(): void {
    for (const line of this.lines.values()) line.detail = null;
  }

  /** Add what has come; returns whether it measures again what is known, so that all is to be asked for anew. */
  hear(news: News, buffers: DataView[], scope: string, again = false): boolean {
    for (const [run, state] of Object.entries(news.states)) {
      const info = this.runs.get(run);
      if (info) info.state = state;
    }
    if (this.held) {
      this.held.push({ news, buffers });
      return false;
    }
    for (const [run, starts] of Object.entries(news.epochs)) {
      for (const [epoch, first] of starts) this.epochs.get(run)?.begin(epoch, first);
    }
    const [steps, at, values] = [float64(buffers[0]), float64(buffers[1]), float64(buffers[2])];
    let start = 0;
    let stale = false;
    for (const told of news.series) {
      const line = told.scope === scope ? this.line(told.run, told.name) : undefined;
      for (let n = start; line && n < start + told.points; n += 1) {
        const known = this.append(line, steps[n] as number, at[n] as number, values[n] as number);
        stale ||= !known && !again;
      }
      start += told.points;
    }
    return stale;
  }

  private append(line: Line, step: number, at: number, value: number): boolean {
    if (step <= line.raw.end) {
      const there = line.raw.find(step);
      return line.raw.steps[there] === step && Object.is(line.raw.values[there], value);
    }
    line.raw.push(step, at, value);
    line.smooth?.push(step, at, line.average.add(value));
    line.total += 1;
    this.newest_at = Math.max(this.newest_at, at);
    return true;
  }

  private unpack(
    reply: SeriesReply,
    buffers: DataView[],
    each: (told: SeriesReply["series"][number], raw: Columns, smooth: Columns) => void,
  ): void {
    const [steps, at, values] = [float64(buffers[0]), float64(buffers[1]), float64(buffers[2])];
    let start = 0;
    const cut = (count: number): Columns => {
      const stop = start + count;
      const found = { steps: steps.slice(start, stop), at: at.slice(start, stop), values: values.slice(start, stop) };
      start = stop;
      return found;
    };
    for (const told of reply.series) each(told, cut(told.points), cut(told.smooth));
  }
}

/** Return what is drawn of a line: what is in view in detail, and on both sides of it what is known roughly. */
export function pieces(line: Line, which: "raw" | "smooth"): Piece[] {
  const rough = line[which];
  const fine = line.detail?.[which];
  if (!rough) return [];
  if (!fine?.length) return [{ points: rough, start: 0, stop: rough.length }];
  return [
    { points: rough, start: 0, stop: rough.find(fine.steps[0] as number) },
    { points: fine, start: 0, stop: fine.length },
    { points: rough, start: rough.find(fine.end + 1), stop: rough.length },
  ].filter((piece) => piece.stop > piece.start);
}

/** Where the points of a line stand on an axis. */
export class Placing {
  private readonly axis: AxisName;
  private readonly origin: number;
  private readonly epochs: Epochs | null;

  constructor(store: Store, run: string, axis: AxisName, scope: string) {
    this.axis = axis;
    this.origin = axis === "relative" ? store.origin(run) : 0;
    this.epochs = axis === "epoch" && scope !== "epoch" ? store.epochsOf(run) : null;
  }

  of(points: Points, n: number): number {
    return place(this.axis, points.steps[n] as number, points.at[n] as number, this.origin, this.epochs);
  }

  /** Return the point of a line that is nearest to a place. */
  nearest(line: Line, x: number): { points: Points; n: number } | null {
    let found: { points: Points; n: number } | null = null;
    let least = Infinity;
    for (const { points, start, stop } of pieces(line, "raw")) {
      const after = this.search(points, start, stop, x);
      for (const n of [after - 1, after]) {
        const distance = n >= start && n < stop ? Math.abs(this.of(points, n) - x) : Infinity;
        if (distance < least) [found, least] = [{ points, n }, distance];
      }
    }
    return found;
  }

  /** Whether a line has a value at a place: it lies between its first and its last point, or not further than `slack`. */
  covers({ raw }: Line, x: number, slack: number): boolean {
    return raw.length > 0 && x >= this.of(raw, 0) - slack && x <= this.of(raw, raw.length - 1) + slack;
  }

  /** Return the steps between two places, both included; null when no point lies there. */
  steps(line: Line, low: number, high: number): [number, number] | null {
    const first = this.search(line.raw, 0, line.raw.length, low);
    const last = this.search(line.raw, 0, line.raw.length, high);
    if (!line.raw.length) return null;
    const from = line.raw.steps[Math.max(first - 1, 0)] as number;
    return [from, line.raw.steps[Math.min(last, line.raw.length - 1)] as number];
  }

  /** Return the first point from `start` on, before `stop`, that stands at `x` or behind it. */
  search(points: Points, start: number, stop: number, x: number): number {
    let [low, high] = [start, stop];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.of(points, middle) < x) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
