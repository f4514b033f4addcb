// What is wrong with the dataset, rule by rule; each leads to its images.
import { button, h, replace } from "../base/dom.ts";
import { count } from "../base/format.ts";
import type { Say } from "../base/texts.ts";
import type { Key } from "./texts.ts";
import type { RuleCount } from "./types.ts";

/** Show the rules that found something. */
export function showRules(element: HTMLElement, rules: RuleCount[], say: Say<Key>, lang: "en" | "ko", show: (rules: string[]) => void): void {
  if (!rules.length) {
    replace(element, h("p", { class: "wb-empty" }, say("noIssues")));
    return;
  }
  const groups = (["error", "warning", "info"] as const).map((severity) => {
    const own = rules.filter((rule) => rule.severity === severity);
    if (!own.length) return null;
    const head = h("h3", {}, h("span", { class: `wb-dot wb-is-${severity}` }), say(severity));
    return h("section", { class: "wb-rules" }, head, ...own.map((rule) => card(rule, say, lang, show)));
  });
  replace(element, ...groups);
}

function card(rule: RuleCount, say: Say<Key>, lang: "en" | "ko", show: (rules: string[]) => void): HTMLElement {
  const counted = say("counted", { issues: count(rule.issues), images: count(rule.images) });
  const images = button(say("showImages"), () => show([rule.rule]), { "aria-label": `${say("showImages")}: ${rule.title[lang]}` });
  return h(
    "article",
    { class: "wb-rule" },
    h("div", { class: "wb-rule-head" }, h("strong", {}, rule.title[lang]), h("code", {}, rule.rule), h("span", { class: "wb-quiet" }, counted), rule.images ? images : null),
    h("p", {}, h("span", { class: "wb-quiet" }, `${say("training")}: `), rule.behaviour[lang]),
    h("p", {}, h("span", { class: "wb-quiet" }, `${say("todo")}: `), rule.advice[lang]),
  );
}
