// What there is to filter by, as lists of bars: a click on one filters.
import { button, h, replace } from "../base/dom.ts";
import { count } from "../base/format.ts";
import type { Rpc } from "../base/rpc.ts";
import type { Say } from "../base/texts.ts";
import { lineStyle } from "../base/theme.ts";
import { has, put, swap, toggle, values } from "./line.ts";
import type { Key } from "./texts.ts";
import type { Filter, Hello, RuleCount } from "./types.ts";

const SHOWN = 12;
const MORE = 300;
const LONG = 16;
const TAIL = 6;
const SIZE_PARTS = /^(width|height)=/i;
const COUNT_PARTS = /^(objects[<>=!]|background$)/i;

interface Item {
  label: string;
  line: string;
  isOn: boolean;
  amount: number;
  parts?: number[];
  title?: string;
  mark?: string;
}

interface Counts {
  classes?: Record<string, [number[], number]>;
  splits?: Record<string, number>;
  small?: number;
  medium?: number;
  large?: number;
  sizes?: [number, number, number][];
  more?: number;
  bins?: [number, number | null, number][];
  rules?: RuleCount[];
}

/** The side of the browser. */
export class Facets {
  readonly element: HTMLElement;
  private readonly sections = new Map<string, HTMLElement>();
  private readonly rpc: Rpc;
  private readonly say: Say<Key>;
  private readonly lang: "en" | "ko";
  private readonly apply: (where: string) => void;
  private readonly isUnfolded = new Set<string>();
  private info: Hello;
  private line = "";
  private wanted = "";
  private era = 0;
  private counts: Counts = {};

  constructor(rpc: Rpc, info: Hello, say: Say<Key>, lang: "en" | "ko", apply: (where: string) => void) {
    this.rpc = rpc;
    this.info = info;
    this.say = say;
    this.lang = lang;
    this.apply = apply;
    this.element = h("nav", { class: "wb-side", "aria-label": say("filters") });
    for (const name of ["views", "splits", "classes", "issues", "sizes", "bins", "shapes"]) {
      const section = h("section", { class: `wb-facet-${name}` });
      this.sections.set(name, section);
      this.element.append(section);
    }
  }

  /** The dataset was opened anew. */
  tell(info: Hello): void {
    this.info = info;
    this.showViews();
  }

  /** Count what a filter selects; each list is counted without what it says itself, so that one can choose more. */
  async load(filter: Filter, failed: (error: unknown) => void): Promise<void> {
    const era = ++this.era;
    this.line = filter.where;
    this.show();
    const bare = (field: string) => put(filter.where, field, []);
    const wanted: [string, string][] = [
      ["splits", bare("split")],
      ["classes", bare("class")],
      ["issues", bare("issue")],
      ["objects", swap(filter.where, COUNT_PARTS, [])],
      ["sizes", swap(filter.where, SIZE_PARTS, [])],
    ];
    for (const [part, where] of wanted) {
      try {
        const { data } = await this.rpc.newest<Counts>("count", "count", { part, where, sql: filter.sql });
        if (era !== this.era) return;
        Object.assign(this.counts, data);
        this.show(part);
      } catch (error) {
        if (era === this.era) failed(error);
        return;
      }
    }
  }

  private show(part = ""): void {
    const all: Record<string, () => void> = {
      views: () => this.showViews(),
      splits: () => (this.showSplits(), this.showObjectSizes()),
      classes: () => this.showClasses(),
      issues: () => this.showIssues(),
      objects: () => this.showBins(),
      sizes: () => this.showSizes(),
    };
    for (const [name, draw] of Object.entries(all)) if (!part || part === name) draw();
  }

  private showViews(): void {
    const items = Object.entries(this.info.views).map(([name, text]) => ({
      label: name, line: toggle(this.line, "view", name), isOn: values(this.line, "view").includes(name), amount: -1, title: text,
    }));
    this.list("views", this.say("views"), items);
  }

  private showSplits(): void {
    const counted = this.counts.splits ?? {};
    const on = values(this.line, "split");
    const items = this.info.splits.map((split, at) => {
      const amount = counted[split] ?? 0;
      return {
        label: split || this.say("unsplit"), line: toggle(this.line, "split", split), isOn: on.includes(split), amount,
        parts: this.info.splits.map((_, each) => (each === at ? amount : 0)),
      };
    });
    this.list("splits", this.say("splits"), items);
  }

  private showClasses(): void {
    const on = values(this.line, "class");
    const counted = this.counts.classes ?? {};
    const search = this.wanted.toLowerCase();
    const items = this.info.classes
      .map((style, cls) => {
        const [parts, objects] = counted[cls] ?? [[], 0];
        const amount = parts.reduce((sum, each) => sum + each, 0);
        const title = `${style.name}: ${count(objects)} ${this.say("amount").toLowerCase()}`;
        return { label: style.name, line: toggle(this.line, "class", style.name), isOn: on.includes(style.name), amount, parts, mark: style.color, title };
      })
      .filter((item) => item.isOn || item.label.toLowerCase().includes(search))
      .sort((one, other) => Number(other.isOn) - Number(one.isOn) || other.amount - one.amount);
    this.list("classes", this.say("classes"), items, this.info.classes.length > SHOWN);
  }

  private showIssues(): void {
    const on = values(this.line, "issue");
    const rules = (this.counts.rules ?? []).filter((rule) => rule.images || on.includes(rule.rule));
    const grave = ["error", "warning", "info"] as const;
    const items = grave.flatMap((severity): Item[] => {
      const own = rules.filter((rule) => rule.severity === severity);
      const names = own.map((rule) => rule.rule);
      if (!names.length) return [];
      const isOn = names.every((name) => on.includes(name));
      const rest = on.filter((name) => !names.includes(name));
      const head = {
        label: this.say(severity), mark: severity, isOn, line: put(this.line, "issue", isOn ? rest : [...rest, ...names]),
        amount: own.reduce((sum, rule) => sum + rule.images, 0),
      };
      return [head, ...own.map((rule) => ({
        label: rule.title[this.lang], line: toggle(this.line, "issue", rule.rule), isOn: on.includes(rule.rule), amount: rule.images, title: rule.rule, mark: "sub",
      }))];
    });
    this.list("issues", this.say("issue"), items);
  }

  private showObjectSizes(): void {
    const on = values(this.line, "size");
    const items = (["small", "medium", "large"] as const).map((size) => ({
      label: this.say(size), line: toggle(this.line, "size", size), isOn: on.includes(size), amount: this.counts[size] ?? 0,
    }));
    this.list("shapes", this.say("objectSize"), items.some((item) => item.amount || item.isOn) ? items : []);
  }

  private showBins(): void {
    const items = (this.counts.bins ?? []).map(([low, high, amount]) => {
      const parts = high === 0 ? ["background"] : high === null ? [`objects>=${low}`] : low === high ? [`objects=${low}`] : [`objects>=${low}`, `objects<=${high}`];
      const label = high === 0 ? this.say("noObjects") : high === null ? `${low}+` : low === high ? String(low) : `${low}–${high}`;
      return { label, line: swap(this.line, COUNT_PARTS, parts), isOn: has(this.line, parts), amount };
    });
    this.list("bins", this.say("objects"), items.filter((item) => item.amount || item.isOn));
  }

  private showSizes(): void {
    const items = (this.counts.sizes ?? []).map(([width, height, amount]) => {
      const parts = [`width=${width}`, `height=${height}`];
      return { label: width && height ? `${width} × ${height}` : this.say("unknownSize"), line: swap(this.line, SIZE_PARTS, parts), isOn: has(this.line, parts), amount };
    });
    this.list("sizes", this.say("imageSize"), items);
    if (this.counts.more) this.sections.get("sizes")?.append(h("p", { class: "wb-quiet" }, this.say("otherSizes", { n: count(this.counts.more) })));
  }

  private list(name: string, title: string, items: Item[], withSearch = false): void {
    const section = this.sections.get(name);
    if (!section) return;
    section.hidden = items.length === 0 && !withSearch;
    const held = section.contains(document.activeElement) ? document.activeElement?.getAttribute("data-key") : null;
    const most = Math.max(...items.map((item) => item.amount), 1);
    const shown = items.slice(0, this.isUnfolded.has(name) ? MORE : SHOWN);
    const more = items.length - shown.length;
    const unfold = () => (this.isUnfolded.add(name), this.show());
    const rows = shown.map((item) => h("li", {}, this.item(item, most)));
    const ends = more > 0 && !this.isUnfolded.has(name) ? button(this.say("more", { n: count(more) }), unfold, { class: "wb-button wb-plain" }) : null;
    const search = withSearch ? (section.querySelector("input") ?? this.search()) : null;
    replace(section, h("h3", {}, title), search, h("ul", {}, ...rows), ends);
    if (held) [...section.querySelectorAll<HTMLElement>("[data-key]")].find((each) => each.getAttribute("data-key") === held)?.focus();
  }

  private search(): HTMLInputElement {
    const input = h("input", { type: "search", placeholder: this.say("find"), "aria-label": this.say("find"), "data-key": "search" });
    input.addEventListener("input", () => {
      this.wanted = input.value;
      this.showClasses();
      input.focus();
    });
    return input;
  }

  private item(item: Item, most: number): HTMLButtonElement {
    const parts = item.parts?.length ? item.parts : [item.amount];
    const bars = parts.map((amount, at) => {
      const color = item.parts ? lineStyle(at).color : "var(--wb-accent)";
      return h("span", { style: `width:${(100 * Math.max(amount, 0)) / most}%;background:${color}` });
    });
    const isColor = item.mark?.startsWith("#");
    const dot = isColor ? h("span", { class: "wb-dot", style: `background:${item.mark}` }) : item.mark && item.mark !== "sub" ? h("span", { class: `wb-dot wb-is-${item.mark}` }) : null;
    const [start, end] = halves(item.label);
    const label = h("span", { class: "wb-facet-label" }, dot, h("span", { class: "wb-start" }, start), end ? h("span", {}, end) : null);
    const amount = item.amount < 0 ? null : h("span", { class: "wb-facet-count" }, count(item.amount));
    return h(
      "button",
      {
        type: "button", class: `wb-facet${item.mark === "sub" ? " wb-sub" : ""}`, "aria-pressed": String(item.isOn), title: item.title ?? item.label,
        "data-key": item.label, click: () => this.apply(item.line),
      },
      label,
      amount,
      item.amount < 0 ? null : h("span", { class: "wb-track", "aria-hidden": "true" }, ...bars),
    );
  }
}

/** Cut a long name in two, so that its end is seen as well: names often differ there. */
function halves(name: string): [string, string] {
  const letters = [...name];
  return letters.length > LONG ? [letters.slice(0, -TAIL).join(""), letters.slice(-TAIL).join("")] : [name, ""];
}
