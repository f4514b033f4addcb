// Which columns fit, and which rows are in view; pure.

export const ROW_PX = 32;
const EXTRA_ROWS = 12;

/** The least width of a column in pixels, how much of what is left it takes, and whether numbers stand in it. */
export interface Width {
  px: number;
  grow: number;
  number?: boolean;
}

const WIDTHS: Record<string, Width> = {
  state: { px: 102, grow: 0 },
  name: { px: 110, grow: 3 },
  id: { px: 210, grow: 0 },
  kind: { px: 76, grow: 0 },
  model: { px: 90, grow: 1 },
  dataset: { px: 70, grow: 1 },
  project: { px: 90, grow: 1 },
  session: { px: 100, grow: 1 },
  tags: { px: 90, grow: 1 },
  progress: { px: 108, grow: 0 },
  eta: { px: 72, grow: 0, number: true },
  place: { px: 96, grow: 0 },
  headline: { px: 76, grow: 0, number: true },
  spark: { px: 80, grow: 0 },
  created: { px: 96, grow: 0 },
  started: { px: 96, grow: 0 },
  duration: { px: 70, grow: 0, number: true },
  attempt: { px: 66, grow: 0, number: true },
};
// Of a narrow board, these stay the longest.
const KEEP = ["name", "state", "progress", "headline", "spark", "eta", "duration", "model", "dataset"];
const NARROW_PX = 700;

/** Return the width of a column; those of settings are all alike. */
export function widthOf(column: string): Width {
  return WIDTHS[column] ?? { px: 92, grow: 0 };
}

/** Return the columns to show: all that were chosen, but on a narrow board only the most telling that fit. */
export function fitting(columns: readonly string[], available_px: number): string[] {
  if (available_px >= NARROW_PX) return [...columns];
  const rank = (column: string) => (KEEP.includes(column) ? KEEP.indexOf(column) : KEEP.length + columns.indexOf(column));
  let left = available_px - CHECK_PX;
  const kept = new Set<string>();
  for (const column of [...columns].sort((a, b) => rank(a) - rank(b))) {
    const { px } = widthOf(column);
    if (px > left && kept.size) break;
    left -= px;
    kept.add(column);
  }
  return columns.filter((column) => kept.has(column));
}

const CHECK_PX = 28;

/** Return the columns' widths as a CSS grid template, the checkbox first. */
export function template(columns: readonly string[]): string {
  const tracks = columns.map(widthOf).map(({ px, grow }) => (grow ? `minmax(${px}px, ${grow}fr)` : `${px}px`));
  return [`${CHECK_PX}px`, ...tracks].join(" ");
}

/** Return the least width of all columns together, in pixels. */
export function least(columns: readonly string[]): number {
  return columns.reduce((sum, column) => sum + widthOf(column).px, CHECK_PX);
}

/** Return the first row to draw, and how many, of `total`, with some above and below of what is in view. */
export function windowOf(scroll_px: number, height_px: number, total: number): { start: number; count: number } {
  const first = Math.floor(Math.max(scroll_px, 0) / ROW_PX);
  const start = Math.max(0, Math.min(first - EXTRA_ROWS, total - 1));
  const end = Math.min(total, first + Math.ceil(height_px / ROW_PX) + EXTRA_ROWS);
  return { start, count: Math.max(0, end - start) };
}

/** Return how far to scroll so that a row is in view; null when it is. */
export function reveal(index: number, scroll_px: number, height_px: number): number | null {
  const top = index * ROW_PX;
  if (top < scroll_px) return top;
  return top + ROW_PX > scroll_px + height_px ? top + ROW_PX - height_px : null;
}
