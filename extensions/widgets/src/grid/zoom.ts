// Where a picture stands on a canvas while it is zoomed and moved; no DOM.

const MOST = 40;
const LEAST = 0.02;

/** The place of a picture: its corner in pixels of the canvas, and how many of these each of its own takes. */
export class Zoom {
  x = 0;
  y = 0;
  scale = 1;

  /** Show a picture whole, in the middle. */
  fit(width: number, height: number, wide: number, high: number): void {
    this.scale = Math.min(wide / width, high / height) || 1;
    this.x = (wide - width * this.scale) / 2;
    this.y = (high - height * this.scale) / 2;
  }

  /** Zoom so that what is under a point of the canvas stays there. */
  by(factor: number, x: number, y: number): void {
    const scale = Math.min(Math.max(this.scale * factor, LEAST), MOST);
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
  }

  move(x: number, y: number): void {
    this.x += x;
    this.y += y;
  }
}
