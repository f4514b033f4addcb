// The exports of a run, newest first: how far each is, and its verdict.
import { button, h, replace } from "../base/dom.ts";
import { bytes, number } from "../base/format.ts";
import type { Shell } from "../base/shell.ts";
import type { Say } from "../base/texts.ts";
import { icon } from "../board/icons.ts";
import { moment, span } from "../board/moments.ts";
import { marked } from "./marks.ts";
import type { Key } from "./texts.ts";
import type { Export, Exports } from "./types.ts";
import { MARKS } from "./words.ts";

export class List {
  readonly root = h("div", { class: "ex-list" });
  private readonly shell: Shell;
  private readonly say: Say<Key>;
  private readonly open: (id: string) => void;
  private heardAt = Date.now();
  private told: Exports = { exports: [], starting: [], all: 0 };
  private opened = "";
  private everything = false;

  constructor(shell: Shell, say: Say<Key>, open: (id: string) => void) {
    this.shell = shell;
    this.say = say;
    this.open = open;
    const clock = setInterval(() => this.tick(), 1000);
    shell.atEnd(() => clearInterval(clock));
  }

  /** Show exports; `everything` says that they are of all runs. */
  show(told: Exports, opened: string, everything: boolean): void {
    this.told = told;
    this.opened = opened;
    this.everything = everything;
    this.heardAt = Date.now();
    this.shell.steady(() => this.draw());
  }

  /** Bring the focus to what opens an export. */
  focus(id: string): void {
    this.root.querySelector<HTMLElement>(`[data-key="open-${id}"]`)?.focus();
  }

  private draw(): void {
    const { say } = this;
    const focused = this.root.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset["key"] : undefined;
    const { exports, starting } = this.told;
    if (!exports.length && !starting.length) {
      replace(this.root, h("p", { class: "wb-empty" }, say(this.everything ? "no_exports_all" : "no_exports")));
      return;
    }
    const heads = (["format", "state", "answers", "latency", "size", "when"] as const).map((key) => h("th", { scope: "col" }, say(key)));
    const head = h("thead", {}, h("tr", {}, ...heads, h("th", { scope: "col" }, h("span", { class: "wb-hidden" }, say("details")))));
    replace(
      this.root,
      h("table", { class: "wb-table ex-table ex-exports" }, head, h("tbody", {}, ...starting.map((each) => this.starting(each.words)), ...exports.map((each) => this.row(each)))),
    );
    if (focused) this.root.querySelector<HTMLElement>(`[data-key="${focused}"]`)?.focus();
  }

  private starting(words: string): HTMLElement {
    const cells = [h("th", { scope: "row" }, words), h("td", { colspan: 6 }, h("span", { class: "wb-quiet" }, this.say("starting")))];
    return h("tr", { class: "ex-starting" }, ...cells);
  }

  private row(each: Export): HTMLElement {
    const { say, shell } = this;
    const named = h("div", {}, h("span", {}, each.words), this.everything && each.run ? h("code", { class: "ex-id" }, each.run) : null);
    return h(
      "tr",
      { "data-export": each.id, class: each.id === this.opened ? "ex-opened" : null },
      h("th", { scope: "row", title: each.id }, named),
      h("td", { "data-label": say("state") }, this.state(each)),
      h("td", { "data-label": say("answers") }, each.verdict ? marked(MARKS[each.verdict], say(each.verdict)) : "–"),
      h("td", { "data-label": say("latency") }, each.p50_ms ? `${number(each.p50_ms, 3)} ms` : "–"),
      h("td", { "data-label": say("size") }, each.bytes ? bytes(each.bytes) : "–"),
      h("td", { "data-label": say("when") }, moment(each.created, shell.lang)),
      h("td", { class: "ex-acts" }, this.opener(each), each.going && !shell.readonly ? this.canceller(each) : null),
    );
  }

  private state(each: Export): HTMLElement {
    const { say, shell } = this;
    const mark = h("span", { class: "bd-state" }, icon(each.state), h("span", {}, say(each.state)));
    if (!each.going) return h("div", {}, mark, each.reason && each.state !== "completed" && !each.verdict ? h("p", { class: "ex-why wb-quiet" }, each.reason) : null);
    const took = each.duration_s === null ? "" : span(each.duration_s, shell.lang);
    const clock = h("span", { class: "wb-quiet ex-clock", "data-since": each.duration_s ?? "" }, took);
    const bar = each.share === null ? null : h("progress", { max: 1, value: each.share, "aria-label": `${each.words}: ${each.phase}` });
    return h("div", { class: "ex-going" }, mark, " ", clock, bar, h("p", { class: "ex-said wb-quiet", title: each.said }, each.said || each.phase));
  }

  private opener(each: Export): HTMLElement {
    const { say } = this;
    const words = { words: each.words };
    const label = each.verdict ? "certificate" : "details";
    return button(say(label), () => this.open(each.id), { "aria-label": say(`${label}_of`, words), "data-key": `open-${each.id}`, "aria-expanded": String(each.id === this.opened) });
  }

  private canceller(each: Export): HTMLElement {
    const { say, shell } = this;
    const words = { words: each.words };
    const cancel = async () => {
      if (await shell.do("cancel", { export: each.id })) shell.announce(say("cancelled_said", words));
    };
    const going = each.state === "cancelling";
    return button(say("cancel"), () => void cancel(), { "aria-label": say("cancel_of", words), disabled: going, "data-key": `cancel-${each.id}` });
  }

  private tick(): void {
    for (const clock of this.root.querySelectorAll<HTMLElement>(".ex-clock")) {
      const since = Number(clock.dataset["since"] || NaN);
      if (Number.isFinite(since)) clock.textContent = span(since + (Date.now() - this.heardAt) / 1000, this.shell.lang);
    }
  }
}
