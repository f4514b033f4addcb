// How the formats are exported, below a fold: what is there holds for all that are chosen.
import { h, replace } from "../base/dom.ts";
import type { Say } from "../base/texts.ts";
import { literal } from "../board/python.ts";
import type { Key } from "./texts.ts";
import type { Chosen, Format, Hello, Nms, Options as Values } from "./types.ts";
import { spare, takers } from "./words.ts";

export class Options {
  readonly root: HTMLDetailsElement;
  private readonly say: Say<Key>;
  private readonly change: (change: Partial<Values>) => void;
  private readonly summary = h("summary", {});
  private readonly body = h("div", { class: "ex-fields" });
  private readonly notes = new Map<string, HTMLElement>();
  private controls: { size: HTMLInputElement; nms: HTMLSelectElement; opset: HTMLSelectElement; boxes: Map<string, HTMLInputElement>; accept: Map<string, HTMLInputElement> } | null = null;
  private readonly readonly: boolean;

  constructor(say: Say<Key>, readonly: boolean, change: (change: Partial<Values>) => void) {
    this.say = say;
    this.readonly = readonly;
    this.change = change;
    this.root = h("details", { class: "ex-options" }, this.summary, this.body);
  }

  /** Draw the fields. */
  draw(hello: Pick<Hello, "opsets" | "nms" | "acceptable">): void {
    const { say } = this;
    const disabled = this.readonly;
    const size = h("input", { type: "text", inputmode: "numeric", placeholder: say("imgsz_hint"), title: say("imgsz_help"), disabled, size: 12 });
    size.addEventListener("change", () => this.change({ imgsz: size.value.trim() }));
    const nms = h("select", { disabled }, ...hello.nms.map((value) => h("option", { value }, say(`nms_${value}`))));
    nms.addEventListener("change", () => this.change({ nms: nms.value as Nms }));
    const opset = h("select", { disabled }, h("option", { value: "" }, say("opset_best")), ...hello.opsets.map((value) => h("option", { value }, value)));
    opset.addEventListener("change", () => this.change({ opset: opset.value ? Number(opset.value) : null }));
    const boxes = new Map((["dynamic", "simplify", "fresh"] as const).map((name) => [name as string, this.box((checked) => this.change({ [name]: checked }))]));
    const accept = new Map(hello.acceptable.map((row) => [row, this.box(() => this.accepted())]));
    this.controls = { size, nms, opset, boxes, accept };
    const rows = [...accept].map(([row, box]) => h("label", { class: "ex-box" }, box, say(rowKey(row))));
    replace(
      this.body,
      this.labelled("imgsz", size),
      this.labelled("nms", nms, "nms"),
      this.labelled("opset", opset, "opset"),
      this.ticked("dynamic", boxes),
      this.ticked("simplify", boxes),
      this.ticked("fresh", boxes),
      h("fieldset", { class: "ex-accept" }, h("legend", {}, say("accept")), ...rows),
    );
  }

  /** Show the values, and which of the chosen formats take each. */
  show(values: Values, formats: Format[], chosen: Chosen): void {
    const { say, controls } = this;
    const other = Object.entries(spare(values)).map(([name, value]) => `${name}=${literal(value)}`);
    replace(this.summary, h("span", {}, say("options")), " ", h("span", { class: "wb-quiet" }, other.join(" · ") || say("options_usual")));
    if (!controls) return;
    if (document.activeElement !== controls.size) controls.size.value = String(values.imgsz ?? "");
    controls.nms.value = values.nms;
    controls.opset.value = values.opset === null ? "" : String(values.opset);
    for (const [name, box] of controls.boxes) box.checked = Boolean(values[name as keyof Values]);
    for (const [row, box] of controls.accept) box.checked = values.accept.includes(row);
    for (const [name, note] of this.notes) {
      const names = takers(formats, chosen, name);
      const partly = names.length && names.length < Object.keys(chosen).length;
      note.textContent = names.length ? (partly ? say("taken_by", { names: names.join(", ") }) : "") : say("taken_by_none");
    }
  }

  private accepted(): void {
    const found = [...(this.controls?.accept ?? [])].filter(([, box]) => box.checked).map(([row]) => row);
    this.change({ accept: found });
  }

  private box(changed: (checked: boolean) => void): HTMLInputElement {
    const box = h("input", { type: "checkbox", disabled: this.readonly });
    box.addEventListener("change", () => changed(box.checked));
    return box;
  }

  private labelled(key: Key, control: HTMLElement, option = ""): HTMLElement {
    return h("div", { class: "ex-field" }, h("label", {}, h("span", { class: "wb-quiet" }, this.say(key)), control), this.note(option));
  }

  private ticked(name: "dynamic" | "simplify" | "fresh", boxes: Map<string, HTMLInputElement>): HTMLElement {
    return h("div", { class: "ex-field" }, h("label", { class: "ex-box" }, boxes.get(name) ?? null, this.say(name)), this.note(name === "fresh" ? "" : name));
  }

  private note(option: string): HTMLElement | null {
    if (!option) return null;
    const note = h("span", { class: "wb-quiet ex-note" });
    this.notes.set(option, note);
    return note;
  }
}

/** Return the key of a certificate row's name. */
export function rowKey(row: string): Key {
  return `row_${row.replaceAll(" ", "_")}` as Key;
}
