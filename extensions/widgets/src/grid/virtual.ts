// Scrolling through more pixels than a browser lets an element have; no DOM.
//
// Browsers cap the height of an element at some 15 to 33 million pixels, which a million images exceed. So the element
// is at most `MOST_PX` high, and its scroll position stands for a place in the whole: small steps move as many pixels
// as ever, large ones (the bar was dragged) as many times more as the whole is higher.

export const MOST_PX = 8_000_000;

/** A column of rows, and which part of it is in view. */
export class Column {
  /** Pixels of the whole above the view. */
  top = 0;
  private bar = 0;
  private rows = 0;
  private rowHeight = 1;
  private view = 0;

  /** Say what there is; the row at the top of the view stays there. */
  resize(rows: number, rowHeight: number, view: number): void {
    const first = this.top / this.rowHeight;
    Object.assign(this, { rows, rowHeight: Math.max(rowHeight, 1), view });
    this.to(first * this.rowHeight);
  }

  /** Pixels of the whole. */
  get whole(): number {
    return this.rows * this.rowHeight;
  }

  /** Pixels of the element. */
  get height(): number {
    return Math.min(this.whole, MOST_PX);
  }

  /** The element's scroll position. */
  get scrollTop(): number {
    return this.bar;
  }

  /** The rows in view: the first, and behind the last. */
  get range(): [number, number] {
    const first = Math.floor(this.top / this.rowHeight);
    return [first, Math.min(Math.ceil((this.top + this.view) / this.rowHeight), this.rows)];
  }

  /** Go to a place of the whole. */
  to(top: number): void {
    this.top = Math.min(Math.max(top, 0), this.most);
    this.bar = this.isScaled ? Math.round((this.top / this.most) * (this.height - this.view)) : this.top;
  }

  /** Go by some pixels; returns whether that moved. */
  by(delta: number): boolean {
    const before = this.top;
    this.to(this.top + delta);
    return this.top !== before;
  }

  /** The element was scrolled to a place, by a finger, a key or its bar. */
  scrolled(bar: number): void {
    if (Math.abs(bar - this.bar) < 1) return;
    const end = this.height - this.view;
    if (!this.isScaled) this.top = Math.min(Math.max(bar, 0), this.most);
    else if (Math.abs(bar - this.bar) < this.view && bar > 0 && bar < end) this.top = Math.min(Math.max(this.top + bar - this.bar, 0), this.most);
    else this.top = end > 0 ? Math.min(bar / end, 1) * this.most : 0;
    this.bar = bar;
  }

  /** Go so far that a row is in view. */
  reveal(row: number): void {
    const top = row * this.rowHeight;
    if (top < this.top) this.to(top);
    else if (top + this.rowHeight > this.top + this.view) this.to(top + this.rowHeight - this.view);
  }

  private get isScaled(): boolean {
    return this.whole > MOST_PX;
  }

  private get most(): number {
    return Math.max(this.whole - this.view, 0);
  }
}
