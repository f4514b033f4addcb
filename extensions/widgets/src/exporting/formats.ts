// The formats, with what each needs and what can be done with it here; several can be ticked.
import { h, replace } from "../base/dom.ts";
import type { Say } from "../base/texts.ts";
import { marked } from "./marks.ts";
import type { Key } from "./texts.ts";
import type { Chosen, Format } from "./types.ts";
import { megabytes, toggled } from "./words.ts";

const CANS = { "make and prove": ["good", "can_prove"], make: ["open", "can_make"], refused: ["bad", "can_not"] } as const;
const FALLBACK = "fp32";

export class Formats {
  readonly root = h("div", { class: "ex-formats" });
  private readonly say: Say<Key>;
  private readonly readonly: boolean;
  private readonly choose: (chosen: Chosen) => void;
  private readonly boxes = new Map<string, HTMLInputElement>();
  private readonly selects = new Map<string, HTMLSelectElement>();
  private readonly preferred = new Map<string, string>();
  private chosen: Chosen = {};

  constructor(say: Say<Key>, readonly: boolean, choose: (chosen: Chosen) => void) {
    this.say = say;
    this.readonly = readonly;
    this.choose = choose;
  }

  /** Draw the table anew. */
  draw(formats: Format[]): void {
    const { say } = this;
    this.boxes.clear();
    this.selects.clear();
    const opened = this.root.querySelector("details")?.open ?? false;
    const possible = formats.filter((format) => format.can !== "refused");
    const refused = formats.filter((format) => format.can === "refused");
    const heads = (["format", "precision", "needs", "here", "endpoint_col"] as const).map((key) => h("th", { scope: "col" }, say(key)));
    const names = refused.map((format) => format.title).join(", ");
    const rest = h(
      "details",
      { class: "ex-refused", open: opened },
      h("summary", {}, say("refused_some", { n: refused.length, names })),
      this.table(h("tr", {}, h("th", { scope: "col" }, say("format")), h("th", { scope: "col" }, say("reason"))), refused.map((format) => this.refused(format))),
    );
    replace(this.root, this.table(h("tr", {}, ...heads), possible.map((format) => this.possible(format))), refused.length ? rest : null);
    this.show(this.chosen);
  }

  /** Show what is chosen. */
  show(chosen: Chosen): void {
    this.chosen = chosen;
    for (const [name, box] of this.boxes) box.checked = name in chosen;
    for (const [name, select] of this.selects) select.value = chosen[name] ?? this.preferred.get(name) ?? select.options[0]?.value ?? FALLBACK;
  }

  private table(head: HTMLElement, rows: HTMLElement[]): HTMLElement {
    return h("table", { class: "wb-table ex-table" }, h("thead", {}, head), h("tbody", {}, ...rows));
  }

  private possible(format: Format): HTMLElement {
    const { say } = this;
    const [mark, word] = CANS[format.can];
    return h(
      "tr",
      { "data-format": format.name },
      h("th", { scope: "row" }, this.name(format, false)),
      h("td", { "data-label": say("precision") }, this.precision(format)),
      h("td", { "data-label": say("needs") }, this.needs(format)),
      h("td", { "data-label": say("here"), title: format.reason }, marked(mark, say(word)), format.can === "make" ? h("p", { class: "wb-quiet ex-why" }, format.reason) : null),
      h("td", { "data-label": say("endpoint_col") }, format.served ? marked("good", say("served")) : h("span", { class: "wb-quiet" }, say("not_served"))),
    );
  }

  private refused(format: Format): HTMLElement {
    const reason = h("td", { class: "ex-why", id: `ex-why-${format.name}-${Math.random().toString(36).slice(2, 8)}` }, format.reason);
    return h("tr", { "data-format": format.name }, h("th", { scope: "row" }, this.name(format, true, reason.id)), reason);
  }

  private name(format: Format, refused: boolean, why = ""): HTMLElement {
    const box = h("input", { type: "checkbox", disabled: refused || this.readonly, "aria-label": this.say("choose_format", { name: format.title }), "aria-describedby": why || null });
    box.addEventListener("change", () => this.choose(toggled(this.chosen, format.name, box.checked ? this.wanted(format) : null)));
    if (!refused) this.boxes.set(format.name, box);
    return h("label", { class: "ex-name" }, box, h("span", {}, format.title));
  }

  private precision(format: Format): HTMLElement {
    const select = h(
      "select",
      { "aria-label": this.say("precision_of", { name: format.title }), disabled: this.readonly },
      ...format.precisions.map((precision) => h("option", { value: precision }, precision)),
    );
    select.addEventListener("change", () => {
      this.preferred.set(format.name, select.value);
      // Whoever chooses how, wants it
      this.choose(toggled(this.chosen, format.name, select.value));
    });
    this.selects.set(format.name, select);
    return select;
  }

  private needs(format: Format): HTMLElement {
    if (!format.family) return h("span", { class: "wb-quiet" }, this.say("needs_nothing"));
    if (!format.needs_mb) return h("span", { class: "wb-quiet" }, this.say("needs_made"));
    return h("span", {}, this.say("needs_mb", { mb: megabytes(format.needs_mb) }));
  }

  private wanted(format: Format): string {
    return this.selects.get(format.name)?.value ?? format.precisions[0] ?? FALLBACK;
  }
}
