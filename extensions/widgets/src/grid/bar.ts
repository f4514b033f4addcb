// The line of the filter, as a view or as SQL, what it selects, and its parts as chips that can be removed.
import { button, h, replace } from "../base/dom.ts";
import { Problem } from "../base/rpc.ts";
import type { Say } from "../base/texts.ts";
import { split, without } from "./line.ts";
import type { Key } from "./texts.ts";
import type { Filter } from "./types.ts";

export interface BarHandlers {
  /** Apply another filter; one that was typed is told here when it is wrong. */
  apply: (filter: Filter, isTyped?: boolean) => void;
  back: () => void;
}

/** The filter as it stands and can be changed. */
export class Bar {
  readonly element: HTMLElement;
  readonly chips: HTMLElement;
  private readonly input: HTMLInputElement;
  private readonly mode: HTMLSelectElement;
  private readonly backward: HTMLButtonElement;
  private readonly trouble: HTMLElement;
  private readonly say: Say<Key>;
  private readonly on: BarHandlers;
  private filter: Filter = { where: "", sql: "" };

  constructor(say: Say<Key>, id: string, on: BarHandlers) {
    this.say = say;
    this.on = on;
    this.input = h("input", {
      type: "text", class: "wb-line", id: `${id}-line`, spellcheck: "false", autocomplete: "off", autocapitalize: "off",
      "aria-label": say("line"), "aria-describedby": `${id}-trouble`,
    });
    this.mode = h("select", { "aria-label": say("language"), change: () => this.show() }, h("option", { value: "where" }, say("view")), h("option", { value: "sql" }, "SQL"));
    this.backward = button(say("back"), () => on.back(), { title: say("backTitle") });
    this.trouble = h("div", { class: "wb-trouble", id: `${id}-trouble`, role: "alert" });
    this.chips = h("div", { class: "wb-chips", role: "group", "aria-label": say("filters") });
    const form = h("form", { class: "wb-form", submit: (event) => this.submit(event) }, this.mode, this.input, h("button", { type: "submit", class: "wb-button" }, say("apply")), this.backward);
    this.element = h("div", { class: "wb-bar" }, form, this.trouble);
  }

  /** Show a filter that was applied. */
  set(filter: Filter, canGoBack: boolean): void {
    this.filter = filter;
    this.backward.disabled = !canGoBack;
    this.fine();
    this.show();
    this.showChips();
  }

  /** Show at the line what is wrong with it. */
  fail(error: unknown): void {
    const told = error instanceof Problem ? error : new Problem(String(error));
    this.input.setAttribute("aria-invalid", "true");
    const beats = [told.happened, told.expected, told.todo].filter(Boolean);
    replace(this.trouble, h("div", { class: "wb-problem" }, ...beats.map((beat, at) => h("p", { class: at ? "wb-beat" : "wb-happened" }, beat))));
  }

  private fine(): void {
    this.input.removeAttribute("aria-invalid");
    replace(this.trouble);
  }

  private show(): void {
    const isSql = this.mode.value === "sql";
    this.input.value = isSql ? this.filter.sql : this.filter.where;
    this.input.placeholder = this.say(isSql ? "sqlHint" : "lineHint");
  }

  private submit(event: Event): void {
    event.preventDefault();
    this.on.apply({ ...this.filter, [this.mode.value]: this.input.value.trim() }, true);
  }

  private showChips(): void {
    const { where, sql } = this.filter;
    const parts = split(where);
    const chips = parts.map((part, at) => this.chip(part, { where: without(where, at), sql }));
    if (sql) chips.push(this.chip(`SQL: ${sql}`, { where, sql: "" }));
    const clear = chips.length > 1 ? button(this.say("clearFilters"), () => this.on.apply({ where: "", sql: "" }), { class: "wb-button wb-plain" }) : null;
    replace(this.chips, ...chips, clear);
    this.chips.hidden = chips.length === 0;
  }

  private chip(text: string, rest: Filter): HTMLElement {
    const remove = h("button", { type: "button", class: "wb-remove", "aria-label": this.say("remove", { part: text }), click: () => this.on.apply(rest) }, "×");
    return h("span", { class: "wb-chip", title: text }, h("span", { class: "wb-chip-text" }, text), remove);
  }
}
