// The field in which a person writes: Enter sends, but never in the middle of a syllable.
import { button, h } from "../base/dom.ts";
import type { Say } from "../base/texts.ts";
import { isText, keyMeans, Recall } from "./store.ts";
import type { Key } from "./texts.ts";

const TALLEST_PX = 160;

/** The prompt. */
export class Prompt {
  readonly root: HTMLElement;
  readonly field: HTMLTextAreaElement;
  private readonly recall = new Recall();
  private readonly send: (text: string) => void;
  private readonly typed: () => string[];
  private readonly sender: HTMLButtonElement;

  constructor(say: Say<Key>, send: (text: string) => void, typed: () => string[]) {
    this.send = send;
    this.typed = typed;
    this.field = h("textarea", {
      rows: 1,
      placeholder: say("placeholder"),
      "aria-label": say("prompt"),
      title: say("hint"),
      maxlength: 20_000,
      keydown: (event) => this.key(event as KeyboardEvent),
      input: () => (this.recall.reset(), this.grow()),
    });
    this.sender = button(say("send"), () => this.submit(), { class: "wb-button wb-primary" });
    this.root = h("div", { class: "wb-prompt" }, this.field, this.sender);
  }

  /** Let nobody write, e.g. because the session is gone. */
  disable(off: boolean): void {
    this.field.disabled = off;
    this.sender.disabled = off;
  }

  /** Put a text into the field, e.g. one whose sending has failed. */
  put(text: string): void {
    this.field.value = text;
    this.grow();
  }

  private submit(): void {
    const text = this.field.value;
    this.field.focus();
    if (!isText(text)) return;
    this.recall.reset();
    this.put("");
    this.send(text.trim());
  }

  private key(event: KeyboardEvent): void {
    const meaning = keyMeans(event, this.field);
    if (meaning === null) return;
    event.preventDefault();
    if (meaning === "send") {
      this.submit();
      return;
    }
    const found = this.recall.step(this.typed(), meaning === "back" ? -1 : 1, this.field.value);
    if (found === null) return;
    this.put(found);
    this.field.setSelectionRange(found.length, found.length);
  }

  private grow(): void {
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight + 2, TALLEST_PX)}px`;
  }
}
