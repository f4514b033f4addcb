// What will be made, and the button that starts it; what has to be fetched first is asked about.
import { button, h, replace } from "../base/dom.ts";
import type { Shell } from "../base/shell.ts";
import type { Say } from "../base/texts.ts";
import { marked } from "./marks.ts";
import type { Key } from "./texts.ts";
import type { Asks, Plan } from "./types.ts";
import { megabytes } from "./words.ts";

export class Start {
  readonly root = h("div", { class: "ex-start" });
  private readonly shell: Shell;
  private readonly say: Say<Key>;
  private readonly wanted: () => Record<string, unknown>;
  private readonly done: () => void;
  private plan: Plan | null = null;
  private asking: Asks | null = null;
  private busy = false;
  private possible = false;

  constructor(shell: Shell, say: Say<Key>, wanted: () => Record<string, unknown>, done: () => void) {
    this.shell = shell;
    this.say = say;
    this.wanted = wanted;
    this.done = done;
    this.draw();
  }

  /** Ask what would be made of what is chosen now; `possible` is false while there is no run to export. */
  renew(possible: boolean): void {
    this.possible = possible;
    this.asking = null;
    this.shell.rpc.newest<Plan>("plan", "plan", this.wanted()).then(
      ({ data }) => {
        this.plan = data;
        this.shell.steady(() => this.draw());
      },
      (error: unknown) => this.shell.fail(error),
    );
  }

  private draw(): void {
    const focused = this.root.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset["act"] : undefined;
    if (this.asking) replace(this.root, this.question(this.asking));
    else replace(this.root, this.listed(), this.shell.readonly ? null : this.starter());
    if (focused) this.root.querySelector<HTMLElement>(`[data-act="${focused}"]`)?.focus();
  }

  private listed(): HTMLElement {
    const { say } = this;
    const planned = this.plan?.planned ?? [];
    if (!planned.length) return h("p", { class: "wb-quiet ex-planned" }, say("nothing_chosen"));
    const asks = this.plan?.asks;
    return h(
      "div",
      { class: "ex-planned" },
      h("span", { class: "wb-quiet" }, say("will_make")),
      h(
        "ul",
        {},
        ...planned.map(({ words, problem }) =>
          h("li", {}, problem ? marked("bad", words) : h("strong", {}, words), problem ? h("p", { class: "ex-problem", role: "alert" }, [problem.happened, problem.expected, problem.todo].filter(Boolean).join(" ")) : null),
        ),
      ),
      asks ? h("p", { class: "wb-quiet" }, say("needs_mb", { mb: megabytes(asks.mb) })) : null,
    );
  }

  private starter(): HTMLElement {
    const { say } = this;
    const planned = this.plan?.planned ?? [];
    const [only] = planned;
    const label = !only ? say("start_none") : planned.length === 1 ? say("start_one", { words: only.words }) : say("start_many", { n: planned.length });
    const ready = this.possible && planned.length > 0 && planned.every(({ problem }) => !problem) && !this.busy;
    return button(label, () => void this.begin(false), { class: "wb-button wb-primary", disabled: !ready, "data-act": "start" });
  }

  private question({ mb, families }: Asks): HTMLElement {
    const { say } = this;
    const size = megabytes(mb);
    const text = say("sure", { mb: size, families: families.join(", ") });
    const leave = () => {
      this.asking = null;
      this.draw();
      this.root.querySelector<HTMLElement>('[data-act="start"]')?.focus();
    };
    const box = h(
      "div",
      { class: "ex-question", role: "alertdialog", "aria-label": text },
      h("p", { class: "wb-happened" }, text),
      button(say("sure_yes", { mb: size }), () => void this.begin(true), { class: "wb-button wb-primary" }),
      button(say("sure_no"), leave, { "data-act": "leave" }),
    );
    box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") leave();
    });
    return box;
  }

  private async begin(agreed: boolean): Promise<void> {
    this.busy = true;
    this.asking = null;
    this.draw();
    const answer = await this.shell.do<{ begun: number; asks: Asks | null }>("start", { ...this.wanted(), agreed });
    this.busy = false;
    this.asking = answer?.asks ?? null;
    this.draw();
    if (this.asking) this.root.querySelector<HTMLElement>('[data-act="leave"]')?.focus();
    else this.root.querySelector<HTMLElement>('[data-act="start"]')?.focus();
    if (answer && !answer.asks) {
      this.shell.announce(answer.begun ? this.say("begun", { n: answer.begun }) : this.say("begun_none"));
      this.done();
    }
  }
}
