// What a view knows of a conversation: rows by turn, what was typed before, and which keys mean what. No DOM.

export interface Change {
  field: string;
  label: string;
  before: string;
  after: string;
  source: string;
  source_label: string;
  evidence: string;
}

export interface Refusal {
  field: string;
  text: string;
  nearest: unknown;
  nearest_label: string;
}

export interface Card {
  id: string;
  action: string;
  action_label: string;
  lines: string[];
  state: "open" | "confirmed" | "declined" | "stale" | "done" | "failed";
  state_label: string;
  outcome: string;
  run: string;
  url: string;
}

export interface Row {
  id: string;
  at: string;
  by: "chat" | "form" | "click";
  lang: "en" | "ko";
  intent: string;
  text: string;
  click: string;
  of: string;
  changes: Change[];
  back: "" | "undo" | "redo" | "gone";
  refusals: Refusal[];
  suggestions: { label: string; accepted: boolean }[];
  question: { text: string; options: string[]; answered: number | null } | null;
  card: Card | null;
  words: string[];
  said: string;
  engine: string;
  fallback: string;
  tokens: number;
  sent: boolean;
}

export interface Session {
  id: string;
  name: string;
  project: string;
}

export interface Beats {
  happened: string;
  expected: string;
  todo: string;
}

export interface Head {
  session: Session;
  gone: Beats | null;
  engine: "rules" | "gemini";
  model: string;
  engines: string[];
  undo: boolean;
  redo: boolean;
  changed: number;
  tokens: number;
  sending: { datasets: number; runs: number };
}

export interface Going {
  ticket: number;
  text: string;
  words: string;
  note: string;
  card: string;
}

export interface Hello {
  rows: Row[];
  earlier: boolean;
  head: Head;
  going: Going[];
}

/** The rows of a conversation, in the order of their turns. */
export class Rows {
  private rows = new Map<string, Row>();

  /** Take rows that are new, or otherwise; returns the ids of those that are not what they were. */
  merge(rows: Row[]): string[] {
    const changed = rows.filter((row) => JSON.stringify(this.rows.get(row.id)) !== JSON.stringify(row));
    for (const row of changed) this.rows.set(row.id, row);
    return changed.map((row) => row.id);
  }

  /** Forget all. */
  clear(): void {
    this.rows = new Map();
  }

  get(id: string): Row | undefined {
    return this.rows.get(id);
  }

  /** All rows, oldest first. */
  all(): Row[] {
    return [...this.rows.values()].sort((one, other) => Number(one.id) - Number(other.id));
  }

  /** The row after one, in the order of the turns. */
  after(id: string): Row | undefined {
    return this.all().find((row) => Number(row.id) > Number(id));
  }

  /** The newest row whose question waits for one of its options. */
  asking(): Row | undefined {
    const newest = this.all().reverse().find((row) => row.question !== null);
    return newest && newest.question?.options.length && newest.question.answered === null ? newest : undefined;
  }

  /** What was typed, oldest first, each text once in a row. */
  typed(): string[] {
    const texts = this.all().filter((row) => row.by === "chat" && row.text).map((row) => row.text);
    return texts.filter((text, place) => text !== texts[place - 1]);
  }
}

/** Going back through what was typed, like in a shell; what stands in the field now comes last. */
export class Recall {
  private place = -1;
  private kept = "";

  /** Return the text one step back (`-1`) or on (`1`), null where there is none. */
  step(typed: string[], by: -1 | 1, now: string): string | null {
    if (this.place < 0) {
      if (by > 0 || !typed.length) return null;
      this.kept = now;
      this.place = typed.length;
    }
    const place = this.place + by;
    if (place < 0) return null;
    this.place = place >= typed.length ? -1 : place;
    return this.place < 0 ? this.kept : (typed[place] ?? null);
  }

  /** Begin again at the newest. */
  reset(): void {
    this.place = -1;
  }
}

/** What a key in the prompt does: a syllable that is still being composed belongs to the input method. */
export function keyMeans(
  event: { key: string; shiftKey: boolean; altKey: boolean; ctrlKey: boolean; metaKey: boolean; isComposing: boolean; keyCode: number },
  field: { value: string; selectionStart: number | null; selectionEnd: number | null },
): "send" | "back" | "on" | null {
  if (event.isComposing || event.keyCode === 229) return null; // Safari ends composing before its Enter comes
  if (event.key === "Enter") return event.shiftKey || event.altKey ? null : "send";
  if (event.shiftKey || event.altKey || event.ctrlKey || event.metaKey) return null;
  const start = field.selectionStart ?? 0;
  if (start !== (field.selectionEnd ?? 0)) return null;
  if (event.key === "ArrowUp" && !field.value.slice(0, start).includes("\n")) return "back";
  if (event.key === "ArrowDown" && !field.value.slice(start).includes("\n")) return "on";
  return null;
}

/** Whether a text has anything to be understood in it. */
export function isText(text: string): boolean {
  return text.trim() !== "";
}

/** The hour and minute of a moment, as the person's own clock shows it. */
export function clock(at: string): string {
  const moment = new Date(at);
  if (Number.isNaN(moment.getTime())) return "";
  return `${String(moment.getHours()).padStart(2, "0")}:${String(moment.getMinutes()).padStart(2, "0")}`;
}

/** The day of a moment, on the person's own calendar. */
export function day(at: string): string {
  const moment = new Date(at);
  if (Number.isNaN(moment.getTime())) return "";
  const two = (value: number) => String(value).padStart(2, "0");
  return `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
}
