// The images of a filter as the kernel gives them: rows by place, thumbnails as bitmaps that are closed when they go.
import type { Rpc } from "../base/rpc.ts";
import { Lru } from "./cache.ts";
import type { Filter, LateData, Row, WindowData } from "./types.ts";

const BITMAP_BYTES = 48_000_000;
const ROWS = 6000;
const MOST = 400;
const AGAIN_MS = 60;

export interface Listener {
  /** Rows or pictures of the places from `start` up to `stop` are there. */
  arrived: (start: number, stop: number) => void;
  failed: (error: unknown, again: () => void) => void;
}

/** Decode a picture; null when it cannot be. */
export async function decode(buffer: DataView | undefined): Promise<ImageBitmap | null> {
  if (!buffer?.byteLength) return null;
  const bytes = new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.byteLength);
  return createImageBitmap(new Blob([bytes], { type: "image/webp" })).catch(() => null);
}

/** Rows and thumbnails of a filter. */
export class Source {
  total = 0;
  private filter: Filter = { where: "", sql: "" };
  private size = 128;
  private era = 0;
  private asking: [number, number] | null = null;
  private rows = new Lru<Row>(ROWS);
  private bitmaps = new Lru<ImageBitmap>(1);
  private view: [number, number] = [0, 0];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly rpc: Rpc;
  private readonly listener: Listener;

  constructor(rpc: Rpc, listener: Listener) {
    this.rpc = rpc;
    this.listener = listener;
    this.resize(this.size);
  }

  /** Look at other images. */
  choose(filter: Filter, total: number): void {
    this.filter = filter;
    this.total = total;
    this.refresh();
  }

  /** Forget the rows, e.g. because others were selected elsewhere; thumbnails stay. */
  refresh(): void {
    this.era += 1;
    this.asking = null;
    this.rows.clear();
  }

  /** Ask for thumbnails of another size from now on, in pixels. */
  resize(size: number): void {
    this.size = size;
    this.bitmaps.clear();
    this.bitmaps = new Lru<ImageBitmap>(Math.floor(BITMAP_BYTES / (size * size * 4)), (bitmap) => bitmap.close());
    this.refresh();
  }

  row(place: number): Row | undefined {
    return this.rows.get(place);
  }

  bitmap(row: Row): ImageBitmap | undefined {
    return this.bitmaps.get(row.id);
  }

  /** Whether a place has all that is to be shown of it. */
  isDone(place: number): boolean {
    const row = this.rows.get(place);
    return row !== undefined && (row.problem !== "" || this.bitmaps.has(row.id));
  }

  /**
   * Have the places from `start` up to `stop`; what was asked for before and has not been sent is given up.
   *
   * `beyond` says how many more come into view next, those before `start` when it is negative: they are asked for in one
   * go when most of what is in view is there, for that is somebody scrolling.
   */
  want(start: number, stop: number, beyond = 0): void {
    this.view = [start, stop];
    const missing = this.missing(start, stop);
    if (!missing) {
      this.ahead(start, stop, beyond);
      this.later();
      return;
    }
    const [first, last] = missing;
    if (last - first === stop - start) this.ask(first, last);
    else if (beyond < 0) this.ask(Math.max(first + beyond, 0), last);
    else this.ask(first, Math.min(last + beyond, this.total));
  }

  /** Return the row of one place, asked for when it is not known. */
  async fetch(place: number): Promise<Row | null> {
    const body = { ...this.filter, start: place, count: 1, pictures: false };
    const { data } = await this.rpc.ask<WindowData>("window", body);
    return data.rows[0] ?? null;
  }

  /** Say which of the known rows are selected. */
  mark(change: (place: number, row: Row) => boolean): void {
    for (const [place, row] of this.rows.entries()) row.picked = change(Number(place), row);
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.era += 1;
    this.bitmaps.clear();
    this.rows.clear();
  }

  /** Have what comes next before it comes into view, as soon as half of it is missing. */
  private ahead(start: number, stop: number, beyond: number): void {
    const next: [number, number] = beyond < 0 ? [Math.max(start + beyond, 0), start] : [stop, Math.min(stop + beyond, this.total)];
    const missing = this.asking ? null : this.missing(...next);
    if (missing && (missing[1] - missing[0]) * 2 > next[1] - next[0]) this.ask(...missing);
  }

  /** Return the first and behind the last place of which something is neither there nor on its way. */
  private missing(start: number, stop: number): [number, number] | null {
    let [first, last] = [stop, start];
    for (let place = start; place < stop; place++) {
      if (this.asking && place >= this.asking[0] && place < this.asking[1]) continue;
      const row = this.rows.get(place);
      if (row && (row.problem || row.thumb === -1 || this.bitmaps.has(row.id))) continue;
      first = Math.min(first, place);
      last = place + 1;
    }
    return first < last ? [first, last] : null;
  }

  private ask(start: number, behind: number): void {
    const stop = Math.min(behind, start + MOST);
    const { era, size } = this;
    const body = { ...this.filter, start, count: stop - start, size };
    const asking: [number, number] = [start, stop];
    this.asking = asking;
    this.rpc
      .newest<WindowData>("window", "window", body)
      .then(({ data, buffers }) => (era === this.era ? this.store(data, buffers, size) : undefined))
      .catch((error: unknown) => era === this.era && this.listener.failed(error, () => this.want(...this.view)))
      .finally(() => (this.asking = this.asking === asking ? null : this.asking));
  }

  private async store(data: WindowData, buffers: DataView[], size: number): Promise<void> {
    const { era } = this;
    await Promise.all(data.rows.map((row) => this.keep(row, row.thumb, buffers, size)));
    if (era !== this.era) return;
    data.rows.forEach((row, at) => this.rows.set(data.start + at, row));
    this.listener.arrived(data.start, data.start + data.rows.length);
    this.later();
  }

  private async keep(row: Row, thumb: number, buffers: DataView[], size: number): Promise<void> {
    if (thumb < 0 || this.bitmaps.has(row.id)) return;
    const bitmap = await decode(buffers[thumb]);
    if (!bitmap) row.problem = "the browser cannot decode it";
    else if (size === this.size) this.bitmaps.set(row.id, bitmap);
    else bitmap.close();
  }

  /** Ask again for thumbnails in view that were being made. */
  private later(): void {
    this.timer ??= setTimeout(() => ((this.timer = undefined), void this.askLate()), AGAIN_MS);
  }

  private async askLate(): Promise<void> {
    const late = new Map<number, [number, Row]>();
    for (let place = this.view[0]; place < this.view[1]; place++) {
      const row = this.rows.get(place);
      if (row && !row.problem && row.thumb === -1 && !this.bitmaps.has(row.id)) late.set(row.id, [place, row]);
    }
    if (!late.size) return;
    const { era, size } = this;
    try {
      const { data, buffers } = await this.rpc.newest<LateData>("late", "late", { ids: [...late.keys()].slice(0, MOST), size });
      if (era !== this.era) return;
      await Promise.all(data.thumbs.map((each) => this.receive(late.get(each.id), each, buffers, size)));
    } catch (error) {
      if (era === this.era) this.listener.failed(error, () => this.want(...this.view));
      return;
    }
    this.later();
  }

  private async receive(known: [number, Row] | undefined, told: LateData["thumbs"][number], buffers: DataView[], size: number): Promise<void> {
    if (!known) return;
    const [place, row] = known;
    row.problem = told.problem;
    row.shapes = told.shapes ?? row.shapes; // a mask is read with its picture
    await this.keep(row, told.thumb, buffers, size);
    if (row.problem || told.thumb >= 0) this.listener.arrived(place, place + 1);
  }
}
