// The export wizard: formats to choose, exports on their way, and the proof of each.
//
// What lives here: putting the parts together, and the traits. What does not: drawing (the other files).
import type { AnyModel } from "@anywidget/types";
import { h, replace } from "../base/dom.ts";
import { number } from "../base/format.ts";
import { Problem } from "../base/rpc.ts";
import { Shell } from "../base/shell.ts";
import { speaker, type Say } from "../base/texts.ts";
import { moment } from "../board/moments.ts";
import { Formats } from "./formats.ts";
import { List } from "./list.ts";
import { Options } from "./options.ts";
import { Start } from "./start.ts";
import { TEXTS, type Key } from "./texts.ts";
import { USUAL, type Chosen, type Exports, type Format, type Hello, type Options as Values, type Outcome, type Run } from "./types.ts";
import { VerdictPanel } from "./verdict.ts";
import { setting, spare } from "./words.ts";

const TRAITS = ["run", "chosen", "options", "opened", "everything"] as const;

interface Traits {
  run: string;
  chosen: Chosen;
  options: Values;
  opened: string;
  everything: boolean;
}

class Wizard {
  private readonly model: AnyModel;
  private readonly shell: Shell;
  private readonly say: Say<Key>;
  private readonly choice = h("div", { class: "wb-toolbar ex-run" });
  private readonly empty = h("p", { class: "wb-empty", hidden: true });
  private readonly formatsPart: Formats;
  private readonly optionsPart: Options;
  private readonly start: Start;
  private readonly list: List;
  private readonly panel: VerdictPanel;
  private readonly work = h("div", {});
  private readonly all: HTMLInputElement;
  private runs: Run[] = [];
  private formats: Format[] = [];
  private told: Exports = { exports: [], starting: [], all: 0 };
  private readonly ours = new Set<string>(); // exports that were started in this view
  private traits: Traits;
  private byHand = false; // an export is being opened here: its certificate gets the focus

  constructor(model: AnyModel, shell: Shell) {
    this.model = model;
    this.shell = shell;
    this.say = speaker(TEXTS, shell.lang);
    this.traits = this.read();
    const { say } = this;
    this.formatsPart = new Formats(say, shell.readonly, (chosen) => this.set({ chosen }));
    this.optionsPart = new Options(say, shell.readonly, (change) => this.set({ options: { ...this.traits.options, ...change } }));
    this.start = new Start(shell, say, () => this.wanted(), () => void this.exports());
    this.list = new List(shell, say, (id) => this.open(this.traits.opened === id ? "" : id));
    this.panel = new VerdictPanel(shell, say, () => this.closePanel());
    this.all = h("input", { type: "checkbox" });
    this.all.addEventListener("change", () => this.set({ everything: this.all.checked }));
    const heading = h("div", { class: "ex-heading" }, h("h3", {}, say("exports")), h("label", { class: "ex-box wb-quiet" }, this.all, say("everything")));
    this.work.append(h("h3", {}, say("formats")), this.formatsPart.root, this.optionsPart.root, this.start.root);
    shell.body.append(this.choice, this.empty, this.work, heading, this.list.root, this.panel.root);
    this.listen();
    void this.begin();
  }

  private listen(): void {
    const { rpc } = this.shell;
    rpc.on<Exports>("exports", (told) => told.of === this.of() && this.came(told));
    rpc.on<Run[]>("runs", (runs) => this.shell.steady(() => this.took(runs)));
    rpc.on<Outcome>("begun", (outcome) => this.began(outcome));
    for (const name of TRAITS) this.model.on(`change:${name}`, this.heard);
    this.shell.atEnd(() => {
      for (const name of TRAITS) this.model.off(`change:${name}`, this.heard);
    });
  }

  private async begin(): Promise<void> {
    try {
      const { data } = await this.shell.rpc.hello<Hello>();
      this.shell.clear();
      this.formats = data.formats;
      this.formatsPart.draw(data.formats);
      this.optionsPart.draw(data);
      this.took(data.runs);
      this.show();
      await this.exports();
      if (this.traits.opened) void this.panel.show(this.traits.opened);
    } catch (error) {
      this.shell.fail(error, () => void this.begin());
    }
  }

  private async exports(): Promise<void> {
    try {
      const { data } = await this.shell.rpc.newest<Exports>("exports", "exports", { run: this.of() });
      this.came(data);
    } catch (error) {
      this.shell.fail(error);
    }
  }

  /** The run whose exports are listed; empty for all. */
  private of(): string {
    return this.traits.everything ? "" : this.traits.run;
  }

  private wanted(): Record<string, unknown> {
    const { run, chosen, options } = this.traits;
    return { run, chosen, options: { ...USUAL, ...options } };
  }

  private took(runs: Run[]): void {
    this.runs = runs;
    if (!this.traits.run && runs[0]) return this.set({ run: runs[0].id }, false); // and is called again
    this.empty.hidden = this.ready();
    this.empty.textContent = this.traits.run ? this.say("not_ready", { id: this.traits.run }) : this.say("no_runs");
    this.drawChoice();
    this.start.renew(this.ready());
  }

  private drawChoice(): void {
    const { say, runs } = this;
    const { run } = this.traits;
    const foreign = run && !runs.some((each) => each.id === run);
    const select = h("select", { disabled: !runs.length && !run }, foreign ? h("option", { value: run }, run) : null, ...runs.map((each) => h("option", { value: each.id }, label(each, this.shell.lang))));
    select.value = run;
    select.addEventListener("change", () => this.set({ run: select.value, opened: "" }));
    const found = runs.find((each) => each.id === run);
    const facts = found ? [found.model, found.dataset, found.headline && `${found.headline.name} ${number(found.headline.value)}`] : [];
    this.choice.hidden = !runs.length && !run;
    replace(this.choice, h("label", { class: "ex-labelled" }, h("span", { class: "wb-quiet" }, say("run")), select), h("span", { class: "wb-quiet" }, facts.filter(Boolean).join(" · ")));
  }

  private ready(): boolean {
    return this.runs.some((run) => run.id === this.traits.run);
  }

  /** The traits became other ones: here, in another view, or by Python. */
  private readonly heard = (): void => {
    const before = this.traits;
    this.traits = this.read();
    const differs = (name: keyof Traits) => JSON.stringify(before[name]) !== JSON.stringify(this.traits[name]);
    if (differs("run")) this.took(this.runs);
    else if (differs("chosen") || differs("options")) this.start.renew(this.ready());
    if (differs("run") || differs("everything")) void this.exports();
    if (differs("opened")) this.reveal();
    this.show();
  };

  private read(): Traits {
    const found = Object.fromEntries(TRAITS.map((name) => [name, this.model.get(name)])) as unknown as Traits;
    return { ...found, options: { ...USUAL, ...(found.options as Partial<Values>) } };
  }

  private show(): void {
    const { chosen, options, opened, everything } = this.traits;
    this.formatsPart.show(chosen);
    this.optionsPart.show(options, this.formats, chosen);
    this.all.checked = everything;
    this.list.show(this.told, opened, everything);
  }

  private set(change: Partial<Traits>, told = true): void {
    const spared = change.options ? { ...change, options: spare(change.options) } : change;
    for (const [name, value] of Object.entries(spared)) this.model.set(name, value);
    this.model.save_changes();
    if (told) this.shell.showPython(setting(spared));
  }

  private came(told: Exports): void {
    const ended = this.told.exports.filter((each) => each.going && told.exports.some((now) => now.id === each.id && !now.going));
    this.told = told;
    this.list.show(told, this.traits.opened, this.traits.everything);
    if (told.exports.some((each) => each.id === this.traits.opened && each.going)) this.panel.listen();
    if (!ended.length) return;
    void this.able();
    const [mine] = ended.filter((each) => this.ours.has(each.id) || each.id === this.traits.opened);
    if (mine && (!this.traits.opened || this.traits.opened === mine.id)) {
      if (this.traits.opened === mine.id) void this.panel.show(mine.id);
      else this.set({ opened: mine.id }, false);
    }
  }

  /** An export may have made an environment: ask for the formats anew. */
  private async able(): Promise<void> {
    try {
      const { data } = await this.shell.rpc.newest<Format[]>("formats", "formats");
      if (JSON.stringify(data) === JSON.stringify(this.formats)) return;
      this.formats = data;
      this.shell.steady(() => this.formatsPart.draw(data));
      this.start.renew(this.ready());
    } catch (error) {
      this.shell.fail(error);
    }
  }

  private began({ words, made, reused, error }: Outcome): void {
    if (error) this.shell.fail(new Problem(error.happened, error.expected, error.todo));
    else if (reused) {
      this.shell.announce(this.say("reused", { words }));
      this.note(this.say("reused", { words }));
      this.set({ opened: made }, false);
    } else {
      this.note("");
      this.ours.add(made);
      this.shell.announce(this.say("begun_run", { words }));
    }
    void this.exports();
  }

  private note(text: string): void {
    this.list.root.parentElement?.querySelector(".ex-told")?.remove();
    if (text) this.list.root.before(h("p", { class: "ex-told wb-quiet" }, text));
  }

  private open(id: string): void {
    this.byHand = true;
    this.set({ opened: id }, false);
  }

  private closePanel(): void {
    const was = this.traits.opened;
    this.set({ opened: "" }, false);
    this.list.focus(was);
  }

  private reveal(): void {
    const { opened } = this.traits;
    const focus = this.byHand;
    this.byHand = false;
    void this.panel.show(opened, focus).then(() => opened && focus && this.panel.root.scrollIntoView({ block: "nearest" }));
  }
}

function label(run: Run, lang: "en" | "ko"): string {
  return [run.name || run.id, moment(run.created, lang)].join("  ");
}

export default {
  render({ model, el }: { model: AnyModel; el: HTMLElement }) {
    const shell = new Shell(model, el, "exporting", (lang) => TEXTS.wizard[lang]);
    new Wizard(model, shell);
    return () => shell.dispose();
  },
};
