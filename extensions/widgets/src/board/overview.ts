// What a run is, how it went, and what came of it.
import { h, replace } from "../base/dom.ts";
import { count } from "../base/format.ts";
import { stateMark, title } from "./cells.ts";
import type { Attempt, Facts, Made } from "./detail_types.ts";
import { fileLink } from "./links.ts";
import { elapsed, moment, span } from "./moments.ts";
import type { Context, Part } from "./part.ts";
import type { Key } from "./texts.ts";

export class Overview implements Part {
  readonly root = h("div", { class: "bd-part" });
  readonly reads = [];
  readonly pace_ms = 1000;

  refresh(context: Context): void {
    const { facts } = context;
    replace(
      this.root,
      facts.damage ? h("p", { class: "wb-problem" }, facts.damage) : null,
      reason(facts),
      h("dl", { class: "bd-facts" }, ...told(context)),
      this.attempts(context),
      this.made(context),
    );
  }

  dispose(): void {}

  private attempts(context: Context): HTMLElement | null {
    const { say } = context.speaking;
    const { attempts } = context.facts;
    if (!attempts.length) return null;
    const heads = (["d_attempt", "d_began", "d_took", "d_ended_as", "d_notebook"] as const).map((key) => h("th", { scope: "col" }, say(key)));
    return h(
      "section",
      { class: "bd-block" },
      h("h4", {}, say("d_attempts")),
      h("div", { class: "bd-wide" }, h("table", { class: "wb-table" }, h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...attempts.map((attempt) => row(attempt, context))))),
    );
  }

  private made(context: Context): HTMLElement | null {
    const { say } = context.speaking;
    const { made } = context.facts;
    if (!made.length) return null;
    return h("section", { class: "bd-block" }, h("h4", {}, say("d_made")), h("ul", { class: "bd-list-plain" }, ...made.map((one) => came(one, context))));
  }
}

function reason(facts: Facts): HTMLElement | null {
  return facts.run.reason ? h("p", { class: "bd-reason" }, facts.run.reason) : null;
}

function told(context: Context): HTMLElement[] {
  const { say, lang } = context.speaking;
  const { run, facts } = context.facts;
  const at = (value: number | string | null) => moment(value, lang);
  const dataset = facts.dataset && `${facts.dataset.name}: ${splits(facts.dataset.images)}`;
  const model = facts.model && `${facts.model.ref} (${facts.model.kind}, ${facts.model.task})`;
  const machine = facts.machine && `${facts.machine}${facts.cores ? `, ${say("d_cores", { n: facts.cores })}` : ""}`;
  const rows: [Key, Node | string | null | undefined][] = [
    ["col_kind", facts.notebook],
    ["col_project", [facts.project, facts.session].filter(Boolean).join(" / ")],
    ["col_tags", facts.tags?.join(", ")],
    ["d_note", facts.note],
    ["col_model", model],
    ["col_dataset", dataset],
    ["d_source", facts.source && link(facts.source, facts.source, context)],
    ["col_created", at(run.created)],
    ["col_started", run.started === null ? null : at(run.started)],
    ["col_duration", run.duration_s === null ? null : span(elapsed(run, Date.now()), lang)],
    ["d_seed", facts.seed === null || facts.seed === undefined ? null : String(facts.seed)],
    ["d_machine", machine],
    ["d_code", facts.code ? h("code", {}, facts.code.slice(0, 12)) : null],
    ["d_folder", h("code", { class: "bd-wrap" }, context.facts.folder)],
  ];
  return rows.filter(([, value]) => value).flatMap(([key, value]) => [h("dt", {}, say(key)), h("dd", {}, value)]);
}

function splits(images: Record<string, number>): string {
  return Object.entries(images)
    .map(([split, many]) => `${count(many)} ${split}`)
    .join(", ");
}

function row(attempt: Attempt, context: Context): HTMLElement {
  const { say, lang } = context.speaking;
  const took = attempt.began !== undefined && attempt.ended !== undefined ? span(attempt.ended - attempt.began, lang) : "–";
  const ended = attempt.state === "retried" ? say("d_retried") : attempt.state ? stateMark(attempt.state, say) : "–";
  const words = { copy: say("d_copy_path"), copied: () => context.shell.announce(say("d_copied")) };
  const notebook = attempt.notebook ? fileLink(attempt.notebook, context.facts.home, say("d_open"), words) : say("d_no_notebook");
  return h(
    "tr",
    {},
    h("td", {}, attempt.attempt),
    h("td", {}, attempt.began === undefined ? "–" : moment(attempt.began, lang)),
    h("td", {}, took),
    h("td", { title: attempt.reason ?? "" }, ended),
    h("td", {}, notebook),
  );
}

function came(made: Made, context: Context): HTMLElement {
  const { say } = context.speaking;
  const served = made.served.map((one) => h("span", { class: "wb-quiet" }, say("d_served", { name: one.name, url: one.url })));
  return h("li", {}, stateMark(made.state, say), h("span", {}, made.notebook), link(made.id, title(made), context), ...served);
}

function link(run_id: string, label: string, context: Context): HTMLElement {
  return h("button", { type: "button", class: "bd-as-link", click: () => context.open(run_id) }, label);
}
