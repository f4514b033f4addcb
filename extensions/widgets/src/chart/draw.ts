// Lines on a canvas, and the bounds of what is in view.
//
// What lives here: from points to pixels, for all lines of a panel. What does not: axes and the crosshair (`panel`).
import { lineStyle } from "../base/theme.ts";
import { best } from "./points.ts";
import { pieces, type Line, type Piece, type Placing } from "./store.ts";

/** A line with the place that it has among the runs, which gives it its colour. */
export interface Shown {
  line: Line;
  index: number;
  placing: Placing;
}

/** The ranges of both axes, and where they lie on the canvas, in its pixels. */
export interface Frame {
  x: [number, number];
  y: [number, number];
  log: boolean;
  left: number;
  top: number;
  width: number;
  height: number;
  ratio: number;
}

export interface Bounds {
  low: number;
  high: number;
  /** Whether there are points at all, finite ones, and ones that the axis can show. */
  points: number;
  finite: number;
}

const FAINT = 0.28;
const [DENSE, STEEP] = [1.2, 4]; // points a pixel; pixels up or down a pixel

/** Return the least and the greatest value in view; of a logarithmic axis those above 0. */
export function bounds(shown: Shown[], x: [number, number], log: boolean): Bounds {
  const found: Bounds = { low: Infinity, high: -Infinity, points: 0, finite: 0 };
  for (const each of shown) {
    for (const piece of [...pieces(each.line, "raw"), ...pieces(each.line, "smooth")]) widen(found, piece, each.placing, x, log);
  }
  return found;
}

function widen(found: Bounds, { points, start, stop }: Piece, placing: Placing, x: [number, number], log: boolean): void {
  for (let n = start; n < stop; n += 1) {
    const value = points.values[n] as number;
    found.points += 1;
    if (!Number.isFinite(value)) continue;
    found.finite += 1;
    if (log && value <= 0) continue;
    const at = placing.of(points, n);
    if (at < x[0] || at > x[1]) continue;
    if (value < found.low) found.low = value;
    if (value > found.high) found.high = value;
  }
}

/** Return the range of the vertical axis, with room above and below. */
export function range({ low, high }: Bounds, log: boolean): [number, number] {
  if (low > high) return log ? [0.1, 1] : [0, 1];
  if (log) return low === high ? [low / 2, high * 2] : [low / (high / low) ** 0.05, high * (high / low) ** 0.05];
  const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  return [low - room, high + room];
}

/** Draw all lines of a panel, each with its best point. */
export function drawLines(context: CanvasRenderingContext2D, frame: Frame, shown: Shown[], direction: "min" | "max" | ""): void {
  context.save();
  context.beginPath();
  context.rect(frame.left, frame.top, frame.width, frame.height);
  context.clip();
  context.lineJoin = "bevel";
  for (const each of shown) {
    const averaged = Boolean(each.line.smooth);
    const style = lineStyle(each.index);
    context.strokeStyle = context.fillStyle = style.color;
    context.setLineDash(averaged ? [] : style.dash.map((length) => length * frame.ratio));
    context.globalAlpha = averaged ? FAINT : 1;
    context.lineWidth = (averaged ? 1 : 1.5) * frame.ratio;
    trace(context, frame, each, "raw");
    context.globalAlpha = 1;
    if (averaged) {
      context.setLineDash(style.dash.map((length) => length * frame.ratio));
      context.lineWidth = 1.8 * frame.ratio;
      trace(context, frame, each, "smooth");
    }
  }
  context.restore();
  context.save();
  context.lineWidth = 1.5 * frame.ratio;
  for (const each of direction ? shown : []) mark(context, frame, each, direction as "min" | "max");
  context.restore();
}

/** Return the pixel of a place and of a value. */
export function scales(frame: Frame): { X: (x: number) => number; Y: (value: number) => number } {
  const [low, high] = frame.log ? [Math.log(frame.y[0]), Math.log(frame.y[1])] : frame.y;
  const across = frame.width / (frame.x[1] - frame.x[0]);
  const up = frame.height / (high - low);
  const bottom = frame.top + frame.height;
  return {
    X: (x) => frame.left + (x - frame.x[0]) * across,
    Y: frame.log ? (value) => (value > 0 ? bottom - (Math.log(value) - low) * up : NaN) : (value) => bottom - (value - low) * up,
  };
}

function trace(context: CanvasRenderingContext2D, frame: Frame, shown: Shown, which: "raw" | "smooth"): void {
  const parts = inView(pieces(shown.line, which), shown.placing, frame.x);
  const count = parts.reduce((sum, { start, stop }) => sum + stop - start, 0);
  if (count > DENSE * frame.width && travel(parts, frame) > STEEP * frame.width) columns(context, frame, shown.placing, parts);
  else strokes(context, frame, shown.placing, parts);
}

/** Return how far a line goes up and down, in pixels. */
function travel(parts: Piece[], frame: Frame): number {
  const { Y } = scales(frame);
  let [sum, last] = [0, NaN];
  for (const { points, start, stop } of parts) {
    for (let n = start; n < stop; n += 1) {
      const y = Y(points.values[n] as number);
      sum += Math.abs(y - last) || 0;
      last = y;
    }
  }
  return sum;
}

/** Return what of some pieces lies in view, with a point more on either side. */
function inView(parts: Piece[], placing: Placing, x: [number, number]): Piece[] {
  return parts
    .map(({ points, start, stop }) => ({
      points,
      start: Math.max(start, placing.search(points, start, stop, x[0]) - 1),
      stop: Math.min(stop, placing.search(points, start, stop, x[1]) + 1),
    }))
    .filter((piece) => piece.stop > piece.start);
}

/**
 * Draw a line that has more points than pixels: in each column of pixels all that lies between its least and its
 * greatest value. It looks as strokes do; without a GPU a browser takes 40 ms for such strokes and 1 ms for this.
 */
function columns(context: CanvasRenderingContext2D, frame: Frame, placing: Placing, parts: Piece[]): void {
  const { X, Y } = scales(frame);
  const thick = Math.max(1, Math.round(context.lineWidth));
  const dash = context.getLineDash();
  const [on, length] = [dash[0] ?? 1, dash.reduce((sum, each) => sum + each, 0) || 1];
  let [column, least, greatest, last] = [NaN, Infinity, -Infinity, NaN];
  const fill = () => {
    if (least <= greatest && column % length < on) context.fillRect(column, least - thick / 2, thick, greatest - least + thick);
  };
  for (const { points, start, stop } of parts) {
    for (let n = start; n < stop; n += 1) {
      const y = Y(points.values[n] as number);
      const x = Math.round(X(placing.of(points, n)));
      if (x !== column) {
        fill();
        [column, least, greatest] = [x, last, last];
        if (Number.isNaN(last)) [least, greatest] = [Infinity, -Infinity];
      }
      last = Number.isFinite(y) ? y : NaN;
      if (y < least) least = y;
      if (y > greatest) greatest = y;
    }
  }
  fill();
}

function strokes(context: CanvasRenderingContext2D, frame: Frame, placing: Placing, parts: Piece[]): void {
  const { X, Y } = scales(frame);
  let pen = false; // whether the point before was drawn to
  let [lastX, lastY] = [0, 0];
  let alone = false;
  const dot = () => context.fillRect(lastX - frame.ratio, lastY - frame.ratio, 2 * frame.ratio, 2 * frame.ratio);
  context.beginPath();
  for (const { points, start, stop } of parts) {
    for (let n = start; n < stop; n += 1) {
      const y = Y(points.values[n] as number);
      if (!Number.isFinite(y)) {
        if (pen && alone) dot();
        pen = false;
        continue;
      }
      const x = X(placing.of(points, n));
      if (pen) context.lineTo(x, y);
      else context.moveTo(x, y);
      alone = !pen;
      pen = true;
      [lastX, lastY] = [x, y];
    }
  }
  context.stroke();
  if (pen && alone) dot(); // a point without neighbours is no line
}

/** Draw a ring around the best point, when it is in view. */
function mark(context: CanvasRenderingContext2D, frame: Frame, { line, index, placing }: Shown, direction: "min" | "max"): void {
  const place = best(line.raw, direction);
  if (place < 0) return;
  const { X, Y } = scales(frame);
  const [x, y] = [X(placing.of(line.raw, place)), Y(line.raw.values[place] as number)];
  if (x < frame.left || x > frame.left + frame.width || !(y >= frame.top && y <= frame.top + frame.height)) return;
  context.strokeStyle = lineStyle(index).color;
  context.beginPath();
  context.arc(x, y, 4 * frame.ratio, 0, 2 * Math.PI);
  context.stroke();
}
