// What is marked on an image, drawn on a canvas: boxes, polygons, masks, oriented boxes, keypoints and their names.
import type { ClassStyle, Shape } from "./types.ts";

export interface Looks {
  classes: ClassStyle[];
  shapes: boolean;
  names: boolean;
  font: string;
  lit: number | null;
  /** Pixels that a name may take, or the width of its box when that is more. */
  room: number;
}

/** Where a picture stands on a canvas: its corner, and pixels of the canvas for each of its own. */
export interface Place {
  x: number;
  y: number;
  scale: number;
}

const NAME_LETTERS = 40;
const NAME_PX = 11;
const ROOM_PX = 26;
const SPARED: ClassStyle = { name: "", color: "#888888" };

/** Draw shapes, given in pixels of a picture, where that picture stands. */
export function drawShapes(ctx: CanvasRenderingContext2D, shapes: Shape[], place: Place, looks: Looks, ratio = 1): void {
  if (!looks.shapes) return;
  ctx.save();
  ctx.lineJoin = "round";
  shapes.forEach((shape, at) => {
    const style = looks.classes[shape.c] ?? SPARED;
    ctx.globalAlpha = looks.lit === null || looks.lit === at ? 1 : 0.25;
    drawOne(ctx, shape, style.color, place, ratio * (looks.lit === at ? 2 : 1));
  });
  ctx.globalAlpha = 1;
  if (looks.names) shapes.forEach((shape, at) => (looks.lit === null || looks.lit === at) && drawName(ctx, shape, looks, place, ratio));
  ctx.restore();
}

function drawOne(ctx: CanvasRenderingContext2D, shape: Shape, color: string, place: Place, ratio: number): void {
  ctx.strokeStyle = ctx.fillStyle = color;
  ctx.lineWidth = 1.5 * ratio;
  ctx.setLineDash(shape.d ? [4 * ratio, 3 * ratio] : []);
  if (shape.r?.length) drawRings(ctx, shape.r, color, place);
  else if (shape.b) {
    const [x, y, width, height] = shape.b;
    ctx.strokeRect(place.x + x * place.scale, place.y + y * place.scale, Math.max(width, 0) * place.scale, Math.max(height, 0) * place.scale);
  }
  if (shape.k) drawPoints(ctx, shape.k, shape.s ?? [], place, ratio);
}

function drawRings(ctx: CanvasRenderingContext2D, rings: number[][], color: string, place: Place): void {
  ctx.beginPath();
  for (const ring of rings) {
    for (let at = 0; at + 1 < ring.length; at += 2) {
      const x = place.x + (ring[at] ?? 0) * place.scale;
      const y = place.y + (ring[at + 1] ?? 0) * place.scale;
      if (at) ctx.lineTo(x, y);
      else ctx.moveTo(x, y);
    }
    ctx.closePath();
  }
  const alpha = ctx.globalAlpha;
  ctx.globalAlpha = alpha * 0.25;
  ctx.fillStyle = color;
  ctx.fill("evenodd");
  ctx.globalAlpha = alpha;
  ctx.stroke();
}

function drawPoints(ctx: CanvasRenderingContext2D, points: [number, number, number][], bones: [number, number][], place: Place, ratio: number): void {
  ctx.setLineDash([]);
  const at = (index: number): [number, number, number] | null => {
    const point = points[index];
    return point?.[2] ? [place.x + point[0] * place.scale, place.y + point[1] * place.scale, point[2]] : null;
  };
  ctx.beginPath();
  for (const [from, to] of bones) {
    const [start, end] = [at(from), at(to)];
    if (!start || !end) continue;
    ctx.moveTo(start[0], start[1]);
    ctx.lineTo(end[0], end[1]);
  }
  ctx.stroke();
  points.forEach((_, index) => {
    const point = at(index);
    if (!point) return;
    ctx.beginPath();
    ctx.arc(point[0], point[1], 2 * ratio, 0, 2 * Math.PI);
    if (point[2] > 1) ctx.fill();
    ctx.stroke();
  });
}

function drawName(ctx: CanvasRenderingContext2D, shape: Shape, looks: Looks, place: Place, ratio: number): void {
  const style = looks.classes[shape.c] ?? SPARED;
  const [x, y, width] = shape.b ?? [0, 0, ctx.canvas.width];
  if (width * place.scale < ROOM_PX * ratio || !isInView(ctx.canvas, shape, place)) return;
  const high = (NAME_PX + 3) * ratio;
  ctx.font = `${NAME_PX * ratio}px ${looks.font}`;
  ctx.textBaseline = "middle";
  const room = Math.min(Math.max(width * place.scale, looks.room * ratio), ctx.canvas.width);
  const text = cut(ctx, style.name, room - 6 * ratio);
  const wide = ctx.measureText(text).width + 6 * ratio;
  const left = Math.min(Math.max(place.x + x * place.scale, 0), ctx.canvas.width - wide);
  const top = Math.max(place.y + y * place.scale - high, 0);
  ctx.fillStyle = style.color;
  ctx.fillRect(left, top, wide, high);
  ctx.fillStyle = isDark(style.color) ? "#ffffff" : "#000000";
  ctx.fillText(text, left + 3 * ratio, top + high / 2);
}

/** Return the beginning of a name that fits. */
function cut(ctx: CanvasRenderingContext2D, name: string, room: number): string {
  const letters = [...name].slice(0, NAME_LETTERS);
  const whole = letters.join("");
  const wide = ctx.measureText(whole).width;
  if (wide <= room && whole === name) return name;
  const kept = Math.floor(letters.length * Math.min(room / Math.max(wide, 1), 1)) - 1;
  return kept > 0 ? `${letters.slice(0, kept).join("")}…` : (letters[0] ?? "");
}

function isInView({ width, height }: HTMLCanvasElement, { b }: Shape, { x, y, scale }: Place): boolean {
  if (!b) return true;
  return x + (b[0] + b[2]) * scale > 0 && x + b[0] * scale < width && y + (b[1] + b[3]) * scale > 0 && y + b[1] * scale < height;
}

/** Whether white letters read better on a colour than black ones. */
export function isDark(color: string): boolean {
  const value = Number.parseInt(color.slice(1), 16);
  return ((value >> 16) & 255) * 299 + ((value >> 8) & 255) * 587 + (value & 255) * 114 < 140_000;
}
