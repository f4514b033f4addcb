// Below the table: what can be done to the run in hand, and to those that were chosen.
import { button, h, replace } from "../base/dom.ts";
import type { Shell } from "../base/shell.ts";
import { stateMark, title, type Speaking } from "./cells.ts";
import type { Key } from "./texts.ts";
import { ACTS, type Act, type Run, type Settings } from "./types.ts";

export interface ActionEvents {
  open: (run: Run) => void;
  compare: () => void;
  unchoose: () => void;
  acted: (run: Run, act: Act, made: string) => void;
}

interface Answer {
  pending: boolean;
  made: string;
}

export interface Outcome {
  run: string;
  act: Act;
  made: string;
  error: { happened: string; expected: string; todo: string } | null;
}

export class Actions {
  readonly root: HTMLElement;
  private readonly shell: Shell;
  private readonly speaking: Speaking;
  private readonly events: ActionEvents;
  private run: Run | null = null;
  private asking: Run | null = null;
  private chosen = 0;

  constructor(shell: Shell, speaking: Speaking, events: ActionEvents) {
    this.shell = shell;
    this.speaking = speaking;
    this.events = events;
    this.root = h("div", { class: "bd-actions" });
    this.draw();
  }

  /** Show what can be done to a run; null when none is in hand. */
  show(run: Run | null, settings: Settings): void {
    if (this.asking && this.asking.id !== run?.id) this.asking = null;
    this.run = run;
    this.chosen = settings.selected.length;
    this.draw();
  }

  /** Tell what became of an act that took long. */
  settle(outcome: Outcome, run: Run | undefined): void {
    const meant = run ?? ({ id: outcome.run, name: "" } as Run);
    if (!outcome.error) this.tell(meant, outcome.act, outcome.made);
  }

  private draw(): void {
    const focused = this.root.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset["act"] : undefined;
    replace(this.root, this.asking ? this.question(this.asking) : this.hand(), this.asking ? null : this.choice());
    if (focused) this.root.querySelector<HTMLElement>(`[data-act="${focused}"]`)?.focus();
  }

  private hand(): HTMLElement {
    const { say } = this.speaking;
    const run = this.run;
    if (!run) return h("p", { class: "bd-hint wb-quiet" }, say("no_active"));
    const acts = this.shell.readonly ? [] : ACTS.map((act) => this.act(act, run));
    return h(
      "div",
      { class: "bd-hand", role: "toolbar", "aria-label": title(run) },
      h("span", { class: "bd-in-hand" }, stateMark(run.state, say), h("strong", {}, title(run))),
      button(say("open"), () => this.events.open(run), { "data-act": "open" }),
      ...acts,
      run.busy ? h("span", { class: "wb-quiet" }, say("pending", { act: say(run.busy) })) : null,
    );
  }

  private act(act: Act, run: Run): HTMLElement {
    const why = this.why(act, run);
    const { say } = this.speaking;
    // Not `disabled`: a control that cannot be reached cannot say why it does nothing.
    return button(say(act), () => (why ? this.refuse(act, why) : this.begin(act, run)), {
      "data-act": act,
      "aria-disabled": String(Boolean(why)),
      title: why ? say("cannot", { act: say(act).replace("…", ""), why }) : say(`hint_${act}`),
    });
  }

  private why(act: Act, run: Run): string {
    const { say } = this.speaking;
    if (run.busy) return say("not_busy", { act: say(run.busy) });
    const word = run.hindrances[act];
    return word ? say(`not_${word}` as Key) : "";
  }

  private refuse(act: Act, why: string): void {
    const { say } = this.speaking;
    const told = say("cannot", { act: say(act).replace("…", ""), why });
    this.shell.announce(told);
    const note = h("span", { class: "bd-why wb-quiet" }, told);
    this.root.querySelector(".bd-why")?.remove();
    this.root.firstElementChild?.append(note);
  }

  private begin(act: Act, run: Run): void {
    if (act !== "delete") {
      void this.perform(act, run);
      return;
    }
    this.asking = run;
    this.draw();
    this.root.querySelector<HTMLElement>(".bd-keep")?.focus();
  }

  private question(run: Run): HTMLElement {
    const { say } = this.speaking;
    const leave = () => {
      this.asking = null;
      this.draw();
      this.root.querySelector<HTMLElement>('[data-act="delete"]')?.focus();
    };
    const box = h(
      "div",
      { class: "bd-question", role: "alertdialog", "aria-label": say("sure", { name: title(run), id: run.id }) },
      h("p", { class: "wb-happened" }, say("sure", { name: title(run), id: run.id })),
      h("p", { class: "wb-quiet" }, say("sure_forever")),
      button(say("delete_it"), () => ((this.asking = null), void this.perform("delete", run)), { class: "wb-button bd-danger" }),
      button(say("keep_it"), leave, { class: "wb-button bd-keep" }),
    );
    box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") leave();
    });
    return box;
  }

  private async perform(act: Act, run: Run): Promise<void> {
    if (this.run?.id === run.id) this.run = { ...run, busy: act };
    this.draw();
    const answer = await this.shell.do<Answer>("act", { act, run: run.id });
    if (this.run?.id === run.id) this.run = { ...this.run, busy: answer?.pending ? act : "" };
    this.draw();
    if (answer && !answer.pending) this.tell(run, act, answer.made);
  }

  private tell(run: Run, act: Act, made: string): void {
    this.shell.announce(this.speaking.say(`done_${act}`, { name: title(run), made }));
    this.events.acted(run, act, made);
  }

  private choice(): HTMLElement | null {
    if (!this.chosen) return null;
    const { say } = this.speaking;
    return h(
      "div",
      { class: "bd-choice" },
      h("span", { class: "wb-quiet" }, say("chosen", { n: this.chosen })),
      button(say("compare"), () => this.events.compare(), { "data-act": "compare", disabled: this.chosen < 2 }),
      button(say("unchoose"), () => this.events.unchoose(), { "data-act": "unchoose" }),
    );
  }
}
