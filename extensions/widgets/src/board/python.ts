// What was clicked, as the line of Python that does the same; pure.
import type { Filter, Plain, Settings } from "./types.ts";

/** Return a value as Python writes it. */
export function literal(value: Plain): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") return String(value);
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  return `{${Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${literal(each)}`).join(", ")}}`;
}

/** Return the filter with only what filters. */
export function spare(filter: Filter): { [key: string]: Plain } {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value.length)) as { [key: string]: Plain };
}

/** Return the line that sets what was set. */
export function setting(change: Partial<Settings>): string {
  return Object.entries(change)
    .map(([name, value]) => `board.${name} = ${literal(name === "filter" ? spare(value as Filter) : (value as Plain))}`)
    .join("; ");
}
