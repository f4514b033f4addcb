// The horizontal axis: from a point's step and time to where it stands, and back.
//
// What lives here: numbers and their texts. What does not: pixels (`panel`).
import { duration, number } from "../base/format.ts";
import { lowerBound } from "./points.ts";

export type AxisName = "step" | "epoch" | "time" | "relative";
export const AXES: readonly AxisName[] = ["step", "epoch", "time", "relative"];

/** At which step each epoch of a run begins. */
export class Epochs {
  private readonly epochs: number[] = [];
  private readonly firsts: number[] = [];

  constructor(starts: readonly (readonly [number, number])[] = []) {
    for (const [epoch, first] of starts) this.begin(epoch, first);
  }

  /** Note that an epoch begins; one that is known, or lies before the last one, changes nothing. */
  begin(epoch: number, first: number): void {
    if (this.epochs.length && epoch <= (this.epochs.at(-1) as number)) return;
    this.epochs.push(epoch);
    this.firsts.push(first);
  }

  /** Return the epochs that are over behind a step, with its part of the one that goes on; the last step of epoch 3 is 3. */
  at(step: number): number {
    const last = this.epochs.length - 1;
    if (last < 0) return step;
    const place = Math.max(0, Math.min(last, lowerBound(this.firsts, step + 1) - 1));
    const first = this.firsts[place] as number;
    return (this.epochs[place] as number) - 1 + (step - first + 1) / this.steps(place);
  }

  private steps(place: number): number {
    const last = this.epochs.length - 1;
    const from = place < last || last === 0 ? place : place - 1; // the last one may not be over: as long as the one before
    const next = this.firsts[from + 1];
    if (next === undefined) return 1000; // of a first epoch nobody knows how long it is
    return Math.max(1, (next - (this.firsts[from] as number)) / ((this.epochs[from + 1] as number) - (this.epochs[from] as number)));
  }
}

/** Return where a point stands. `origin` is the time of its run's first point. */
export function place(axis: AxisName, step: number, at: number, origin: number, epochs: Epochs | null): number {
  if (axis === "time") return at;
  if (axis === "relative") return at - origin;
  return axis === "epoch" && epochs ? epochs.at(step) : step;
}

/** Return a place on the axis as people read it. */
export function placeText(axis: AxisName, x: number, lang: string): string {
  if (axis === "time") return new Date(x * 1000).toLocaleString(lang);
  if (axis === "relative") return duration(x);
  if (axis === "epoch") return number(x, 5);
  return Math.round(x).toLocaleString("en-US");
}
