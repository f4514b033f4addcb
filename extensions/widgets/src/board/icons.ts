// A shape for each state, so that nobody needs its colour.
import { svg } from "../base/dom.ts";
import type { State } from "./types.ts";

const SHAPES: Record<State, { path: string; filled?: boolean }> = {
  queued: { path: "M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11M8 5v3.2l2.2 1.3" },
  running: { path: "M4.5 3v10l8.5-5z", filled: true },
  cancelling: { path: "M3.5 3.5h9v9h-9zM3.5 8h9v4.5h-9z" },
  cancelled: { path: "M3.5 3.5h9v9h-9zM3.5 12.5l9-9" },
  failed: { path: "M3.5 3.5l9 9M12.5 3.5l-9 9" },
  crashed: { path: "M8 2.5l6 11H2zM8 6.5v3.2M8 11.4v.4" },
  completed: { path: "M3 8.5l3.4 3.5L13 4.5" },
};

/** Return the shape of a state. */
export function icon(state: State): SVGSVGElement {
  const { path, filled } = SHAPES[state];
  return svg(
    "svg",
    { class: `bd-icon bd-is-${state}`, viewBox: "0 0 16 16", "aria-hidden": "true" },
    svg("path", { d: path, fill: filled ? "currentColor" : "none" }),
  );
}
