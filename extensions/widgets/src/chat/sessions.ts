// The sessions: which there are, and opening, making, renaming, deleting and exporting one.
import { button, h, replace } from "../base/dom.ts";
import type { Shell } from "../base/shell.ts";
import type { Say } from "../base/texts.ts";
import { day } from "./store.ts";
import type { Key } from "./texts.ts";

interface Listed {
  id: string;
  name: string;
  project: string;
  created_at: string;
  turns: number;
  last: string;
  last_at: string;
}

interface Answer {
  sessions: Listed[];
  left_out: number;
  here: string;
}

/** The list of sessions, over the conversation. */
export class Sessions {
  readonly root = h("div", { class: "wb-sessions", hidden: true });
  private readonly shell: Shell;
  private readonly say: Say<Key>;
  private readonly closed: () => void;

  constructor(shell: Shell, say: Say<Key>, closed: () => void) {
    this.shell = shell;
    this.say = say;
    this.closed = closed;
    this.root.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.hide();
    });
  }

  get shown(): boolean {
    return !this.root.hidden;
  }

  /** Ask for the sessions, and show them. */
  async show(): Promise<void> {
    const answer = await this.shell.do<Answer>("sessions");
    if (!answer) return;
    this.draw(answer);
    this.root.hidden = false;
    this.root.querySelector<HTMLElement>("button")?.focus();
  }

  hide(): void {
    this.root.hidden = true;
    this.closed();
  }

  private draw({ sessions, left_out, here }: Answer): void {
    replace(
      this.root,
      h(
        "div",
        { class: "wb-toolbar" },
        h("strong", {}, this.say("sessions")),
        h("span", { class: "wb-space" }),
        this.shell.readonly ? null : button(this.say("newSession"), () => void this.act("new", {}, true)),
        button(this.say("close"), () => this.hide()),
      ),
      h("ul", {}, ...sessions.map((each) => this.item(each, each.id === here))),
      left_out ? h("p", { class: "wb-quiet" }, this.say("leftOut", { count: left_out })) : null,
    );
  }

  private item(session: Listed, here: boolean): HTMLElement {
    const { name } = session;
    const about = [session.project, this.say("turns", { count: session.turns }), day(session.last_at || session.created_at)];
    const foot = h("div", { class: "wb-session-foot" });
    const item = h(
      "li",
      { class: here ? "wb-here" : "" },
      button(name, () => void this.act("open", { session: session.id }, true), {
        class: "wb-link wb-session-name",
        "aria-label": this.say("open", { name }),
        "aria-current": here ? "true" : null,
      }),
      h("span", { class: "wb-quiet" }, about.join(" · ")),
      session.last ? h("p", { class: "wb-quiet wb-last" }, session.last) : null,
      foot,
    );
    this.plain(foot, session);
    return item;
  }

  private plain(foot: HTMLElement, session: Listed): void {
    const { name } = session;
    const small = (key: Key, of: Key, onclick: () => void) =>
      button(this.say(key), onclick, { class: "wb-button wb-small", "aria-label": this.say(of, { name }) });
    const acts = this.shell.readonly
      ? []
      : [
          small("rename", "renameOf", () => this.askName(foot, session)),
          small("remove", "removeOf", () => this.askRemoval(foot, session)),
        ];
    replace(foot, small("export", "exportOf", () => void this.download(session)), ...acts);
  }

  private askName(foot: HTMLElement, session: Listed): void {
    const field = h("input", { type: "text", value: session.name, maxlength: 80, "aria-label": this.say("newName") });
    const save = () => void this.act("rename", { session: session.id, name: field.value });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.isComposing) save();
    });
    replace(foot, field, button(this.say("save"), save, { class: "wb-button wb-primary wb-small" }), this.back(foot, session));
    field.select();
  }

  private askRemoval(foot: HTMLElement, session: Listed): void {
    const remove = button(this.say("remove"), () => void this.act("delete", { session: session.id }), { class: "wb-button wb-danger wb-small" });
    const cancel = this.back(foot, session);
    replace(foot, h("span", {}, this.say("removeAsk", { name: session.name })), remove, cancel);
    cancel.focus();
  }

  private back(foot: HTMLElement, session: Listed): HTMLButtonElement {
    return button(this.say("cancel"), () => this.plain(foot, session), { class: "wb-button wb-small" });
  }

  private async act(kind: string, body: Record<string, unknown>, leave = false): Promise<void> {
    try {
      this.shell.showPython((await this.shell.rpc.ask(kind, body)).python);
    } catch (error) {
      this.shell.fail(error);
      return;
    }
    if (leave) this.hide();
    else await this.show();
  }

  private async download(session: Listed): Promise<void> {
    try {
      const reply = await this.shell.rpc.ask<{ name: string }>("export", { session: session.id });
      const bytes = reply.buffers[0];
      const copy = bytes ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength).slice() : new Uint8Array();
      const address = URL.createObjectURL(new Blob([copy], { type: "application/json" }));
      h("a", { href: address, download: reply.data.name }).click();
      setTimeout(() => URL.revokeObjectURL(address), 10_000);
      this.shell.showPython(reply.python);
      this.shell.announce(this.say("exported", { name: reply.data.name }));
    } catch (error) {
      this.shell.fail(error);
    }
  }
}
