// Figures of a confusion matrix, `[predicted, true]` row by row; pure.

export interface Confusion {
  truth: number;
  predicted: number;
  count: number;
  share: number; // of all that truly are of that class
}

/** A matrix of `side` by `side` counts. */
export class Counts {
  readonly side: number;
  readonly cells: Float64Array;
  readonly columns: Float64Array;

  constructor(cells: Float64Array, side: number) {
    this.cells = cells;
    this.side = side;
    this.columns = new Float64Array(side);
    cells.forEach((value, place) => {
      this.columns[place % side] = (this.columns[place % side] ?? 0) + value;
    });
  }

  at(predicted: number, truth: number): number {
    return this.cells[predicted * this.side + truth] ?? 0;
  }

  /** Return how much of a true class was predicted so, 0 to 1; 0 for a class that never occurs. */
  share(predicted: number, truth: number): number {
    const all = this.columns[truth] ?? 0;
    return all ? this.at(predicted, truth) / all : 0;
  }

  /** Return how strongly a cell is coloured, 0 to 1, by its root, so that rare confusions are seen. */
  strength(predicted: number, truth: number, normalised: boolean): number {
    if (normalised) return Math.sqrt(this.share(predicted, truth));
    const most = this.most;
    return most ? Math.sqrt(this.at(predicted, truth) / most) : 0;
  }

  /** The most frequent confusions, the most frequent first. */
  worst(limit: number): Confusion[] {
    const found: Confusion[] = [];
    this.cells.forEach((count, place) => {
      const truth = place % this.side;
      const predicted = Math.floor(place / this.side);
      if (count && truth !== predicted) found.push({ truth, predicted, count, share: this.share(predicted, truth) });
    });
    return found.sort((a, b) => b.count - a.count || a.truth - b.truth).slice(0, limit);
  }

  private greatest: number | null = null;

  private get most(): number {
    this.greatest ??= this.cells.reduce((most, value) => Math.max(most, value), 0);
    return this.greatest;
  }
}

/** Return the cells in view: the first column and row, and how many. */
export function inView(scroll: number, room: number, cell: number, side: number): { first: number; last: number } {
  const first = Math.max(0, Math.floor(scroll / cell));
  return { first, last: Math.min(side - 1, Math.ceil((scroll + room) / cell)) };
}
