// What stands in a wizard, from what the kernel answered; pure.
import { number } from "../base/format.ts";
import { literal } from "../board/python.ts";
import { USUAL, type Accuracy, type Check, type Chosen, type Format, type Options, type Verdict } from "./types.ts";

/** What a verdict looks like, so that nobody needs its colour: a shape and how it is meant. */
export type Mark = "good" | "bad" | "open" | "warned";

export const MARKS: Record<Verdict, Mark> = { yes: "good", no: "bad", accepted: "warned", unverified: "open", unproven: "warned" };

/** Return the mark of a row of a certificate. */
export function markOf(check: Pick<Check, "verdict" | "accepted">): Mark {
  if (check.verdict === "pass") return "good";
  if (check.verdict === "fail") return check.accepted ? "warned" : "bad";
  return "open";
}

/**
 * Return the rows with those first that decide: failures, then what could not be looked at, then the rest; of these,
 * what it answers before what the images were, and before what the file says of itself.
 */
export function inOrder(checks: Check[]): Check[] {
  const rank = { bad: 0, warned: 10, open: 20, good: 30, answers: 0, images: 1, file: 2 };
  const place = (check: Check) => rank[markOf(check)] + rank[check.about];
  return [...checks].sort((one, other) => place(one) - place(other));
}

/** Return only the options that are not as usual. */
export function spare(options: Options): Partial<Options> {
  const names = Object.keys(USUAL) as (keyof Options)[];
  return Object.fromEntries(names.filter((name) => JSON.stringify(options[name]) !== JSON.stringify(USUAL[name])).map((name) => [name, options[name]]));
}

/** Return what was chosen without `name`, or with it. */
export function toggled(chosen: Chosen, name: string, precision: string | null): Chosen {
  const { [name]: _, ...others } = chosen;
  if (precision === null) return others;
  return name in chosen ? { ...chosen, [name]: precision } : { ...others, [name]: precision };
}

/** Return which of the chosen formats take an option, by their titles; an empty list when none does. */
export function takers(formats: Format[], chosen: Chosen, option: string): string[] {
  return formats.filter((format) => format.name in chosen && format.arguments.includes(option)).map((format) => format.title);
}

/** Return MB as people read them, e.g. `834 MB`, `2.2 GB`. */
export function megabytes(mb: number): string {
  return mb < 1000 ? `${Math.round(mb)} MB` : `${number(mb / 1000, 2)} GB`;
}

/** Return a share as points, e.g. `71.4`. */
export function points(share: number): string {
  return (100 * share).toFixed(1);
}

/** Return how far accuracy dropped and how sure that is, e.g. `0.3 (−0.1 … 0.7)`. */
export function drop({ drop: by, low, high }: Pick<Accuracy, "drop" | "low" | "high">): string {
  const written = (value: number) => value.toFixed(2).replace(/^-(0\.00)$/, "$1").replace("-", "−");
  return `${written(by)} (${written(low)} … ${written(high)})`;
}

/** Return the line of Python that sets traits of the wizard. */
export function setting(change: Record<string, unknown>): string {
  return Object.entries(change)
    .map(([name, value]) => `wizard.${name} = ${literal(value as never)}`)
    .join("; ");
}
