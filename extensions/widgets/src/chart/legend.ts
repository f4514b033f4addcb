// The runs, each with its line, the settings in which it differs, and where it stands; a click hides or shows it.
import { button, h, replace, svg } from "../base/dom.ts";
import { lineStyle } from "../base/theme.ts";
import type { Texts } from "./panel.ts";
import type { RunInfo, Store } from "./store.ts";
import type { TEXTS } from "./texts.ts";

const SETTINGS = 3;

/** Return a short piece of the n-th line. */
export function swatch(index: number): SVGSVGElement {
  const { color, dash } = lineStyle(index);
  const line = svg("line", { x1: 1, y1: 5, x2: 21, y2: 5, stroke: color, "stroke-width": 2.5, "stroke-dasharray": dash.join(" ") || null });
  return svg("svg", { class: "wbc-swatch", width: 22, height: 10, "aria-hidden": "true" }, line);
}

/** Return what tells a run from the others: the settings in which it differs, else its name. */
export function label(run: RunInfo): string {
  const settings = Object.entries(run.differs).map(([name, value]) => `${name}=${value}`);
  const more = settings.length > SETTINGS ? ", …" : "";
  return settings.slice(0, SETTINGS).join(", ") + more || run.name || run.id;
}

/** Return the labels of all runs; those that are alike get the runs' ids. */
export function labels(runs: Iterable<RunInfo>): Map<string, string> {
  const all = [...runs];
  const counts = new Map<string, number>();
  for (const run of all) counts.set(label(run), (counts.get(label(run)) ?? 0) + 1);
  return new Map(all.map((run) => [run.id, (counts.get(label(run)) ?? 0) > 1 ? `${label(run)} · ${run.name || run.id}` : label(run)]));
}

export class Legend {
  readonly root: HTMLElement;
  private readonly say: Texts;
  private readonly toggle: (run: string, alone: boolean) => void;

  constructor(say: Texts, toggle: (run: string, alone: boolean) => void) {
    this.say = say;
    this.toggle = toggle;
    this.root = h("div", { class: "wbc-legend", role: "group", "aria-label": say("runs") });
  }

  update(store: Store, names: Map<string, string>, hidden: ReadonlySet<string>): void {
    const focused = this.root.contains(document.activeElement) ? document.activeElement?.getAttribute("data-run") : null;
    replace(this.root, ...[...store.runs.values()].map((run, index) => this.chip(run, index, names, hidden, store.failed[run.id])));
    if (focused) this.root.querySelector<HTMLElement>(`[data-run="${CSS.escape(focused)}"]`)?.focus();
  }

  private chip(run: RunInfo, index: number, names: Map<string, string>, hidden: ReadonlySet<string>, failed = ""): HTMLElement {
    const settings = Object.entries(run.differs).map(([name, value]) => `${name}=${value}`);
    const chip = button("", () => this.toggle(run.id, false), {
      class: "wbc-chip",
      "data-run": run.id,
      "aria-pressed": String(!hidden.has(run.id)),
      title: [run.name, run.id, ...settings, failed].filter(Boolean).join("\n"),
      dblclick: () => this.toggle(run.id, true),
    });
    const known = run.state as keyof typeof TEXTS;
    const state = h("span", { class: "wbc-state", "data-state": run.state }, this.say(known));
    replace(chip, swatch(index), h("span", { class: "wbc-name" }, names.get(run.id)), state, failed ? h("span", { class: "wbc-failed" }, failed) : null);
    return chip;
  }
}
