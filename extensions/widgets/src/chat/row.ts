// One turn on the page: what was said, and the answer with its changes, refusals, question, card and suggestions.
import { button, h } from "../base/dom.ts";
import { count } from "../base/format.ts";
import type { Say } from "../base/texts.ts";
import { clock, type Card, type Change, type Row } from "./store.ts";
import type { Key } from "./texts.ts";

/** What a row's buttons do; a view that only shows has none. */
export interface Acts {
  undo(turn: string): void;
  redo(): void;
  choose(turn: string, number: number): void;
  accept(turn: string, number: number): void;
  confirm(card: string): void;
  decline(card: string): void;
  take(field: string, value: unknown): void;
  copy(text: string): void;
}

export interface Drawing {
  say: Say<Key>;
  acts: Acts | null;
  /** The cards that are being carried out. */
  busy: ReadonlySet<string>;
}

/** Draw one turn. */
export function drawRow(row: Row, { say, acts, busy }: Drawing): HTMLElement {
  const own = row.text && row.by !== "form" && !["undo", "redo", "reset"].includes(row.click);
  const event = row.by !== "chat" && !own;
  const answer = [
    ...title(row, say, Boolean(own)),
    row.words.length ? ownWords(row.words) : null,
    row.changes.length ? diff(row, say, acts) : null,
    ...row.refusals.map((each) => refusal(row, each, say, acts)),
    row.said ? h("p", { class: "wb-said" }, row.said) : null,
    row.suggestions.length ? suggestions(row, say, acts) : null,
    row.question ? question(row, say, acts) : null,
    row.card ? card(row.card, say, acts, busy) : null,
  ].filter((each) => each !== null);
  return h(
    "article",
    { class: `wb-turn wb-by-${row.by}`, "data-turn": row.id, lang: row.lang, tabindex: "-1" },
    own ? bubble(row, say) : null,
    answer.length ? h("div", { class: `wb-answer${event ? " wb-event" : ""}` }, ...answer, event ? null : meta(row, say)) : null,
  );
}

function bubble(row: Row, say: Say<Key>): HTMLElement {
  return h("div", { class: "wb-own" }, h("span", { class: "wb-hidden" }, `${say("you")}: `), row.text);
}

function title(row: Row, say: Say<Key>, own: boolean): HTMLElement[] {
  if (own) return [];
  const key = (row.by === "form" ? "form" : `click.${row.click}`) as Key;
  return row.by === "chat" ? [] : [h("p", { class: "wb-title" }, say(key), h("span", { class: "wb-meta" }, clock(row.at)))];
}

function meta(row: Row, say: Say<Key>): HTMLElement {
  const engine = row.engine ? say(row.engine === "rules" ? "rules" : "gemini") : "";
  const parts = [clock(row.at), engine, row.tokens ? say("tokens", { count: count(row.tokens) }) : ""].filter(Boolean);
  return h("p", { class: "wb-meta" }, parts.join(" · "));
}

/** An engine's own words under the sentence that says whose they are. */
export function ownWords([whose, ...lines]: string[]): HTMLElement {
  return h(
    "figure",
    { class: "wb-own-words" },
    h("figcaption", {}, whose ?? ""),
    h("blockquote", {}, lines.join("\n")),
  );
}

function diff(row: Row, say: Say<Key>, acts: Acts | null): HTMLElement {
  const what = row.changes.map((change) => change.label).join(", ");
  return h(
    "div",
    { class: `wb-diff wb-back-${row.back || "none"}`, role: "group", "aria-label": say("changes") },
    h("ul", {}, ...row.changes.map((change) => line(change, say))),
    way(row, what, say, acts),
  );
}

function line(change: Change, say: Say<Key>): HTMLElement {
  const badge = h("span", { class: `wb-badge wb-source-${change.source}` }, change.source_label);
  if (change.evidence) badge.title = `“${change.evidence}”`;
  return h(
    "li",
    { class: "wb-change" },
    h("span", { class: "wb-field" }, change.label),
    h(
      "span",
      { class: "wb-values" },
      h("del", {}, change.before),
      h("span", { class: "wb-arrow", "aria-label": say("becomes"), role: "img" }, "→"),
      h("ins", {}, change.after),
    ),
    badge,
  );
}

function way(row: Row, what: string, say: Say<Key>, acts: Acts | null): HTMLElement | null {
  if (row.back === "gone") return h("span", { class: "wb-quiet wb-way" }, say("takenBack"));
  if (!acts || !row.back) return null;
  const redo = row.back === "redo";
  return button(say(redo ? "redo" : "undo"), () => (redo ? acts.redo() : acts.undo(row.id)), {
    class: "wb-button wb-way",
    "aria-label": say(redo ? "redoOf" : "undoOf", { what }),
  });
}

function refusal(row: Row, refused: Row["refusals"][number], say: Say<Key>, acts: Acts | null): HTMLElement {
  const takes = acts && refused.nearest !== null;
  return h(
    "div",
    { class: "wb-refusal" },
    h("p", {}, refused.text),
    takes
      ? button(say("take", { value: refused.nearest_label }), () => acts.take(refused.field, refused.nearest), {
          "data-key": `${row.id}-take-${refused.field}`,
        })
      : null,
  );
}

function suggestions(row: Row, say: Say<Key>, acts: Acts | null): HTMLElement {
  const items = row.suggestions.map((each, place) =>
    h(
      "li",
      {},
      h("span", { class: "wb-field" }, each.label),
      each.accepted
        ? h("span", { class: "wb-quiet" }, say("accepted"))
        : acts && button(say("accept"), () => acts.accept(row.id, place + 1), { "aria-label": say("acceptOf", { what: each.label }) }),
    ),
  );
  return h("ul", { class: "wb-suggestions" }, ...items);
}

function question(row: Row, say: Say<Key>, acts: Acts | null): HTMLElement {
  const { text, options, answered } = row.question ?? { text: "", options: [], answered: null };
  const open = answered === null && acts !== null;
  const buttons = options.map((label, place) =>
    h(
      "button",
      {
        type: "button",
        class: "wb-button wb-option",
        disabled: !open,
        "aria-pressed": answered === place ? "true" : null,
        "aria-keyshortcuts": open ? String(place + 1) : null,
        click: () => acts?.choose(row.id, place + 1),
      },
      h("kbd", { "aria-hidden": "true" }, String(place + 1)),
      label,
    ),
  );
  return h(
    "div",
    { class: "wb-question" },
    h("p", {}, text),
    buttons.length
      ? h("div", { class: "wb-options", role: "group", "aria-label": text, title: open ? say("keys", { last: options.length }) : null }, ...buttons)
      : null,
  );
}

function card(shown: Card, say: Say<Key>, acts: Acts | null, busy: ReadonlySet<string>): HTMLElement {
  const working = busy.has(shown.id) || shown.state === "confirmed";
  const open = shown.state === "open" && !working;
  return h(
    "div",
    { class: `wb-card wb-card-${working ? "confirmed" : shown.state}`, role: "group", "aria-label": shown.action_label },
    h("p", { class: "wb-card-head" }, h("strong", {}, shown.action_label), h("span", { class: "wb-badge" }, shown.state_label)),
    ...shown.lines.map((text) => h("p", {}, text)),
    open && acts
      ? h(
          "div",
          { class: "wb-card-buttons" },
          button(say("confirm"), () => acts.confirm(shown.id), { class: "wb-button wb-primary" }),
          button(say("decline"), () => acts.decline(shown.id)),
          h("span", { class: "wb-quiet" }, say("waits")),
        )
      : null,
    working ? h("p", { class: "wb-quiet wb-working" }, say("confirming")) : null,
    outcome(shown, say, acts),
  );
}

/** What came of a card; the run's id in it is a button that copies it. */
function outcome(shown: Card, say: Say<Key>, acts: Acts | null): HTMLElement | null {
  if (!shown.outcome || shown.state === "confirmed") return null;
  const place = shown.run ? shown.outcome.indexOf(shown.run) : -1;
  if (place < 0 || !acts) return h("p", { class: "wb-outcome" }, shown.outcome);
  const label = say("copyRun", { run: shown.run });
  const run = button(shown.run, () => acts.copy(shown.run), { class: "wb-link", "aria-label": label, title: label });
  return h("p", { class: "wb-outcome" }, shown.outcome.slice(0, place), run, shown.outcome.slice(place + shown.run.length));
}
