// The chat: a conversation about one config, with what each turn has changed, asks and waits for.
import type { AnyModel } from "@anywidget/types";
import { button, h, replace } from "../base/dom.ts";
import { Problem } from "../base/rpc.ts";
import { Shell } from "../base/shell.ts";
import { speaker, type Say } from "../base/texts.ts";
import { Prompt } from "./prompt.ts";
import { drawRow, ownWords, type Acts } from "./row.ts";
import { Sent } from "./sent.ts";
import { Sessions } from "./sessions.ts";
import { Rows, type Beats, type Going, type Head, type Hello, type Row } from "./store.ts";
import { TEXTS, type Key } from "./texts.ts";

const NEAR_PX = 60; // of the end: whoever reads there wants to see what comes

class Chat {
  private readonly shell: Shell;
  private readonly say: Say<Key>;
  private readonly rows = new Rows();
  private readonly log: HTMLElement;
  private readonly list = h("div", { class: "wb-turns" });
  private readonly under = h("div", { class: "wb-going" });
  private readonly bar = h("div", { class: "wb-toolbar wb-chat-bar" });
  private readonly earlier: HTMLButtonElement;
  private readonly prompt: Prompt;
  private readonly sessions: Sessions;
  private readonly sent: Sent;
  private readonly acts: Acts | null;
  private head: Head | null = null;
  private going: Going[] = [];

  constructor(shell: Shell) {
    this.shell = shell;
    this.say = speaker(TEXTS, shell.lang);
    this.earlier = button(this.say("earlier"), () => void this.showEarlier(), { class: "wb-button wb-earlier", hidden: true });
    this.log = h(
      "div",
      { class: "wb-log", role: "log", "aria-label": this.say("log"), tabindex: "0", keydown: (event) => this.key(event as KeyboardEvent) },
      this.earlier,
      this.list,
      this.under,
    );
    this.prompt = new Prompt(this.say, (text) => void this.send(text), () => this.rows.typed());
    this.sessions = new Sessions(shell, this.say, () => this.bar.querySelector<HTMLElement>(".wb-session")?.focus());
    this.sent = new Sent(shell, this.say, () => this.rows.all());
    this.acts = shell.readonly ? null : this.buttons();
    shell.body.append(this.bar, this.sessions.root, this.log);
    if (!shell.readonly) shell.body.append(this.prompt.root);
    shell.body.append(this.sent.root);
    shell.rpc.on<{ rows: Row[]; head: Head; going: Going[] }>("state", (news) => {
      this.take(news.rows, news.head);
      this.showGoing(news.going);
    });
    shell.rpc.on<Going[]>("going", (going) => this.showGoing(going));
    shell.rpc.on<Beats & { text?: string }>("failed", (beats) => this.fail(beats));
    shell.rpc.on("moved", () => void this.begin());
  }

  /** Ask for everything there is, and show it. */
  async begin(): Promise<void> {
    try {
      const { data } = await this.shell.rpc.hello<Hello>();
      this.rows.clear();
      this.list.replaceChildren();
      this.earlier.hidden = !data.earlier;
      this.take(data.rows, data.head);
      this.showGoing(data.going);
      this.log.scrollTop = this.log.scrollHeight;
    } catch (error) {
      this.shell.fail(error, () => void this.begin());
    }
  }

  private buttons(): Acts {
    const act = (kind: string, body: Record<string, unknown> = {}) => void this.act(kind, body);
    return {
      undo: (turn) => act("undo", { turn }),
      redo: () => act("redo"),
      choose: (turn, number) => act("choose", { turn, number }),
      accept: (turn, number) => act("accept", { turn, number }),
      confirm: (card) => act("confirm", { card }),
      decline: (card) => act("decline", { card }),
      take: (field, value) => act("edit", { values: { [field]: value } }),
      copy: (text) => void navigator.clipboard?.writeText(text).then(() => this.shell.announce(this.say("copied"))),
    };
  }

  private async act(kind: string, body: Record<string, unknown>): Promise<void> {
    await this.shell.do(kind, body);
  }

  private async send(text: string): Promise<void> {
    try {
      const reply = await this.shell.rpc.ask("say", { text });
      this.shell.showPython(reply.python);
    } catch (error) {
      this.shell.fail(error);
      if (!this.prompt.field.value) this.prompt.put(text); // what was written is not lost
    }
  }

  private take(rows: Row[], head: Head): void {
    const gone = this.head?.gone;
    const moved = this.head !== null && this.head.session.id !== head.session.id;
    const atEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR_PX;
    this.head = head;
    if (moved && !rows.length) this.rows.clear();
    for (const id of this.rows.merge(rows)) this.put(id);
    this.showEmpty();
    this.drawBar();
    this.sent.update(head);
    this.prompt.disable(head.gone !== null);
    if (gone && !head.gone) this.shell.clear();
    if (head.gone) this.shell.fail(new Problem(head.gone.happened, head.gone.expected, this.say("gone")));
    if (atEnd) this.log.scrollTop = this.log.scrollHeight;
  }

  /** Draw a row anew in its place; the focus stays in it. */
  private put(id: string): void {
    const row = this.rows.get(id);
    if (!row) return;
    const busy = new Set(this.going.map((each) => each.card).filter(Boolean));
    const made = drawRow(row, { say: this.say, acts: this.acts, busy });
    const there = this.find(id);
    if (there) {
      const focused = there.contains(document.activeElement);
      there.replaceWith(made);
      if (focused) (made.querySelector<HTMLElement>("button:not(:disabled)") ?? made).focus();
      return;
    }
    const next = this.rows.after(id);
    this.list.insertBefore(made, next ? this.find(next.id) : null);
  }

  private find(id: string): Element | null {
    return [...this.list.children].find((each) => (each as HTMLElement).dataset["turn"] === id) ?? null;
  }

  private showEmpty(): void {
    const empty = this.list.querySelector(".wb-empty");
    if (this.rows.all().length || this.going.length) empty?.remove();
    else if (!empty) this.list.append(this.welcome());
  }

  private welcome(): HTMLElement {
    const examples: Key[] = ["example1", "example2", "example3"];
    const tries = examples.map((key) => button(this.say(key), () => void this.send(this.say(key)), { class: "wb-button wb-example" }));
    return h("div", { class: "wb-empty" }, h("p", {}, this.say("empty")), this.acts ? h("div", { class: "wb-examples" }, ...tries) : null);
  }

  private showGoing(going: Going[]): void {
    const atEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR_PX;
    const cards = new Set([...this.going, ...going].map((each) => each.card).filter(Boolean));
    this.going = going;
    this.log.setAttribute("aria-busy", String(going.length > 0));
    this.showEmpty();
    replace(this.under, ...going.flatMap((each, place) => this.drawGoing(each, place > 0)));
    for (const row of this.rows.all()) if (row.card && cards.has(row.card.id)) this.put(row.id);
    if (atEnd || going.some((each) => each.text && !each.words)) this.log.scrollTop = this.log.scrollHeight;
  }

  private drawGoing(going: Going, waits: boolean): HTMLElement[] {
    const own = going.text ? [h("div", { class: "wb-own" }, going.text)] : [];
    const note = going.note || (going.words ? "" : this.say(going.card ? "confirming" : "thinking"));
    const dots = h("p", { class: "wb-thinking" }, h("span", { class: "wb-dots", "aria-hidden": "true" }, h("i"), h("i"), h("i")), note);
    const words = going.words ? ownWords(going.words.split("\n").map((line) => line.replace(/^\| ?/, ""))) : null;
    return [...own, h("div", { class: "wb-answer" }, words, waits ? null : dots)];
  }

  private drawBar(): void {
    const head = this.head;
    if (!head) return;
    const focused = this.bar.contains(document.activeElement) ? document.activeElement?.className : "";
    replace(
      this.bar,
      button(head.session.name, () => void (this.sessions.shown ? this.sessions.hide() : this.sessions.show()), {
        class: "wb-button wb-session",
        "aria-label": `${this.say("sessions")}: ${head.session.name}`,
        "aria-expanded": String(this.sessions.shown),
      }),
      h("span", { class: "wb-quiet wb-changed" }, head.changed ? this.say("changedCount", { count: head.changed }) : this.say("unchanged")),
      h("span", { class: "wb-space" }),
      this.acts ? button(this.say("undo"), () => void this.act("undo", {}), { class: "wb-button wb-undo", disabled: !head.undo }) : null,
      this.acts ? button(this.say("redo"), () => this.acts?.redo(), { class: "wb-button wb-redo", disabled: !head.redo }) : null,
      this.engine(head),
    );
    if (focused) [...this.bar.querySelectorAll<HTMLElement>("button, select")].find((each) => each.className === focused)?.focus();
  }

  private engine(head: Head): HTMLElement {
    const label = (name: string) => (name === "rules" ? this.say("rulesLong") : `Gemini: ${head.model}`);
    if (!this.acts || head.engines.length < 2) return h("span", { class: "wb-badge wb-engine", title: this.say("engine") }, label(head.engine));
    const choose: HTMLSelectElement = h(
      "select",
      { class: "wb-engine", "aria-label": this.say("engine"), change: () => void this.act("engine", { engine: choose.value }) },
      ...head.engines.map((name) => h("option", { value: name, selected: name === head.engine }, label(name))),
    );
    return choose;
  }

  private async showEarlier(): Promise<void> {
    const first = this.rows.all()[0];
    if (!first) return;
    const answer = await this.shell.do<{ rows: Row[]; earlier: boolean }>("earlier", { turn: first.id });
    if (!answer) return;
    const height = this.log.scrollHeight;
    for (const id of this.rows.merge(answer.rows)) this.put(id);
    this.earlier.hidden = !answer.earlier;
    this.log.scrollTop += this.log.scrollHeight - height;
  }

  /** A digit within the conversation chooses an option of the question that waits. */
  private key(event: KeyboardEvent): void {
    const asking = this.rows.asking();
    if (!asking || !this.acts || !/^[1-9]$/.test(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    const number = Number(event.key);
    if (number > (asking.question?.options.length ?? 0)) return;
    event.preventDefault();
    this.acts.choose(asking.id, number);
  }

  private fail(beats: Beats & { text?: string }): void {
    this.shell.fail(new Problem(beats.happened, beats.expected, beats.todo));
    if (beats.text && !this.prompt.field.value) this.prompt.put(beats.text);
  }
}

export default {
  render({ model, el }: { model: AnyModel; el: HTMLElement }) {
    const shell = new Shell(model, el, "chat", (lang) => TEXTS.chat[lang]);
    void new Chat(shell).begin();
    return () => shell.dispose();
  },
};
