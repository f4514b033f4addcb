// What stands in a cell of the board.
import { h, svg } from "../base/dom.ts";
import { number } from "../base/format.ts";
import type { Say } from "../base/texts.ts";
import { icon } from "./icons.ts";
import { elapsed, moment, remaining, span } from "./moments.ts";
import { lastNumber, sparkPath } from "./spark.ts";
import type { Key } from "./texts.ts";
import type { Plain, Run, State } from "./types.ts";

export interface Speaking {
  say: Say<Key>;
  lang: "en" | "ko";
}

type Content = Node | string;
const SPARK = { width: 66, height: 18 };

/** Return what a run is called. */
export function title(run: { id: string; name: string }): string {
  return run.name || run.id;
}

/** Return a setting's value as text. */
export function written(value: Plain | undefined): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return number(value, 6);
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Return a state as its shape and its word. */
export function stateMark(state: State, say: Say<Key>, suffix = ""): HTMLElement {
  return h("span", { class: "bd-state" }, icon(state), h("span", {}, say(state) + suffix));
}

/** Return what stands in a column of a run. */
export function cell(column: string, run: Run, speaking: Speaking, now_ms: number): Content {
  const make = CELLS[column];
  if (make) return make(run, speaking, now_ms);
  return written(run.settings[column.replace(/^config\./, "")]);
}

const CELLS: Record<string, (run: Run, speaking: Speaking, now_ms: number) => Content> = {
  state: (run, { say }) => stateMark(run.state, say),
  name: (run) => h("span", { class: run.name ? "bd-name" : "bd-name bd-nameless", title: `${title(run)}\n${run.id}` }, title(run)),
  id: (run) => h("code", { class: "bd-id" }, run.id),
  kind: (run) => run.notebook,
  model: (run) => run.model ?? "–",
  dataset: (run) => run.dataset ?? "–",
  project: (run) => run.project,
  session: (run) => run.session,
  tags: (run) => run.tags.join(", ") || "–",
  progress: (run, speaking, now_ms) => progress(run, speaking, now_ms),
  eta: (run, { lang }, now_ms) => (run.state === "running" ? span(remaining(run, now_ms), lang) : "–"),
  place: (run, { say }) => (run.place ? placeOf(run.place, say) : "–"),
  headline: (run) => headline(run),
  spark: (run, { say }) => spark(run, say),
  created: (run, { lang }) => moment(run.created, lang),
  started: (run, { lang }) => moment(run.started, lang),
  duration: (run, { lang }, now_ms) => span(elapsed(run, now_ms), lang),
  attempt: (run) => (run.attempt ? String(run.attempt) : "–"),
};

/** Return how far a run has come, in words. */
export function progressText(run: Run, { say, lang }: Speaking, now_ms: number): string {
  if (run.damage) return say("damaged");
  if (run.state === "queued") {
    const wait_s = run.due_at === null ? 0 : run.due_at - now_ms / 1000;
    if (wait_s > 1) return say("again_in", { t: span(wait_s, lang) });
    return run.place ? placeOf(run.place, say) : say("starting");
  }
  if (run.epoch && run.epochs) return say("epoch", { k: run.epoch, n: run.epochs });
  if (run.epoch) return say("epoch_only", { k: run.epoch });
  return run.phase || "–";
}

function progress(run: Run, speaking: Speaking, now_ms: number): Content {
  const text = progressText(run, speaking, now_ms);
  const words = h("span", { class: "bd-progress-text", title: run.damage || run.reason || text }, text);
  if (run.fraction === null || run.state === "queued") return words;
  const bar = h("span", { class: `bd-bar bd-is-${run.state}`, "aria-hidden": "true" }, h("span", {}));
  (bar.firstElementChild as HTMLElement).style.width = `${Math.round(run.fraction * 1000) / 10}%`;
  return h("span", { class: "bd-progress" }, words, bar);
}

function placeOf(place: { number: number; slot: string }, say: Say<Key>): string {
  return place.slot ? say("place_for", { n: place.number, slot: place.slot }) : say("place", { n: place.number });
}

function headline(run: Run): Content {
  if (!run.headline) return "–";
  const { name, value, nan } = run.headline;
  return h("span", { title: name, class: run.headline.final ? "bd-final" : "" }, nan ? "NaN" : number(value, 4));
}

function spark(run: Run, say: Say<Key>): Content {
  const { points, name } = run.spark;
  if (!points.length) return h("span", { class: "wb-quiet", title: say("no_points") }, "–");
  const last = lastNumber(points);
  if (last < 0) return h("span", { class: "wb-quiet", title: name }, say("nan_only"));
  const told = say("points", { name, n: points.length, first: number(points.find((value) => value !== null)), last: number(points[last]) });
  const path = sparkPath(points, SPARK.width, SPARK.height);
  const lone = points.filter((value) => value !== null).length === 1;
  return svg(
    "svg",
    { class: "bd-spark", viewBox: `-2 -2 ${SPARK.width + 4} ${SPARK.height + 4}`, role: "img", "aria-label": told },
    svg("title", {}, told),
    svg("path", { d: lone ? `${path}h0.1` : path }),
  );
}
