"""One field's new value: held against its rule, or reckoned from the value it has.

What lives here: ``legal``, ``reckoned`` and the two ways in which they say no. What does not: devices (``devices``),
and data, task and model, which depend on each other (``subject``).
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from functools import cache
from typing import Any, Final, Literal

from workbench.chat.judge.verdict import Refusal
from workbench.config import limits, rules
from workbench.config.patch import tupled

_DIGITS: Final = 12  # of a reckoned number: 0.01 * 0.3 is 0.003
_MANY: Final = 30  # words: more are no answer to "which ones are there?"


class Refused(Exception):  # noqa: N818  it says no; nothing went wrong
    """A wish cannot be done.

    Args:
        refusal: why, and what would do.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


class Unclear(Exception):  # noqa: N818  it asks; nothing went wrong
    """There is no number to go by: half of "automatic" is nothing.

    Args:
        field: that was to be changed.
    """

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


def legal(field: str, value: Any) -> Any:
    """Return ``value`` in its one form; 16.0 stands for 16, and nothing else is bent.

    Raises:
        Refused: when the field's rule does not allow it.
    """
    rule, value = _rules()[field], tupled(value)
    try:
        return rule.check(value)
    except rules.Refusal as refusal:
        if (whole := _whole(rule, value)) is not None and rule_accepts(rule, whole):
            return rule.check(whole)
        raise Refused(_refusal(field, rule, value, refusal.nearest)) from refusal


def reckoned(field: str, op: Literal["scale", "add"], current: Any, amount: Any) -> Any:
    """Return ``current`` times or plus ``amount`` in the kind of number that it is: ints rounded half up.

    Raises:
        Refused: when ``amount`` is no number, or the result is not legal.
        Unclear: when ``current`` is no number to go by.
    """
    rule = _rules()[field]
    if not is_number(amount):
        raise Refused(Refusal(field, amount, "not_legal"))
    kind = _kind_of(rule, current)
    if kind is None or (op == "add" and _is_share(kind, rule) and abs(amount) >= 1):
        raise Unclear(field)
    try:
        result = current * amount if op == "scale" else current + amount
        value = _rounded(result) if isinstance(kind, rules.Integer) else _tidy(result)
        return kind.check(value)
    except OverflowError as error:
        up = amount > 0 if op == "add" or current > 0 else amount < 0
        raise Refused(_refusal(field, kind, math.inf if up else -math.inf, kind.high if up else kind.low)) from error
    except rules.Refusal as refusal:
        raise Refused(_refusal(field, kind, value, refusal.nearest)) from refusal


def is_number(value: Any) -> bool:
    """Return whether ``value`` is an int or a finite float; a bool is none."""
    return (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and math.isfinite(value)
    )


def rule_of(field: str) -> rules.Rule | None:
    """Return the rule of a key; ``None`` where a config has no such key."""
    return _rules().get(field)


def refused_word(field: str, word: Any) -> Refusal:
    """Return the refusal of a word that the field does not know, with the likeliest that it does."""
    rule = _rules()[field]
    return _refusal(field, rule, word, None)


def closest(word: str, known: Sequence[str]) -> str | None:
    """Return the known word that ``word`` is most like, or ``None``."""
    by_fold = {name.casefold(): name for name in known}
    found = difflib.get_close_matches(word.casefold()[:80], by_fold, n=1)
    return by_fold[found[0]] if found else None


def rule_accepts(rule: rules.Rule, value: Any) -> bool:
    """Return whether ``value`` is legal as it stands."""
    try:
        rule.check(value)
    except rules.Refusal:
        return False
    return True


_rules = cache(limits.rules)


def _whole(rule: rules.Rule, value: Any) -> int | None:
    """Return the int that a float stands for; of 1.0 no one knows whether it is one, or all of a share."""
    if not isinstance(value, float) or not value.is_integer() or abs(value) >= 2**53:
        return None
    shares = isinstance(rule, rules.OneOf) and any(isinstance(part, rules.Real) for part in rule.rules)
    return None if shares and value == 1.0 else int(value)


def _kind_of(rule: rules.Rule, current: Any) -> rules.Integer | rules.Real | None:
    """Return the rule for numbers of the kind of ``current``; ``None`` where there is nothing to go by."""
    if not is_number(current):
        return None
    part = next((part for part in _numbers(rule) if rule_accepts(part, current)), None)
    never = part is not None and current == -1 == part.low
    return None if never else part


def _is_share(kind: rules.Integer | rules.Real, rule: rules.Rule) -> bool:
    return isinstance(rule, rules.OneOf) and isinstance(kind, rules.Real) and kind.high <= 1


def _tidy(number: float) -> float:
    return float(f"{float(number):.{_DIGITS}g}")


def _rounded(number: float) -> int:
    return number if isinstance(number, int) else math.floor(_tidy(number) + 0.5)


def _refusal(field: str, rule: rules.Rule, value: Any, nearest: Any) -> Refusal:
    numbers, words = _numbers(rule), _words(rule)
    if words and (not numbers or isinstance(value, str)):
        if nearest is None and isinstance(value, str):
            nearest = closest(value, [word for word in words if isinstance(word, str)])
        one_of = isinstance(value, str) or (is_number(value) and any(is_number(word) for word in words))
        reason: Any = "unknown_word" if one_of else "not_legal"
        return Refusal(field, value, reason, choices=words[:_MANY], nearest=nearest)
    if not numbers:
        return Refusal(field, value, "not_legal", nearest=nearest)
    part = next((part for part in numbers if rule_accepts(part, nearest)), numbers[0])
    return Refusal(field, value, _reason(part, value), part.low, part.high, nearest=nearest)


def _reason(part: rules.Integer | rules.Real, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:  # noqa: PLR0124 - NaN
        return "not_legal"
    whole = isinstance(value, int) or value.is_integer()
    return (
        "not_whole"
        if isinstance(part, rules.Integer) and part.low <= value <= part.high and not whole
        else "out_of_range"
    )


def _numbers(rule: rules.Rule) -> list[rules.Integer | rules.Real]:
    parts = rule.rules if isinstance(rule, rules.OneOf) else (rule,)
    return [part for part in parts if isinstance(part, (rules.Integer, rules.Real)) and part.low < part.high]


def _words(rule: rules.Rule) -> tuple[Any, ...]:
    match rule:
        case rules.Flag():
            return (True, False)
        case rules.Choice(words=words, flags=flags):
            return (True, False, *words) if flags else words
        case rules.OneOf(rules=parts):
            points = (part.low for part in parts if isinstance(part, rules.Integer) and part.low == part.high != -1)
            return (*points, *(word for part in parts for word in _words(part)))
    return ()
