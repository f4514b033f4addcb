"""What a rule is, and the finding of one by its id.

What lives here: ``Rule``, its two languages, ``named``. What does not: the rules themselves (``catalogue``), the
looking (``boxes``, ``pictures``, ``classes``, ``splits``).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, NamedTuple

from workbench.datasets.content import Effect, Severity
from workbench.errors import RequestError, did_you_mean

Language = Literal["en", "ko"]
Origin = Literal["reader", "lint", "similar"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


class Text(NamedTuple):
    """One sentence or phrase in both languages."""

    en: str
    ko: str

    def said(self, language: Language) -> str:
        """Return it in ``language``."""
        return self.ko if language == "ko" else self.en


@dataclass(frozen=True)
class Rule:
    """One thing that may be wrong.

    Attributes:
        id: ``<subject>-<fault>``, as in ``ISSUES.rule``.
        severity: ``error`` keeps a run from starting unless the rule was accepted by name.
        effect: what training usually does with the image; a row of the issues says it for its own image.
        title: a phrase, without a full stop: what is wrong.
        behaviour: what ultralytics does about it.
        advice: what to do.
        origin: who finds it: a ``reader`` or the probe, ``lint`` from the whole tables alone, ``similar`` by pictures.
    """

    id: str
    severity: Severity
    effect: Effect
    title: Text
    behaviour: Text
    advice: Text
    origin: Origin = "reader"


def index(rules: Collection[Rule]) -> dict[str, Rule]:
    """Return ``rules`` by id, those that block first."""
    ordered = sorted(rules, key=lambda rule: SEVERITIES.index(rule.severity))
    return {rule.id: rule for rule in ordered}


def unheard_of(rule_id: str) -> Rule:
    """Return a stand-in for a rule that the catalogue has not, as a newer release may have written it."""
    title = Text(f"{rule_id} (a rule of another release)", f"{rule_id} (다른 버전의 규칙)")
    nothing = Text("Not known here.", "이 버전에서는 알 수 없습니다.")
    return Rule(rule_id, "warning", "none", title, nothing, nothing)


def check_names(names: Collection[str], rules: dict[str, Rule]) -> None:
    """Raise a RequestError unless each of ``names`` is the id of a rule."""
    for name in names:
        if name not in rules:
            raise RequestError(
                f"No rule is called '{name}'.",
                "The id of a rule, such as 'label-class-unknown'.",
                did_you_mean(name, rules) or "`workbench datasets rules` lists them.",
                rule=name,
            )
