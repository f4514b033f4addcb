// A view as the parts that AND joins, and changing one of them by a click; no DOM.
//
// The language itself is the kernel's (workbench/datasets/index/views.py): here a line is only cut where it says AND.

/** Return the parts of a view that AND joins; a view with an OR outside of brackets is one part. */
export function split(line: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < line.length; at++) {
    const letter = line[at];
    if (letter === '"') at = closing(line, at);
    else if (letter === "(") depth += 1;
    else if (letter === ")") depth -= 1;
    else if (depth === 0 && word(line, at, "OR")) return [line.trim()].filter(Boolean);
    else if (depth === 0 && word(line, at, "AND")) {
      parts.push(line.slice(from, at));
      from = at + 3;
    }
  }
  return [...parts, line.slice(from)].map((part) => part.trim()).filter(Boolean);
}

/** Return the parts as one view. */
export function join(parts: string[]): string {
  if (parts.length < 2) return parts.join("");
  return parts.map((part) => (isEither(part) ? `(${part})` : part)).join(" AND ");
}

/** Return a name as a value of a view: in quotes where it needs them. */
export function quote(name: string): string {
  return /^[^\s()",*?\\]+$/.test(name) ? name : `"${name.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** Return the values that a view asks of a field by a part of its own, e.g. `class:a,b`. */
export function values(line: string, field: string): string[] {
  const part = split(line).find((each) => of(each, field));
  return part ? list(part.slice(field.length + 1)) : [];
}

/** Return the view with one more value of a field, or without it when it has it: values of a field are an OR. */
export function toggle(line: string, field: string, value: string): string {
  const now = values(line, field);
  const next = now.includes(value) ? now.filter((each) => each !== value) : [...now, value];
  return put(line, field, next);
}

/** Return the view with just these values of a field. */
export function put(line: string, field: string, next: string[]): string {
  const parts = split(line);
  const place = parts.findIndex((each) => of(each, field));
  const made = next.length ? [`${field}:${next.map(quote).join(",")}`] : [];
  if (place < 0) return join([...parts, ...made]);
  parts.splice(place, 1, ...made);
  return join(parts);
}

/** Return the view with other parts in the place of those that a pattern fits, or without these when it has just them. */
export function swap(line: string, pattern: RegExp, wanted: string[]): string {
  const rest = split(line).filter((part) => !pattern.test(part));
  return join(has(line, wanted) ? rest : [...rest, ...wanted]);
}

/** Whether a view has all of these parts. */
export function has(line: string, wanted: string[]): boolean {
  const parts = split(line);
  return wanted.every((part) => parts.includes(part));
}

/** Return the view without its n-th part. */
export function without(line: string, place: number): string {
  return join(split(line).filter((_, at) => at !== place));
}

function of(part: string, field: string): boolean {
  return part.toLowerCase().startsWith(`${field}:`) && split(part).length === 1 && !isEither(part);
}

function isEither(part: string): boolean {
  let depth = 0;
  for (let at = 0; at < part.length; at++) {
    if (part[at] === '"') at = closing(part, at);
    else if (part[at] === "(") depth += 1;
    else if (part[at] === ")") depth -= 1;
    else if (depth === 0 && word(part, at, "OR")) return true;
  }
  return false;
}

function word(line: string, at: number, wanted: string): boolean {
  const before = at === 0 ? " " : (line[at - 1] ?? " ");
  const after = line[at + wanted.length] ?? " ";
  return line.slice(at, at + wanted.length).toUpperCase() === wanted && /[\s()]/.test(before) && /[\s()]/.test(after);
}

function closing(line: string, at: number): number {
  let end = at + 1;
  while (end < line.length && line[end] !== '"') end += line[end] === "\\" ? 2 : 1;
  return end;
}

function list(text: string): string[] {
  const found: string[] = [];
  for (const [, quoted, bare] of text.matchAll(/"((?:[^"\\]|\\.)*)"|([^\s()",]+)/g)) {
    found.push(quoted === undefined ? (bare ?? "") : quoted.replace(/\\(.)/g, "$1"));
  }
  return found;
}
