// Moments and what has passed since, as a board tells them.
import type { Run } from "./types.ts";

/** Return seconds in a word or two, e.g. `42s`, `3m 20s`, `12m`, `2h 5m`, `1d 3h`. */
export function span(seconds: number | null | undefined, lang: "en" | "ko" = "en"): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  const [day, hour, minute, second] = lang === "ko" ? ["일", "시간", "분", "초"] : ["d", "h", "m", "s"];
  const whole = Math.max(0, Math.round(seconds));
  const parts: [number, string | undefined][] = [
    [Math.floor(whole / 86_400), day],
    [Math.floor(whole / 3600) % 24, hour],
    [Math.floor(whole / 60) % 60, minute],
    [whole % 60, second],
  ];
  const first = Math.max(0, parts.findIndex(([value]) => value > 0));
  const from = whole === 0 ? 3 : first;
  // Seconds beside ten minutes or more only flicker.
  const kept = parts.slice(from, from + 2).filter(([value], place) => place === 0 || (value > 0 && !(from === 2 && whole >= 600)));
  return kept.map(([value, unit]) => `${value}${unit}`).join(" ");
}

/** Return how long a run has taken by now: what goes on is counted on from when it was heard of. */
export function elapsed(run: Run, now_ms: number): number | null {
  if (run.duration_s === null) return null;
  return run.state === "running" || run.state === "cancelling" ? run.duration_s + since(run, now_ms) : run.duration_s;
}

/** Return how long a run will take still. */
export function remaining(run: Run, now_ms: number): number | null {
  return run.eta_s === null ? null : Math.max(0, run.eta_s - since(run, now_ms));
}

function since(run: Run, now_ms: number): number {
  return run.heard === undefined ? 0 : Math.max(0, (now_ms - run.heard) / 1000);
}

/** Return a moment: today the time, this year the day and the time, else the day with its year. */
export function moment(at: number | string | null, lang: "en" | "ko", now = new Date()): string {
  if (at === null || at === "") return "–";
  const then = new Date(typeof at === "number" ? at * 1000 : at);
  if (Number.isNaN(then.getTime())) return "–";
  const time = `${pad(then.getHours())}:${pad(then.getMinutes())}`;
  if (then.toDateString() === now.toDateString()) return time;
  const day = lang === "ko" ? `${then.getMonth() + 1}월 ${then.getDate()}일` : `${then.getDate()} ${MONTHS[then.getMonth()]}`;
  if (then.getFullYear() === now.getFullYear()) return `${day} ${time}`;
  return lang === "ko" ? `${then.getFullYear()}년 ${day}` : `${day} ${then.getFullYear()}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function pad(value: number): string {
  return String(value).padStart(2, "0");
}
