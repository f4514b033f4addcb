// What the kernel answers, as types.
import type { STATE_TEXTS } from "../base/states.ts";

export type State = keyof typeof STATE_TEXTS;
export type Can = "make and prove" | "make" | "refused";
export type Nms = "outside" | "inside" | "free";
export type Verdict = "yes" | "no" | "accepted" | "unverified" | "unproven";
export type Chosen = Record<string, string>;

export interface Beats {
  happened: string;
  expected: string;
  todo: string;
}

/** A training run that can be exported. */
export interface Run {
  id: string;
  name: string;
  model: string | null;
  dataset: string | null;
  created: string;
  headline: { name: string; value: number | null } | null;
}

export interface Format {
  name: string;
  title: string;
  suffix: string;
  precisions: string[];
  arguments: string[];
  served: boolean;
  can: Can;
  reason: string;
  needs_mb: number;
  family: string;
  ready: boolean;
}

export interface Hello {
  workspace: string;
  runs: Run[];
  formats: Format[];
  opsets: number[];
  nms: Nms[];
  acceptable: string[];
}

/** What holds for all formats that are chosen. */
export interface Options {
  imgsz: string;
  dynamic: boolean;
  nms: Nms;
  opset: number | null;
  simplify: boolean;
  accept: string[];
  fresh: boolean;
}

export interface Asks {
  mb: number;
  families: string[];
}

export interface Plan {
  planned: { format: string; precision: string; words: string; problem: Beats | null }[];
  asks: Asks | null;
}

/** An export in the list. */
export interface Export {
  id: string;
  run: string;
  name: string;
  format: string;
  precision: string;
  words: string;
  created: string;
  state: State;
  going: boolean;
  reason: string;
  damage: string;
  duration_s: number | null;
  phase: string;
  share: number | null;
  said: string;
  verdict: Verdict | null;
  p50_ms?: number | null;
  bytes?: number | null;
}

export interface Exports {
  of?: string;
  exports: Export[];
  starting: { run: string; format: string; words: string }[];
  all: number;
}

export interface Outcome {
  run: string;
  words: string;
  made: string;
  reused: boolean;
  error: Beats | null;
}

export interface Check {
  name: string;
  verdict: string;
  found: string;
  wanted: string;
  accepted: boolean;
  about: "answers" | "images" | "file";
}

export interface Accuracy {
  metric: string;
  checkpoint: number;
  export: number;
  drop: number;
  low: number;
  high: number;
  images: number;
}

export interface Proof {
  verdict: Verdict;
  checks: Check[];
  images: number | null;
  accuracy: Accuracy | null;
  latency: { p50_ms: number; p95_ms: number; per_s: number; threads: number | null; processor: string } | null;
  memory_mb: number | null;
  size_bytes: number | null;
  versions: Record<string, string>;
  pictures: { path: string; caption: string }[];
}

export interface Certificate extends Export {
  proof: Proof | null;
  page: boolean;
  bundle: boolean;
  folder: string;
  files: { name: string; bytes: number }[];
}

export const USUAL: Options = { imgsz: "", dynamic: false, nms: "outside", opset: null, simplify: true, accept: [], fresh: false };
