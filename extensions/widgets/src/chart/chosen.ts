// What is chosen to be shown: the widget's traits, which Python and all views of the widget share.
//
// What lives here: reading them with their defaults, and setting them by hand. What does not: what follows (`view`).
import type { Model } from "../base/rpc.ts";
import type { Shell } from "../base/shell.ts";
import { AXES, type AxisName } from "./axis.ts";
import type { Store } from "./store.ts";

export const TRAITS = ["metrics", "scope", "axis", "smoothing", "log_y", "hidden", "zoom"] as const;
export type Trait = (typeof TRAITS)[number];

export class Chosen {
  private readonly model: Model;
  private readonly shell: Shell;
  private readonly store: Store;
  private first = "";

  constructor(model: Model, shell: Shell, store: Store) {
    this.model = model;
    this.shell = shell;
    this.store = store;
  }

  get axis(): AxisName {
    const told = this.model.get("axis") as AxisName;
    return AXES.includes(told) ? told : "step";
  }

  get log(): boolean {
    return Boolean(this.model.get("log_y"));
  }

  /**
   * The scope: without one told, the first that there was, also when an earlier one comes later. What the machine did
   * is measured before anything is learned: it gives way to the first losses.
   */
  get scope(): string {
    const there = Object.keys(this.store.catalogue.scopes);
    if (!there.includes(this.first) || this.first === "system") this.first = there[0] ?? "";
    return String(this.model.get("scope") ?? "") || this.first;
  }

  /** The metrics: without any told that there are, the kernel's choice. */
  get metrics(): string[] {
    const all = this.store.catalogue.scopes[this.scope] ?? [];
    const standard = this.store.catalogue.defaults[this.scope] ?? [];
    const chosen = this.model.get("metrics") as string[] | null;
    if (!chosen) return standard;
    const found = chosen.filter((name) => all.includes(name));
    return found.length || !chosen.length ? found : standard;
  }

  get smoothing(): number {
    return Number(this.model.get("smoothing")) || 0;
  }

  get hidden(): Set<string> {
    return new Set(this.model.get("hidden") as string[]);
  }

  get zoom(): [number, number] | null {
    return (this.model.get("zoom") as [number, number] | null) ?? null;
  }

  /** Choose by hand, and show the line of Python that does the same. */
  set(trait: Trait, value: unknown): void {
    this.model.set(trait, value);
    this.model.save_changes();
    this.shell.showPython(`chart.${trait} = ${python(value)}`);
  }

  /** Choose another axis; a range of the old one means nothing on it. */
  setAxis(name: AxisName): void {
    this.model.set("zoom", null);
    this.set("axis", name);
  }
}

function python(value: unknown): string {
  if (typeof value === "boolean") return value ? "True" : "False";
  if (value === null) return "None";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  return typeof value === "number" ? value.toPrecision(8).replace(/(\.\d*?)0+(e|$)/, "$1$2").replace(/\.(e|$)/, "$1") : JSON.stringify(value);
}
