// Things that cost memory, of which the least recently used go; no DOM.

/** Keeps at most `most` values, and calls `end` on what goes. */
export class Lru<Value> {
  private readonly found = new Map<string | number, Value>();
  private readonly most: number;
  private readonly end: (value: Value) => void;

  constructor(most: number, end: (value: Value) => void = () => {}) {
    this.most = most;
    this.end = end;
  }

  get size(): number {
    return this.found.size;
  }

  get(key: string | number): Value | undefined {
    const value = this.found.get(key);
    if (value === undefined) return undefined;
    this.found.delete(key);
    this.found.set(key, value);
    return value;
  }

  has(key: string | number): boolean {
    return this.found.has(key);
  }

  set(key: string | number, value: Value): void {
    const before = this.found.get(key);
    if (before !== undefined) this.end(before);
    this.found.delete(key);
    this.found.set(key, value);
    for (const [oldest, each] of this.found) {
      if (this.found.size <= this.most) break;
      this.found.delete(oldest);
      this.end(each);
    }
  }

  entries(): IterableIterator<[string | number, Value]> {
    return this.found.entries();
  }

  clear(): void {
    for (const value of this.found.values()) this.end(value);
    this.found.clear();
  }
}
