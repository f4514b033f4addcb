// What leaves the machine: in general, and message by message.
import { h, replace } from "../base/dom.ts";
import { count } from "../base/format.ts";
import type { Shell } from "../base/shell.ts";
import type { Say } from "../base/texts.ts";
import type { Head, Row } from "./store.ts";
import type { Key } from "./texts.ts";

const SHOWN = 10;
const TEXT = 60;

/** The disclosure under the prompt. */
export class Sent {
  readonly root: HTMLDetailsElement;
  private readonly shell: Shell;
  private readonly say: Say<Key>;
  private readonly rows: () => Row[];
  private readonly body = h("div", { class: "wb-sent-body" });
  private head: Head | null = null;
  private drawn = "";

  constructor(shell: Shell, say: Say<Key>, rows: () => Row[]) {
    this.shell = shell;
    this.say = say;
    this.rows = rows;
    this.root = h("details", { class: "wb-sent", toggle: () => this.draw() }, h("summary", {}, say("sent")), this.body);
  }

  /** Show what is so for a head. */
  update(head: Head): void {
    this.head = head;
    if (this.root.open) this.draw();
  }

  private draw(): void {
    const head = this.head;
    if (!this.root.open || !head) return;
    const { datasets, runs } = head.sending;
    const told = head.engine === "rules" ? this.say("sentNothing") : this.say("sentWhat", { model: head.model, datasets, runs });
    const turns = this.rows().filter((row) => row.sent).slice(-SHOWN).reverse();
    const now = JSON.stringify([told, head.tokens, turns.map((row) => row.id)]);
    if (now === this.drawn) return; // what somebody has opened stays open
    this.drawn = now;
    replace(
      this.body,
      h("p", {}, told),
      head.tokens ? h("p", {}, this.say("used", { count: count(head.tokens) })) : null,
      h("p", { class: "wb-quiet" }, this.say(turns.length ? "sentTurns" : "sentNone")),
      ...turns.map((row) => this.turn(row)),
    );
  }

  private turn(row: Row): HTMLElement {
    const text = row.text.length > TEXT ? `${row.text.slice(0, TEXT)}…` : row.text;
    const content = h("pre", { tabindex: "0", "aria-label": this.say("showSent", { text }) });
    const found: HTMLDetailsElement = h(
      "details",
      { toggle: () => void (found.open && !content.textContent && this.ask(row.id, content)) },
      h("summary", {}, text),
      content,
    );
    return found;
  }

  private async ask(turn: string, content: HTMLElement): Promise<void> {
    const answer = await this.shell.do<{ sent: unknown }>("sent", { turn });
    if (answer) content.textContent = JSON.stringify(answer.sent, null, 2);
  }
}
