// Questions to the kernel and their answers.
//
// What lives here: one request, one answer, by id; pushes; what to do when no answer comes. What does not: what is
// asked (each widget), how a problem is shown (`shell`).
import type { AnyModel } from "@anywidget/types";

export const VERSION = 1;
const PATIENCE_MS = 30_000;

/** What the kernel answers: plain data, and arrays as bytes; `python` is the line that does the same. */
export interface Reply<Data> {
  data: Data;
  buffers: DataView[];
  python: string;
}

/** An error in three beats: what happened, what was expected, what to do. */
export class Problem extends Error {
  readonly happened: string;
  readonly expected: string;
  readonly todo: string;

  constructor(happened: string, expected = "", todo = "") {
    super([happened, expected, todo].filter(Boolean).join(" "));
    this.happened = happened;
    this.expected = expected;
    this.todo = todo;
  }
}

/** Nobody answered in time: the kernel is busy, was restarted, or is gone. */
export class Silence extends Problem {}

interface Waiting {
  resolve: (reply: Reply<never>) => void;
  reject: (problem: Problem) => void;
  timer: ReturnType<typeof setTimeout>;
}

interface Envelope {
  v: number;
  id?: string;
  kind: "ok" | "error" | "push";
  topic?: string;
  seq?: number;
  data?: unknown;
  python?: string;
}

export type Model = Pick<AnyModel, "get" | "set" | "on" | "off" | "send" | "save_changes">;
type Listener = (data: never, buffers: DataView[], seq: number) => void;

let views = 0;

/** One view's line to its widget in the kernel. */
export class Rpc {
  readonly view: string;
  private readonly model: Model;
  private readonly waiting = new Map<string, Waiting>();
  private readonly listeners = new Map<string, Listener[]>();
  private readonly latest = new Map<string, { busy: boolean; next: (() => void) | null }>();
  private readonly heard = (message: Envelope, buffers: DataView[] = []) => this.hear(message, buffers);
  private count = 0;

  constructor(model: Model) {
    this.model = model;
    views += 1;
    this.view = `${Date.now().toString(36)}-${views}-${Math.random().toString(36).slice(2, 8)}`;
    model.on("msg:custom", this.heard);
  }

  /** Ask one question. Rejects with a `Problem`; with a `Silence` when nobody answers within `patience_ms`. */
  ask<Data>(kind: string, body: Record<string, unknown> = {}, patience_ms = PATIENCE_MS): Promise<Reply<Data>> {
    this.count += 1;
    const id = `${this.view}:${this.count}`;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(id);
        reject(new Silence(`The kernel has not answered for ${Math.round(patience_ms / 1000)} s.`));
      }, patience_ms);
      this.waiting.set(id, { resolve: resolve as Waiting["resolve"], reject, timer });
      this.model.send({ v: VERSION, id, kind, view: this.view, ...body });
    });
  }

  /**
   * Ask a question of which only the newest matters, e.g. for what is in view: one is under way at a time, and of
   * those that come meanwhile the last one is asked. The others never settle.
   */
  newest<Data>(channel: string, kind: string, body: Record<string, unknown> = {}): Promise<Reply<Data>> {
    return new Promise((resolve, reject) => {
      const line = this.latest.get(channel) ?? { busy: false, next: null };
      this.latest.set(channel, line);
      const go = () => {
        line.busy = true;
        line.next = null;
        this.ask<Data>(kind, body)
          .then(resolve, reject)
          .finally(() => {
            line.busy = false;
            line.next?.();
          });
      };
      if (line.busy) line.next = go;
      else go();
    });
  }

  /** Hear what the kernel sends unasked under a topic. */
  on<Data>(topic: string, listener: (data: Data, buffers: DataView[], seq: number) => void): void {
    this.listeners.set(topic, [...(this.listeners.get(topic) ?? []), listener as Listener]);
  }

  /** Say that a view is there; the first message of a widget may wait for a busy kernel, so let it be this one. */
  hello<Data>(): Promise<Reply<Data>> {
    return this.ask<Data>("hello");
  }

  /** Say that the view is gone. */
  dispose(): void {
    this.model.send({ v: VERSION, id: `${this.view}:bye`, kind: "bye", view: this.view });
    this.model.off("msg:custom", this.heard);
    for (const { timer } of this.waiting.values()) clearTimeout(timer);
    this.waiting.clear();
  }

  private hear(message: Envelope, buffers: DataView[]): void {
    if (message.kind === "push") {
      for (const listener of this.listeners.get(message.topic ?? "") ?? []) {
        listener(message.data as never, buffers, message.seq ?? 0);
      }
      return;
    }
    const waiting = this.waiting.get(message.id ?? "");
    if (!waiting) return; // an answer to another view of the same widget, or one that came too late
    this.waiting.delete(message.id ?? "");
    clearTimeout(waiting.timer);
    if (message.kind === "ok") {
      waiting.resolve({ data: message.data as never, buffers, python: message.python ?? "" });
      return;
    }
    const told = message.data as { happened: string; expected?: string; todo?: string };
    waiting.reject(new Problem(told.happened, told.expected, told.todo));
  }
}

/** Return a buffer as float64 values, whatever its place in the message. */
export function float64(view: DataView | undefined): Float64Array {
  return view ? new Float64Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength)) : new Float64Array();
}

/** Return a buffer as float32 values. */
export function float32(view: DataView | undefined): Float32Array {
  return view ? new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength)) : new Float32Array();
}
