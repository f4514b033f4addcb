// What the kernel says of runs, as `workbench/widgets/state/board*.py` forms it.

export type State = "queued" | "running" | "cancelling" | "cancelled" | "failed" | "crashed" | "completed";
export type Act = "cancel" | "resume" | "restart" | "delete";
export type Plain = string | number | boolean | null | Plain[] | { [key: string]: Plain };

export const STATES: readonly State[] = ["running", "queued", "cancelling", "completed", "failed", "crashed", "cancelled"];
export const ACTS: readonly Act[] = ["cancel", "resume", "restart", "delete"];

export interface Run {
  id: string;
  name: string;
  kind: string;
  notebook: string;
  project: string;
  session: string;
  tags: string[];
  model: string | null;
  dataset: string | null;
  created: string;
  state: State;
  going: boolean;
  reason: string;
  attempt: number;
  started: number | null;
  duration_s: number | null;
  epoch: number | null;
  epochs: number | null;
  phase: string;
  eta_s: number | null;
  fraction: number | null;
  due_at: number | null;
  place: { number: number; slot: string } | null;
  headline: { name: string; value: number | null; final: boolean; nan?: boolean } | null;
  spark: { name: string; scope: string; points: (number | null)[] };
  hindrances: Record<Act, string>;
  busy: Act | "";
  damage: string;
  settings: Record<string, Plain>;
  heard?: number; // when this was received, in ms: durations are counted on from here
}

export interface Head {
  key: string;
  label: string | null;
  count: number;
  states: Partial<Record<State, number>>;
}

export type Item = { run: Run; head?: undefined } | { head: Head; run?: undefined };

export interface Window {
  version: number;
  start: number;
  items: Item[];
  total: number;
  matching: number | null;
  all: number;
  tally: Partial<Record<State, number>>;
}

export interface Filter {
  text: string;
  state: State[];
  kind: string[];
  project: string[];
  tag: string[];
}

export interface Hello {
  workspace: string;
  choices: { kind: string[]; project: string[]; tag: string[] };
  columns: string[];
  groups: string[];
  settings: string[];
  total: number;
}

/** What the view is set to: kept in the widget's traits, so that Python and a reloaded page see the same. */
export interface Settings {
  filter: Filter;
  sort: string;
  group: string;
  columns: string[];
  selected: string[];
  opened: string;
}
