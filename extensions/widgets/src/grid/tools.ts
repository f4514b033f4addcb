// The rows of controls above and below the images: what is shown, how, and what is done with the selection.
import { button, h, replace } from "../base/dom.ts";
import { count } from "../base/format.ts";
import type { Say } from "../base/texts.ts";
import type { Side } from "./cells.ts";
import type { Key } from "./texts.ts";

const TABS = ["grid", "table", "issues", "pairs"] as const;
export type Tab = (typeof TABS)[number];

export interface ToolHandlers {
  tab: (tab: Tab) => void;
  side: (side: Side) => void;
  shapes: (on: boolean) => void;
  names: (on: boolean) => void;
  pickAll: () => void;
  pickNone: () => void;
  keep: (name: string, of: "filter" | "selection") => Promise<boolean>;
  fold: () => boolean;
}

/** The controls. */
export class Tools {
  readonly head: HTMLElement;
  readonly foot: HTMLElement;
  private readonly say: Say<Key>;
  private readonly on: ToolHandlers;
  private readonly tabs: HTMLButtonElement[];
  private readonly looks: HTMLElement;
  private readonly amount = h("strong", { class: "wb-amount" });
  private readonly picked = h("span", { class: "wb-picked" });
  private readonly clear: HTMLButtonElement;
  private readonly keepPicked: HTMLButtonElement | null;
  private readonly form = h("form", { class: "wb-keep", hidden: true });

  constructor(say: Say<Key>, id: string, isReadonly: boolean, on: ToolHandlers) {
    this.say = say;
    this.on = on;
    this.tabs = TABS.map((tab) => button(say(tab), () => this.select(tab), { "aria-pressed": String(tab === "grid"), "data-tab": tab }));
    this.looks = this.buildLooks();
    const fold = button(say("filters"), () => fold.setAttribute("aria-expanded", String(on.fold())), { class: "wb-button wb-fold", "aria-expanded": "false" });
    const which = h("div", { class: "wb-tabs", role: "group", "aria-label": say("show") }, ...this.tabs);
    this.head = h("div", { class: "wb-toolbar wb-head" }, fold, this.amount, which, this.looks);
    this.clear = button(say("clear"), () => on.pickNone(), { class: "wb-button wb-plain" });
    this.keepPicked = isReadonly ? null : button(say("keepSelection"), () => this.ask("selection", id));
    const keepFilter = isReadonly ? null : button(say("keepFilter"), () => this.ask("filter", id));
    this.foot = h("div", { class: "wb-toolbar wb-foot" }, this.picked, this.clear, button(say("selectAll"), () => on.pickAll(), { class: "wb-button wb-plain" }), h("span", { class: "wb-gap" }), this.keepPicked, keepFilter, this.form);
  }

  /** Turn to a tab. */
  select(tab: Tab): void {
    for (const each of this.tabs) each.setAttribute("aria-pressed", String(each.dataset.tab === tab));
    this.looks.hidden = tab === "table" || tab === "issues";
    this.on.tab(tab);
  }

  /** Tell how many are selected, of how many that match, of how many there are. */
  count(picked: number, matching: number, all: number): void {
    this.picked.textContent = this.say("selected", { n: count(picked) });
    this.clear.disabled = picked === 0;
    if (this.keepPicked) this.keepPicked.disabled = picked === 0;
    this.amount.textContent = matching === all ? this.say("all", { all: count(all) }) : this.say("of", { some: count(matching), all: count(all) });
  }

  private buildLooks(): HTMLElement {
    const sizes = (["s", "m", "l"] as const).map((side) => h("option", { value: side, selected: side === "m" }, this.say(side === "s" ? "sizeS" : side === "m" ? "sizeM" : "sizeL")));
    const side = h("select", { "aria-label": this.say("cellSize"), change: () => this.on.side(side.value as Side) }, ...sizes);
    const flip = (key: "labels" | "names", tell: (on: boolean) => void) => {
      const made: HTMLButtonElement = button(this.say(key), () => {
        const isOn = made.getAttribute("aria-pressed") !== "true";
        made.setAttribute("aria-pressed", String(isOn));
        tell(isOn);
      }, { "aria-pressed": "true" });
      return made;
    };
    return h("div", { class: "wb-looks" }, flip("labels", this.on.shapes), flip("names", this.on.names), side);
  }

  private ask(of: "filter" | "selection", id: string): void {
    const name = h("input", { type: "text", id: `${id}-keep`, required: true, maxlength: 64, placeholder: this.say("keepName"), "aria-label": this.say("keepName") });
    const cancel = button(this.say("cancel"), () => (this.form.hidden = true));
    this.form.onsubmit = (event) => {
      event.preventDefault();
      void this.on.keep(name.value.trim(), of).then((done) => (this.form.hidden = done));
    };
    replace(this.form, h("label", { for: `${id}-keep` }, this.say(of === "filter" ? "keepFilter" : "keepSelection")), name, h("button", { type: "submit", class: "wb-button wb-primary" }, this.say("keep")), cancel);
    this.form.hidden = false;
    name.focus();
  }
}
