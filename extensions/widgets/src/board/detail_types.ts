// What the kernel says of one run, as `workbench/widgets/state/board_detail.py` and `board_media.py` form it.
import type { Plain, Run, State } from "./types.ts";

export interface Attempt {
  attempt: number;
  began?: number;
  ended?: number;
  state?: State | "retried";
  reason?: string;
  notebook?: string;
  log?: string;
}

export interface Setting {
  name: string;
  value: Plain;
  origin: "default" | "set" | "changed";
  before?: Plain;
}

export interface Made {
  id: string;
  name: string;
  notebook: string;
  state: State;
  served: { name: string; url: string }[];
}

export interface Facts {
  run: Run;
  damage: string;
  folder: string;
  home: string;
  facts: {
    notebook?: string;
    project?: string;
    session?: string;
    tags?: string[];
    note?: string;
    model?: { ref: string; kind: string; task: string } | null;
    dataset?: { name: string; images: Record<string, number>; digest: string } | null;
    seed?: number | null;
    source?: string | null;
    machine?: string | null;
    cores?: number | null;
    code?: string | null;
  };
  attempts: Attempt[];
  config: Setting[];
  made: Made[];
}

export interface Log {
  attempt: number;
  lines: string[] | null;
  cut: boolean;
}

export interface SeriesAnswer {
  scope: string;
  series: { name: string; points: number; total: number }[];
  left_out: number;
}

export interface MatrixAnswer {
  names: string[] | null;
  background: boolean;
  side: number;
}

export interface LinesAnswer {
  curves: { name: string; x_label: string; y_label: string; names: string[]; points: number; count: number }[];
}

export interface PicturesAnswer {
  pictures: { path: string; name: string; kind: string; step: number | null }[];
  left_out: number;
}

export interface Comparison {
  runs: Run[];
  settings: Record<string, Plain[]>;
}

export interface Peer {
  id: string;
  name: string;
  state: State;
}
