// A panel as a picture or a file, on the clipboard or else saved.
//
// What lives here: PNG and SVG of what is drawn, and handing things out. What does not: the points as CSV (the kernel).
import { number } from "../base/format.ts";
import { svg } from "../base/dom.ts";
import { lineStyle } from "../base/theme.ts";
import { placeText } from "./axis.ts";
import { scales, type Frame } from "./draw.ts";
import type { Host, Panel } from "./panel.ts";
import { pieces } from "./store.ts";

const LINE_PX = 18;
const [WIDE, HIGH] = [720, 320];

/** Put something on the clipboard; returns false when it had to be saved as a file instead. */
export async function handOut(blob: Blob, file: string): Promise<boolean> {
  try {
    const text = blob.type !== "image/png";
    if (text) await navigator.clipboard.writeText(await blob.text());
    else await navigator.clipboard.write([new ClipboardItem({ [blob.type]: blob })]);
    return true;
  } catch {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    return false;
  }
}

/** Return a panel as a picture: its name, its canvas, and the runs below. */
export async function png(panel: Panel, host: Host, background: string): Promise<Blob> {
  const source = panel.canvas;
  if (!source) throw new Error("Nothing is drawn.");
  const ratio = devicePixelRatio || 1;
  const canvas = document.createElement("canvas");
  canvas.width = source.width;
  canvas.height = source.height + (panel.shown.length + 2) * LINE_PX * ratio;
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  context.fillStyle = background;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(source, 0, 1.5 * LINE_PX * ratio);
  context.scale(ratio, ratio);
  context.fillStyle = host.colors.text;
  context.font = "600 13px system-ui, sans-serif";
  context.fillText(panel.name, 12, LINE_PX);
  context.font = "12px system-ui, sans-serif";
  panel.shown.forEach(({ line, index }, row) => {
    const y = source.height / ratio + (row + 2) * LINE_PX;
    const { color, dash } = lineStyle(index);
    context.strokeStyle = color;
    context.lineWidth = 2.5;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(12, y - 4);
    context.lineTo(34, y - 4);
    context.stroke();
    context.fillText(host.label(line.run), 42, y);
  });
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("No picture was made."))), "image/png"));
}

/** Return a panel as a drawing for papers: black on white, whatever the theme is. */
export function drawing(panel: Panel, host: Host): Blob {
  const frame: Frame = { ...panel.frame(), left: 64, top: 36, width: WIDE - 84, height: HIGH - 76, ratio: 1 };
  const height = HIGH + panel.shown.length * LINE_PX;
  const root = svg("svg", { xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${WIDE} ${height}`, width: WIDE, height, "font-family": "sans-serif", "font-size": 12 });
  root.append(svg("rect", { width: WIDE, height, fill: "#fff" }), svg("text", { x: 12, y: 20, "font-weight": 600 }, panel.name), ...axes(frame, host));
  panel.shown.forEach(({ line, index, placing }, row) => {
    const { color, dash } = lineStyle(index);
    const style = { fill: "none", stroke: color, "stroke-dasharray": dash.join(" ") || null };
    const thin = line.smooth ? { "stroke-width": 1, opacity: 0.3 } : { "stroke-width": 1.5 };
    const clip = { "clip-path": "url(#plot)" };
    root.append(svg("path", { ...style, ...thin, ...clip, d: path(frame, placing, pieces(line, "raw")) }));
    if (line.smooth) root.append(svg("path", { ...style, ...clip, "stroke-width": 1.8, d: path(frame, placing, pieces(line, "smooth")) }));
    const y = HIGH + row * LINE_PX;
    root.append(svg("line", { ...style, "stroke-width": 2.5, x1: 64, x2: 86, y1: y - 4, y2: y - 4 }), svg("text", { x: 94, y }, host.label(line.run)));
  });
  return new Blob([new XMLSerializer().serializeToString(root)], { type: "image/svg+xml" });
}

function axes(frame: Frame, host: Host): Element[] {
  const { left, top, width, height } = frame;
  const { X, Y } = scales(frame);
  const box = svg("rect", { x: left, y: top, width, height, fill: "none", stroke: "#888" });
  const clip = svg("defs", {}, svg("clipPath", { id: "plot" }, svg("rect", { x: left, y: top, width, height })));
  const across = Array.from({ length: 5 }, (_, n) => frame.x[0] + ((frame.x[1] - frame.x[0]) * n) / 4);
  const up = Array.from({ length: 5 }, (_, n) =>
    frame.log ? frame.y[0] * (frame.y[1] / frame.y[0]) ** (n / 4) : frame.y[0] + ((frame.y[1] - frame.y[0]) * n) / 4,
  );
  return [
    clip,
    box,
    ...across.map((x) => svg("text", { x: X(x), y: top + height + 18, "text-anchor": "middle" }, placeText(host.axis, x, host.lang))),
    ...up.map((y) => svg("text", { x: left - 6, y: Y(y) + 4, "text-anchor": "end" }, number(y, 3))),
  ];
}

function path(frame: Frame, placing: { of: (points: never, n: number) => number }, parts: ReturnType<typeof pieces>): string {
  const { X, Y } = scales(frame);
  const words: string[] = [];
  let pen = false;
  for (const { points, start, stop } of parts) {
    for (let n = start; n < stop; n += 1) {
      const y = Y(points.values[n] as number);
      if (Number.isFinite(y)) words.push(`${pen ? "L" : "M"}${X(placing.of(points as never, n)).toFixed(2)} ${y.toFixed(2)}`);
      pen = Number.isFinite(y);
    }
  }
  return words.join("");
}
