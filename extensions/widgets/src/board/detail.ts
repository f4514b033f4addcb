// The details of one run, part by part; only the part under the chosen tab asks for anything.
import { button, h, replace } from "../base/dom.ts";
import type { Shell } from "../base/shell.ts";
import { progressText, stateMark, title, type Speaking } from "./cells.ts";
import { Charts } from "./charts.ts";
import { table } from "./compare.ts";
import { Config } from "./config_part.ts";
import type { Comparison, Facts } from "./detail_types.ts";
import { Lines } from "./lines.ts";
import { Log } from "./log_part.ts";
import { Matrix } from "./matrix.ts";
import { Overview } from "./overview.ts";
import type { Context, Part } from "./part.ts";
import { Pictures } from "./pictures.ts";
import type { Key } from "./texts.ts";
import type { Run } from "./types.ts";

const TABS = ["overview", "curves", "log", "config", "matrix", "lines", "pictures", "system"] as const;
type Tab = (typeof TABS)[number];

let details = 0;

export class Detail {
  readonly root: HTMLElement;
  private readonly shell: Shell;
  private readonly speaking: Speaking;
  private readonly open: (run_id: string) => void;
  private readonly prefix: string;
  private readonly head = h("div", { class: "bd-detail-head" });
  private readonly tabs: HTMLElement;
  private readonly panel: HTMLElement;
  private run_id = "";
  private facts: Facts | null = null;
  private tab: Tab = "overview";
  private part: Part | null = null;
  private waiting: ReturnType<typeof setTimeout> | undefined;
  private madeAt = 0;

  constructor(shell: Shell, speaking: Speaking, open: (run_id: string) => void) {
    details += 1;
    this.prefix = `bd-detail-${details}-${Math.random().toString(36).slice(2, 7)}`;
    this.shell = shell;
    this.speaking = speaking;
    this.open = open;
    this.tabs = h("div", { class: "bd-tabs", role: "tablist", "aria-label": speaking.say("open") });
    this.panel = h("div", { class: "bd-panel", role: "tabpanel", id: `${this.prefix}-panel`, tabindex: 0 });
    this.root = h("section", { class: "bd-detail", hidden: true, "aria-label": speaking.say("open") }, this.head, this.tabs, this.panel);
    this.root.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.open("");
    });
    this.tabs.addEventListener("keydown", (event) => this.tabKey(event));
    shell.atEnd(() => this.leave());
  }

  get shown(): boolean {
    return !this.root.hidden;
  }

  /** Show a run; an empty id closes. */
  show(run_id: string): void {
    if (run_id === this.run_id && (run_id === "") === this.root.hidden) return;
    this.leave();
    this.run_id = run_id;
    this.root.hidden = !run_id;
    if (run_id) void this.begin(run_id);
  }

  /** Put the focus where the details are walked through. */
  focus(): void {
    this.tabs.querySelector<HTMLElement>('[aria-selected="true"]')?.focus();
  }

  /** Show several runs side by side instead. */
  async compare(run_ids: string[]): Promise<void> {
    this.leave();
    const found = await this.shell.do<Comparison>("compare", { runs: run_ids });
    if (!found) return;
    this.root.hidden = false;
    replace(this.head, h("h3", {}, this.speaking.say("d_comparison")), this.closer());
    this.tabs.replaceChildren();
    this.panel.removeAttribute("aria-labelledby");
    this.panel.setAttribute("aria-label", this.speaking.say("d_comparison"));
    replace(this.panel, table(found, this.speaking));
    this.head.querySelector("button")?.focus();
  }

  /** A row of the run that is shown has changed. */
  changed(run: Run): void {
    if (!this.facts || run.id !== this.run_id) return;
    const other = run.state !== this.facts.run.state || run.attempt !== this.facts.run.attempt;
    this.facts = { ...this.facts, run };
    this.drawHead(run);
    if (other) void this.again();
  }

  /** Files of a run grew. */
  touched(run_id: string, parts: string[]): void {
    if (run_id !== this.run_id || !this.facts) return;
    if (parts.includes("state")) void this.again();
    if (this.part?.reads.some((name) => parts.includes(name))) this.later(this.part);
  }

  /** Runs were deleted. */
  gone(run_ids: string[]): void {
    if (!run_ids.includes(this.run_id)) return;
    this.part?.dispose();
    this.part = null;
    this.facts = null;
    this.tabs.replaceChildren();
    replace(this.panel, h("p", { class: "wb-empty", role: "alert" }, this.speaking.say("d_gone")));
  }

  /** Make a part anew, but not more often than it wants. */
  private later(part: Part): void {
    if (this.waiting !== undefined) return;
    this.waiting = setTimeout(() => {
      this.waiting = undefined;
      if (part === this.part && this.facts) {
        this.madeAt = Date.now();
        part.refresh(this.context(this.facts));
      }
    }, Math.max(0, this.madeAt + part.pace_ms - Date.now()));
  }

  private leave(): void {
    clearTimeout(this.waiting);
    this.waiting = undefined;
    this.part?.dispose();
    this.part = null;
    // The answer matters to nobody, and the kernel may be gone.
    if (this.run_id) this.shell.rpc.ask("close", { run: this.run_id }).catch(() => undefined);
    this.run_id = "";
    this.facts = null;
    this.root.hidden = true;
  }

  private async begin(run_id: string): Promise<void> {
    replace(this.head, h("h3", {}, run_id), this.closer());
    const focused = this.tabs.contains(document.activeElement);
    this.drawTabs();
    if (focused) this.focus();
    replace(this.panel, h("p", { class: "wb-empty" }, this.speaking.say("d_loading")));
    try {
      const { data } = await this.shell.rpc.newest<Facts>("open", "open", { run: run_id });
      if (run_id !== this.run_id) return;
      this.take(data);
      this.choose(this.tab);
    } catch (error) {
      const told = error instanceof Error ? error.message : String(error);
      if (run_id === this.run_id) replace(this.panel, h("p", { class: "wb-problem", role: "alert" }, told));
    }
  }

  private async again(): Promise<void> {
    const run_id = this.run_id;
    try {
      const { data } = await this.shell.rpc.newest<Facts>("open", "open", { run: run_id });
      if (run_id !== this.run_id) return;
      this.take(data);
      this.part?.refresh(this.context(data));
    } catch {
      // It was deleted at this moment: the next look says so.
    }
  }

  private take(facts: Facts): void {
    facts.run.heard = Date.now();
    this.facts = facts;
    this.drawHead(facts.run);
  }

  private drawHead(run: Run): void {
    const focused = this.head.contains(document.activeElement);
    const progress = run.going ? h("span", { class: "wb-quiet" }, progressText(run, this.speaking, Date.now())) : null;
    replace(this.head, stateMark(run.state, this.speaking.say), h("h3", { title: run.id }, title(run)), progress, h("code", { class: "bd-id wb-quiet" }, run.name ? run.id : ""), this.closer());
    if (focused) this.head.querySelector("button")?.focus();
  }

  private closer(): HTMLElement {
    return button("×", () => this.open(""), { class: "wb-button bd-close", "aria-label": this.speaking.say("close"), title: this.speaking.say("close") });
  }

  private drawTabs(): void {
    const tabs = TABS.map((tab) => {
      const on = tab === this.tab;
      return h(
        "button",
        {
          type: "button",
          role: "tab",
          class: "bd-tab",
          id: `${this.prefix}-${tab}`,
          "aria-selected": String(on),
          "aria-controls": `${this.prefix}-panel`,
          tabindex: on ? 0 : -1,
          "data-tab": tab,
          click: () => this.choose(tab),
        },
        this.speaking.say(`t_${tab}` as Key),
      );
    });
    replace(this.tabs, ...tabs);
    this.panel.removeAttribute("aria-label");
    this.panel.setAttribute("aria-labelledby", `${this.prefix}-${this.tab}`);
  }

  private choose(tab: Tab): void {
    const focused = this.tabs.contains(document.activeElement);
    this.tab = tab;
    this.drawTabs();
    if (focused) this.focus();
    this.part?.dispose();
    this.part = null;
    clearTimeout(this.waiting);
    this.waiting = undefined;
    if (!this.facts) return;
    this.part = this.make(tab);
    replace(this.panel, this.part.root);
    this.panel.scrollTop = 0;
    this.part.refresh(this.context(this.facts));
  }

  private make(tab: Tab): Part {
    if (tab === "overview") return new Overview();
    if (tab === "log") return new Log(this.speaking.say("t_log"));
    if (tab === "config") return new Config();
    if (tab === "matrix") return new Matrix();
    if (tab === "lines") return new Lines();
    if (tab === "pictures") return new Pictures();
    return new Charts(tab === "system" ? "system" : "run");
  }

  private context(facts: Facts): Context {
    return { shell: this.shell, speaking: this.speaking, facts, open: this.open };
  }

  private tabKey(event: KeyboardEvent): void {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!step) return;
    event.preventDefault();
    const next = TABS[(TABS.indexOf(this.tab) + step + TABS.length) % TABS.length];
    if (next) this.choose(next);
  }
}
