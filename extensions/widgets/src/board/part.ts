// A part of a run's details: what all parts are given, and what they can do.
import { h, replace } from "../base/dom.ts";
import type { Shell } from "../base/shell.ts";
import type { Speaking } from "./cells.ts";
import type { Facts } from "./detail_types.ts";

export interface Context {
  shell: Shell;
  speaking: Speaking;
  facts: Facts;
  open: (run_id: string) => void;
}

/** What stands under a tab. It asks for what it needs when it is made, and again when told that a file grew. */
export interface Part {
  readonly root: HTMLElement;
  /** The files that it is made from: `log`, `metrics`, `state`, `media`. */
  readonly reads: readonly string[];
  /** How often it is to be made anew at most, in milliseconds. */
  readonly pace_ms: number;
  refresh(context: Context): void;
  dispose(): void;
}

/** Put a sentence where there is nothing to show. */
export function sayNothing(root: HTMLElement, text: string): void {
  replace(root, h("p", { class: "wb-empty" }, text));
}

/** Ask for something of a run; a failure is shown in its place, since it is about this part only. */
export function ask<Data>(context: Context, root: HTMLElement, kind: string, body: Record<string, unknown>, done: (data: Data, buffers: DataView[], python: string) => void): void {
  const { run } = context.facts;
  context.shell.rpc.newest<Data>(`detail:${kind}`, kind, { run: run.id, ...body }).then(
    ({ data, buffers, python }) => done(data, buffers, python),
    (error: unknown) => {
      const told = error instanceof Error ? error.message : String(error);
      replace(root, h("p", { class: "wb-problem", role: "alert" }, told));
    },
  );
}
