"""What is legal for a field, in the person's language.

What lives here: putting a rule of ``config.limits`` into words. What does not: the ranges themselves, which are read
from the rules.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from workbench.chat.messages import figure, has, say
from workbench.chat.turn import Language
from workbench.config import limits, rules


@cache
def legal(field: str, language: Language) -> str:
    """Return what ``field`` may be, e.g. ``a whole number from 1 to 100000``; of an unknown field nothing."""
    rule = limits.rules().get(field)
    if rule is None:
        return ""
    text = _own(field, rule, language) or _said(rule, language)
    return f"{text}, {say('legal.none', language)}" if rule.optional else text


def _own(field: str, rule: rules.Rule, language: Language) -> str:
    key = f"legal.{field}"
    return say(key, language, **_bounds(rule)) if has(key) else ""


def _bounds(rule: rules.Rule) -> dict[str, Any]:
    """Return low and high of the first range of a rule; of a single value there is no range."""
    for part in rule.rules if isinstance(rule, rules.OneOf) else (rule,):
        if isinstance(part, (rules.Integer, rules.Real)) and part.low < part.high and not _is_share(part):
            return {"low": part.low, "high": part.high}
    return {"low": "", "high": ""} if not isinstance(rule, rules.OneOf) else _shares(rule)


def _is_share(part: rules.Integer | rules.Real) -> bool:
    return isinstance(part, rules.Real) and 0 < part.low < 1 and part.high <= 1


def _shares(rule: rules.OneOf) -> dict[str, Any]:
    shares = [part for part in rule.rules if isinstance(part, rules.Real)]
    return {"low": shares[0].low, "high": shares[0].high} if shares else {"low": "", "high": ""}


def _said(rule: rules.Rule, language: Language) -> str:  # noqa: PLR0911 - one return a kind of rule
    match rule:
        case rules.Integer(low=low, high=high):
            return figure(low) if low == high else say("legal.integer", language, low=low, high=high)
        case rules.Real(low=low, high=high, above=above):
            return say("legal.above" if above else "legal.real", language, low=low, high=high)
        case rules.Flag():
            return say("legal.flag", language)
        case rules.Choice(words=words, flags=flags):
            return say("legal.flag_or_words" if flags else "legal.words", language, words=", ".join(words))
        case rules.Items():
            return say("legal.many", language)
        case rules.OneOf(rules=parts):
            said = [_said(part, language) for part in parts]
            return say("legal.or", language, first=", ".join(said[:-1]), last=said[-1])
    return say("legal.text", language)
