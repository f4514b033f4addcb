// Small lines: from values to a path, and nothing else; pure.

/** Return the path of values in a box, evenly spaced or at `xs`; values that are no numbers break the line. */
export function sparkPath(values: readonly (number | null)[], width: number, height: number, xs?: readonly number[]): string {
  const [least, greatest] = extent(values);
  if (least === null || greatest === null) return "";
  const span = greatest - least;
  const from = xs?.[0] ?? 0;
  const reach = (xs?.at(-1) ?? values.length - 1) - from;
  let path = "";
  let pen = "M";
  values.forEach((value, index) => {
    if (value === null || !Number.isFinite(value)) {
      pen = "M";
      return;
    }
    const x = reach > 0 ? (((xs?.[index] ?? index) - from) / reach) * width : width / 2;
    const y = span > 0 ? height - ((value - least) / span) * height : height / 2;
    path += `${pen}${round(x)} ${round(y)}`;
    pen = "L";
  });
  return path;
}

/** Return the least and the greatest number; null where there is none. */
export function extent(values: readonly (number | null)[]): [number | null, number | null] {
  let least: number | null = null;
  let greatest: number | null = null;
  for (const value of values) {
    if (value === null || !Number.isFinite(value)) continue;
    if (least === null || value < least) least = value;
    if (greatest === null || value > greatest) greatest = value;
  }
  return [least, greatest];
}

/** Return the last place that holds a number; -1 when none does. */
export function lastNumber(values: readonly (number | null)[]): number {
  for (let index = values.length - 1; index >= 0; index -= 1) {
    const value = values[index];
    if (value !== null && value !== undefined && Number.isFinite(value)) return index;
  }
  return -1;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
