// The last lines that an attempt wrote; live while it goes on.
import { h, replace } from "../base/dom.ts";
import type { Log as Answer } from "./detail_types.ts";
import { ask, sayNothing, type Context, type Part } from "./part.ts";

const NEAR_PX = 24;

export class Log implements Part {
  readonly root = h("div", { class: "bd-part" });
  readonly reads = ["log"];
  readonly pace_ms = 500;
  private readonly lines: HTMLElement;
  private attempt = 0;

  constructor(label: string) {
    this.lines = h("pre", { class: "bd-log", tabindex: 0, role: "log", "aria-live": "off", "aria-label": label });
  }

  refresh(context: Context): void {
    ask<Answer>(context, this.root, "log", { attempt: this.attempt }, (answer) => this.show(answer, context));
  }

  dispose(): void {}

  private show(answer: Answer, context: Context): void {
    const { say } = context.speaking;
    const { run, attempts } = context.facts;
    if (answer.lines === null && attempts.length < 2) return sayNothing(this.root, say(run.going ? "d_no_log_yet" : "d_no_log"));
    const followed = !this.lines.isConnected || this.lines.scrollHeight - this.lines.scrollTop - this.lines.clientHeight < NEAR_PX;
    this.lines.textContent = answer.lines === null ? say("d_no_log") : answer.lines.length ? answer.lines.join("\n") : say("d_empty_log");
    const cut = answer.cut ? h("p", { class: "wb-quiet bd-note" }, say("d_log_cut")) : null;
    if (!this.lines.isConnected || this.root.querySelector(".bd-note") === null) replace(this.root, this.choice(context), cut, this.lines);
    if (followed) this.lines.scrollTop = this.lines.scrollHeight;
  }

  private choice(context: Context): HTMLElement | null {
    const { say } = context.speaking;
    const { attempts } = context.facts;
    if (attempts.length < 2) return null;
    const options = attempts.map(({ attempt }, place) => h("option", { value: place ? attempt : 0, selected: this.attempt === (place ? attempt : 0) }, say("d_attempt_n", { n: attempt })));
    const select = h("select", { change: () => ((this.attempt = Number(select.value)), this.lines.remove(), this.refresh(context)) }, ...options);
    return h("div", { class: "wb-toolbar" }, h("label", { class: "bd-labelled" }, h("span", { class: "wb-quiet" }, say("d_attempt")), select));
  }
}
