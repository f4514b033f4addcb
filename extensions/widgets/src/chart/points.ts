// The points of one line in bounded memory: taking more, thinning, averaging, finding the nearest.
//
// What lives here: columns of numbers. What does not: the kernel (`store`), pixels (`draw`).

/** Points by ascending step. */
export interface Columns {
  steps: Float64Array;
  at: Float64Array;
  values: Float64Array;
}

/** A growing list of points that never holds more than `limit`: with more, neighbours are thinned. */
export class Points {
  steps: Float64Array;
  at: Float64Array;
  values: Float64Array;
  length: number;
  private readonly limit: number;

  constructor(columns: Columns, limit: number) {
    this.limit = Math.max(limit, 16);
    this.length = columns.steps.length;
    this.steps = columns.steps;
    this.at = columns.at;
    this.values = columns.values;
  }

  /** The greatest step; -Infinity without points. */
  get end(): number {
    return this.length ? (this.steps[this.length - 1] as number) : -Infinity;
  }

  push(step: number, at: number, value: number): void {
    if (this.length >= 2 * this.limit) this.thin();
    if (this.length === this.steps.length) this.grow();
    this.steps[this.length] = step;
    this.at[this.length] = at;
    this.values[this.length] = value;
    this.length += 1;
  }

  /** Return the place of the first point with a step of at least `step`. */
  find(step: number): number {
    return lowerBound(this.steps, step, this.length);
  }

  private grow(): void {
    const size = Math.max(64, Math.min(2 * this.length, 2 * this.limit));
    for (const name of ["steps", "at", "values"] as const) {
      const larger = new Float64Array(Math.max(size, this.length + 1));
      larger.set(this[name].subarray(0, this.length));
      this[name] = larger;
    }
  }

  private thin(): void {
    const places = extremes(this.steps, this.values, this.length, Math.floor(this.limit / 2));
    places.forEach((place, index) => {
      this.steps[index] = this.steps[place] as number;
      this.at[index] = this.at[place] as number;
      this.values[index] = this.values[place] as number;
    });
    this.length = places.length;
  }
}

/** Return the first place, below `length`, whose number is at least `wanted`; the numbers ascend. */
export function lowerBound(numbers: ArrayLike<number>, wanted: number, length = numbers.length): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] as number) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Return the places of the points that stand for all: first and last, and of each of `buckets` equal ranges of steps
 * the least, the greatest and the first NaN. Ranges of steps, not counts: what was thinned before is not thinned more.
 */
export function extremes(steps: Float64Array, values: Float64Array, length: number, buckets: number): number[] {
  const first = steps[0] as number;
  const width = ((steps[length - 1] as number) - first) / buckets || 1;
  const chosen: number[] = [];
  let start = 0;
  while (start < length) {
    const bucket = Math.min(Math.floor(((steps[start] as number) - first) / width), buckets - 1);
    let stop = start;
    let least = -1;
    let greatest = -1;
    let nan = -1;
    for (; stop < length; stop += 1) {
      if (Math.min(Math.floor(((steps[stop] as number) - first) / width), buckets - 1) !== bucket) break;
      const value = values[stop] as number;
      if (Number.isNaN(value)) {
        if (nan < 0) nan = stop;
        continue;
      }
      if (least < 0 || value < (values[least] as number)) least = stop;
      if (greatest < 0 || value > (values[greatest] as number)) greatest = stop;
    }
    const ends = [start === 0 ? 0 : -1, stop === length ? length - 1 : -1];
    chosen.push(...[...new Set([least, greatest, nan, ...ends])].filter((place) => place >= 0).sort((a, b) => a - b));
    start = stop;
  }
  return chosen;
}

/** A debiased exponential moving average that goes on from where the kernel's ended, as TensorBoard draws it. */
export class Average {
  private readonly weight: number;
  private biased: number;
  private count: number;

  constructor(weight: number, biased = 0, count = 0) {
    this.weight = weight;
    this.biased = biased;
    this.count = count;
  }

  /** Return the average with one value more; what is not finite stays as it is and counts for nothing. */
  add(value: number): number {
    if (!Number.isFinite(value)) return value;
    this.biased = this.biased * this.weight + (1 - this.weight) * value;
    this.count += 1;
    return this.biased / (1 - this.weight ** this.count);
  }
}

/** Return the best finite point: its place, or -1. */
export function best(points: Points, direction: "min" | "max"): number {
  let found = -1;
  for (let place = 0; place < points.length; place += 1) {
    const value = points.values[place] as number;
    if (!Number.isFinite(value)) continue;
    const held = found < 0 ? NaN : (points.values[found] as number);
    if (found < 0 || (direction === "min" ? value < held : value > held)) found = place;
  }
  return found;
}
