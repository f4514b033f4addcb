// Figures of curves; pure.

/** Return the mean of rows of the same length; NaN where no row has a number. */
export function mean(rows: readonly ArrayLike<number>[]): Float64Array {
  const length = rows[0]?.length ?? 0;
  const sums = new Float64Array(length);
  const counts = new Float64Array(length);
  for (const row of rows) {
    for (let place = 0; place < length; place += 1) {
      const value = row[place];
      if (value === undefined || !Number.isFinite(value)) continue;
      sums[place] = (sums[place] ?? 0) + value;
      counts[place] = (counts[place] ?? 0) + 1;
    }
  }
  return sums.map((sum, place) => (counts[place] ? sum / (counts[place] ?? 1) : Number.NaN));
}

/** Return the greatest value of a curve and where it is; null when it has no number. */
export function best(x: ArrayLike<number>, y: ArrayLike<number>): { x: number | null; y: number | null } {
  let at = -1;
  for (let place = 0; place < y.length; place += 1) {
    const value = y[place] ?? Number.NaN;
    if (Number.isFinite(value) && (at < 0 || value > (y[at] ?? Number.NEGATIVE_INFINITY))) at = place;
  }
  return at < 0 ? { x: null, y: null } : { x: x[at] ?? null, y: y[at] ?? null };
}
