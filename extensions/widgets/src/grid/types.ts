// What the kernel tells the dataset browser; the fields are explained in workbench/widgets/state/grid*.py.

export interface Filter {
  where: string;
  sql: string;
}

export interface Shape {
  c: number;
  b?: [number, number, number, number];
  r?: number[][];
  k?: [number, number, number][];
  s?: [number, number][];
  d?: 1;
}

export interface Row {
  id: number;
  path: string;
  split: string;
  width: number;
  height: number;
  shown: [number, number];
  count: number;
  rules: string[];
  severity: string;
  effect: string;
  shapes: Shape[];
  more: number;
  thumb: number;
  problem: string;
  picked: boolean;
}

export interface ClassStyle {
  name: string;
  color: string;
}

export interface Hello {
  name: string;
  task: string;
  images: number;
  objects: number;
  splits: string[];
  classes: ClassStyle[];
  views: Record<string, string>;
  selected: number;
  readonly: boolean;
}

export interface WindowData {
  start: number;
  total: number;
  rows: Row[];
}

export interface LateData {
  thumbs: { id: number; thumb: number; problem: string; shapes?: Shape[] }[];
}

export interface Words {
  en: string;
  ko: string;
}

export interface RuleCount {
  rule: string;
  issues: number;
  images: number;
  severity: string;
  title: Words;
  behaviour: Words;
  advice: Words;
}

export interface ObjectRow {
  cls: number;
  kind: string;
  box: [number, number, number, number] | null;
  crowd: boolean;
  line: number;
}

export interface IssueRow {
  rule: string;
  path: string;
  line: number;
  detail: string;
  effect: string;
  severity: string;
  title: Words;
  advice: Words;
}

export interface Detail extends Row {
  file: string;
  facts: { bytes: number | null; group: string | null; effect: string | null };
  sha256: string;
  objects: ObjectRow[];
  issues: IssueRow[];
  ready: boolean;
}

export interface Pair {
  rule: string;
  title: Words;
  how: string;
  detail: string;
  image: Row;
  other: Row | null;
}

/** Return the last part of a path. */
export function basename(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
