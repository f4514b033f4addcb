// Above the table: search, states, what else to filter by, groups and columns.
import { button, h, replace } from "../base/dom.ts";
import { count } from "../base/format.ts";
import { stateMark, type Speaking } from "./cells.ts";
import type { Key } from "./texts.ts";
import type { Filter, Hello, Settings, State, Window } from "./types.ts";
import { STATES } from "./types.ts";

export type Change = (change: Partial<Settings>) => void;
const TYPING_MS = 200;

export class Toolbar {
  readonly root: HTMLElement;
  private readonly search: HTMLInputElement;
  private readonly states: HTMLElement;
  private readonly more: HTMLElement;
  private readonly counted: HTMLElement;
  private typing: ReturnType<typeof setTimeout> | undefined;
  private hello: Hello | null = null;
  private tally: Window["tally"] = {};
  private settings: Settings;
  private readonly speaking: Speaking;
  private readonly change: Change;

  constructor(speaking: Speaking, settings: Settings, change: Change) {
    this.speaking = speaking;
    this.settings = settings;
    this.change = change;
    const { say } = speaking;
    this.search = h("input", { type: "search", class: "bd-search", placeholder: say("search"), "aria-label": say("search") });
    this.search.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.filter({}), TYPING_MS);
    });
    this.states = h("div", { class: "bd-states", role: "group", "aria-label": say("states") });
    this.more = h("div", { class: "bd-more" });
    this.counted = h("span", { class: "bd-counted wb-quiet", role: "status" });
    this.root = h("div", { class: "bd-toolbar wb-toolbar" }, this.search, this.states, this.more, this.counted);
  }

  /** Show what there is to choose from, and what is chosen. */
  show(settings: Settings, hello = this.hello): void {
    // What is being typed stays: it is about to become the filter.
    if (settings.filter.text !== this.settings.filter.text || !this.hello) this.search.value = settings.filter.text;
    this.settings = settings;
    this.hello = hello;
    this.drawStates();
    if (hello && !this.more.contains(document.activeElement)) this.drawMore(hello);
  }

  /** Show that there is something else to filter by. */
  choose(choices: Hello["choices"]): void {
    if (this.hello) this.show(this.settings, { ...this.hello, choices });
  }

  /** Show how many runs there are, and how many pass. */
  count(window: Omit<Window, "items" | "start">): void {
    this.tally = window.tally;
    this.drawStates();
    const { say } = this.speaking;
    const all = count(window.all);
    const part = window.matching !== null && window.matching !== window.all;
    this.counted.textContent = part ? say("shown", { n: count(window.matching ?? 0), all }) : window.all === 1 ? say("one_run") : say("all_runs", { all });
  }

  private filter(change: Partial<Filter>): void {
    clearTimeout(this.typing);
    this.change({ filter: { ...this.settings.filter, text: this.search.value, ...change } });
  }

  private drawStates(): void {
    const wanted = this.settings.filter.state;
    const focused = this.states.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset["state"] : undefined;
    const chips = STATES.filter((state) => this.tally[state] || wanted.includes(state)).map((state) => this.chip(state, wanted));
    replace(this.states, ...chips);
    if (focused) this.states.querySelector<HTMLElement>(`[data-state="${focused}"]`)?.focus();
  }

  private chip(state: State, wanted: State[]): HTMLElement {
    const on = wanted.includes(state);
    const next = on ? wanted.filter((other) => other !== state) : [...wanted, state];
    return h(
      "button",
      { type: "button", class: "wb-button bd-chip", "aria-pressed": String(on), "data-state": state, click: () => this.filter({ state: next }) },
      stateMark(state, this.speaking.say),
      h("span", { class: "wb-quiet" }, count(this.tally[state] ?? 0)),
    );
  }

  private drawMore(hello: Hello): void {
    const { filter } = this.settings;
    const parts = (["kind", "project", "tag"] as const)
      .filter((name) => hello.choices[name].length > (name === "tag" ? 0 : 1) || filter[name].length)
      .map((name) => this.choice(name, hello.choices[name]));
    replace(this.more, ...parts, this.groups(hello), this.columns(hello));
  }

  private choice(name: "kind" | "project" | "tag", values: string[]): HTMLElement {
    const { say } = this.speaking;
    const chosen = this.settings.filter[name][0] ?? "";
    const any = h("option", { value: "" }, say(`any_${name}` as Key));
    const options = [...new Set([...values, ...this.settings.filter[name]])].map((value) => h("option", { value, selected: value === chosen }, value));
    const select = h("select", { "aria-label": say(name), change: () => this.filter({ [name]: select.value ? [select.value] : [] }) }, any, ...options);
    return select;
  }

  private groups(hello: Hello): HTMLElement {
    const { say } = this.speaking;
    const { group } = this.settings;
    const option = (value: string, label: string) => h("option", { value, selected: value === group }, label);
    const settings = hello.settings.map((name) => option(`config.${name}`, name));
    const select = h(
      "select",
      { change: () => this.change({ group: select.value }) },
      option("", say("no_group")),
      h("optgroup", { label: say("of_run") }, ...hello.groups.map((name) => option(name, say(`col_${name}` as Key)))),
      h("optgroup", { label: say("settings") }, ...settings),
    );
    return h("label", { class: "bd-labelled" }, h("span", { class: "wb-quiet" }, say("group")), select);
  }

  private columns(hello: Hello): HTMLElement {
    const { say } = this.speaking;
    const { columns } = this.settings;
    const boxes = [...hello.columns, ...columns.filter((column) => column.startsWith("config."))].map((column) => {
      const box = h("input", { type: "checkbox", change: () => this.column(column, box.checked, hello) });
      box.checked = columns.includes(column);
      return h("label", { class: "bd-column" }, box, column.startsWith("config.") ? column.slice("config.".length) : say(`col_${column}` as Key));
    });
    const add = h(
      "select",
      { "aria-label": say("add_setting"), change: () => add.value && this.column(`config.${add.value}`, true, hello) },
      h("option", { value: "" }, say("add_setting")),
      ...hello.settings.map((name) => h("option", { value: name }, name)),
    );
    const panel = h("div", { class: "bd-columns", hidden: true }, ...boxes, add);
    const opener = button(
      say("columns"),
      () => {
        panel.hidden = !panel.hidden;
        opener.setAttribute("aria-expanded", String(!panel.hidden));
      },
      { "aria-expanded": "false" },
    );
    const menu = h("div", { class: "bd-menu" }, opener, panel);
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || panel.hidden) return;
      opener.click();
      opener.focus();
      event.stopPropagation();
    });
    menu.addEventListener("focusout", (event) => {
      if (!panel.hidden && event.relatedTarget && !menu.contains(event.relatedTarget as Node)) opener.click();
    });
    return menu;
  }

  private column(column: string, wanted: boolean, hello: Hello): void {
    const { columns } = this.settings;
    if (!wanted) this.change({ columns: columns.filter((other) => other !== column) });
    else {
      const order = [...hello.columns, ...columns.filter((other) => other.startsWith("config.")), column];
      this.change({ columns: [...new Set(order)].filter((other) => other === column || columns.includes(other)) });
    }
  }
}
