// What is shown, chosen by hand: metrics, scope, axis, smoothing, scale, zoom, table.
import { button, h, replace } from "../base/dom.ts";
import { AXES, type AxisName } from "./axis.ts";
import type { Texts } from "./panel.ts";
import type { TEXTS } from "./texts.ts";

const MOST_LISTED = 200;

export interface Settings {
  metrics: string[];
  all: string[];
  scope: string;
  scopes: string[];
  axis: AxisName;
  smoothing: number;
  log: boolean;
  table: boolean;
  zoomed: boolean;
}

export interface Choices {
  metrics(names: string[] | null): void;
  scope(name: string): void;
  axis(name: AxisName): void;
  smoothing(weight: number, done: boolean): void;
  log(on: boolean): void;
  table(on: boolean): void;
  zoomOut(): void;
}

export class Toolbar {
  readonly root: HTMLElement;
  private readonly say: Texts;
  private readonly choices: Choices;
  private settings: Settings | null = null;
  private readonly open: HTMLButtonElement;
  private readonly picker: HTMLElement;
  private readonly search: HTMLInputElement;
  private readonly list: HTMLElement;
  private readonly scope: HTMLSelectElement;
  private readonly axis: HTMLSelectElement;
  private readonly slider: HTMLInputElement;
  private readonly weight: HTMLElement;
  private readonly log: HTMLButtonElement;
  private readonly out: HTMLButtonElement;
  private readonly table: HTMLButtonElement;

  constructor(say: Texts, choices: Choices) {
    this.say = say;
    this.choices = choices;
    this.open = button(say("metrics"), () => this.toggle(Boolean(this.picker.hidden)), { "aria-expanded": "false" });
    this.search = h("input", { type: "search", placeholder: say("search"), "aria-label": say("search"), input: () => this.fill() });
    this.list = h("div", { class: "wbc-list", role: "group", "aria-label": say("metrics") });
    const shortcuts = [button(say("standard"), () => choices.metrics(null)), button(say("none"), () => choices.metrics([]))];
    this.picker = h("div", { class: "wbc-picker", hidden: true }, h("div", { class: "wbc-search" }, this.search, ...shortcuts), this.list);
    this.scope = h("select", { change: () => choices.scope(this.scope.value) });
    this.axis = h("select", { change: () => choices.axis(this.axis.value as AxisName) });
    this.weight = h("output", { class: "wbc-weight" });
    this.slider = h("input", { type: "range", min: 0, max: 0.99, step: 0.01, input: () => this.slide(false), change: () => this.slide(true) });
    this.log = button(say("log"), () => choices.log(!this.settings?.log));
    this.out = button(say("zoomOut"), () => choices.zoomOut());
    this.table = button(say("table"), () => choices.table(!this.settings?.table));
    const bar = h(
      "div",
      { class: "wb-toolbar", role: "group", "aria-label": say("controls") },
      this.open,
      h("label", {}, h("span", { class: "wbc-label" }, say("scope")), this.scope),
      h("label", {}, h("span", { class: "wbc-label" }, say("axis")), this.axis),
      h("label", {}, h("span", { class: "wbc-label" }, say("smoothing")), this.slider, this.weight),
      this.log,
      this.table,
      this.out,
    );
    this.root = h("div", { class: "wbc-controls" }, bar, this.picker);
    this.root.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this.picker.hidden) this.toggle(false);
    });
  }

  update(settings: Settings): void {
    const before = this.settings;
    this.settings = settings;
    this.open.textContent = this.say("metricsCount", { shown: settings.metrics.length, all: settings.all.length });
    if (before?.scopes.join("\n") !== settings.scopes.join("\n")) options(this.scope, settings.scopes, (name) => this.scopeName(name));
    const axes = AXES.filter((axis) => axis !== "epoch" || !["system", "final"].includes(settings.scope));
    options(this.axis, axes, (name) => this.say(`axis_${name as AxisName}`));
    this.scope.value = settings.scope;
    this.axis.value = settings.axis;
    if (document.activeElement !== this.slider) this.slider.value = String(settings.smoothing);
    this.weight.textContent = settings.smoothing.toFixed(2);
    this.log.setAttribute("aria-pressed", String(settings.log));
    this.table.setAttribute("aria-pressed", String(settings.table));
    this.out.hidden = !settings.zoomed;
    if (this.scope.parentElement) this.scope.parentElement.hidden = !settings.scopes.length;
    if (!this.picker.hidden) this.fill();
  }

  private toggle(open: boolean): void {
    this.picker.hidden = !open;
    this.open.setAttribute("aria-expanded", String(open));
    if (open) {
      this.fill();
      this.search.focus();
    } else if (this.root.contains(document.activeElement)) this.open.focus();
  }

  private slide(done: boolean): void {
    this.weight.textContent = Number(this.slider.value).toFixed(2);
    this.choices.smoothing(Number(this.slider.value), done);
  }

  private fill(): void {
    const settings = this.settings;
    if (!settings) return;
    const words = this.search.value.toLowerCase().split(/\s+/);
    const found = settings.all.filter((name) => words.every((word) => name.toLowerCase().includes(word)));
    const focused = document.activeElement instanceof HTMLInputElement ? document.activeElement.value : "";
    const rows = found.slice(0, MOST_LISTED).map((name) => this.row(name, settings.metrics.includes(name)));
    const more = found.length - rows.length;
    const note = !found.length ? this.say("nothingFound") : more ? this.say("more", { count: more }) : "";
    replace(this.list, ...rows, note ? h("p", { class: "wb-quiet" }, note) : null);
    if (focused && document.activeElement !== this.search) {
      for (const box of this.list.querySelectorAll("input")) if (box.value === focused) box.focus();
    }
  }

  private row(name: string, chosen: boolean): HTMLElement {
    const box = h("input", { type: "checkbox", value: name, checked: chosen, change: () => this.pick(name, box.checked) });
    return h("label", { class: "wbc-metric", title: name }, box, h("span", {}, name));
  }

  private pick(name: string, on: boolean): void {
    const metrics = this.settings?.metrics ?? [];
    this.choices.metrics(on ? [...metrics, name] : metrics.filter((each) => each !== name));
  }

  private scopeName(scope: string): string {
    const found = this.say(`scope_${scope}` as keyof typeof TEXTS);
    return found.startsWith("scope_") ? scope : found;
  }
}

function options(select: HTMLSelectElement, names: readonly string[], text: (name: string) => string): void {
  if ([...select.options].map((option) => option.value).join("\n") === names.join("\n")) return;
  replace(select, ...names.map((name) => h("option", { value: name }, text(name))));
}
