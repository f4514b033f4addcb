"""Holding values against the rules, and saying what is wrong with them.

What lives here: one pass over a mapping, with every problem in one error. What does not: the rules (``limits``), and
the type that callers hold (``schema``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from workbench.config import catalogue, limits
from workbench.config.rules import Refusal, Rule
from workbench.errors import ConfigError, ModelError, did_you_mean

_rules = cache(limits.rules)


@dataclass(frozen=True)
class Problem:
    """What is wrong with one value, in three beats."""

    key: str
    value: Any
    happened: str
    expected: str
    todo: str

    def to_payload(self) -> dict[str, Any]:
        """Return ``{"key", "value", "reason"}``, with values that JSON cannot hold as text."""
        reason = " ".join(beat for beat in (self.happened, self.expected, self.todo) if beat)
        return {"key": self.key, "value": _plain(self.value), "reason": reason}


def checked(values: Mapping[Any, Any]) -> dict[str, Any]:
    """Return ``values`` in their one form, with the task that the model implies.

    Args:
        values: key to value; keys that are left out keep their defaults.

    Raises:
        ConfigError: when a key is unknown or owned by the workbench, or a value is illegal; it lists every problem.
    """
    good: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, value in values.items():
        try:
            good[key] = _one(key, value)
        except _ProblemFound as found:
            problems.append(found.problem)
    if (problem := _task_problem(good)) is not None:
        problems.append(problem)
    if problems:
        raise _error(problems)
    return good


def read(pairs: Mapping[str, str]) -> dict[str, Any]:
    """Return what a command line means by ``key=value`` texts; not checked yet, unknown keys stay as they are."""
    return {key: _rules()[key].read(text) if key in _rules() else text for key, text in pairs.items()}


def unknown(key: Any, known: Mapping[str, Any], value: Any = None) -> ConfigError:
    """Return the error for a key that no config has, naming the closest of ``known``."""
    return _error([_unknown(key, value, known)])


class _ProblemFound(Exception):  # noqa: N818  carries a problem to the list
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.happened)
        self.problem = problem


def _one(key: Any, value: Any) -> Any:
    rule = _rules().get(key) if isinstance(key, str) else None
    if rule is None:
        raise _ProblemFound(_unknown(key, value, _rules()))
    if key in limits.OWNED and not _same(value, limits.default(key)):
        raise _ProblemFound(_owned(key, value))
    try:
        return rule.check(value)
    except Refusal as refusal:
        raise _ProblemFound(_illegal(key, value, rule, refusal)) from refusal


def _illegal(key: str, value: Any, rule: Rule, refusal: Refusal) -> Problem:
    none = ", or None" if rule.optional and "None" not in rule.expected else ""
    todo = f"Use {key}={refusal.nearest!r}." if refusal.nearest is not None else ""
    return Problem(
        key,
        value,
        f"{key}={_short(value)} {refusal.reason}.",
        f"Expected {rule.expected}{none} ({limits.fields()[key].doc}).",
        todo or f"Use {key}={limits.default(key)!r}, which is the default, or leave it out.",
    )


def _owned(key: str, value: Any) -> Problem:
    return Problem(
        key,
        value,
        f"{key}={_short(value)} is refused: '{key}' is set by the workbench.",
        f"Expected {key}={limits.default(key)!r}, or no '{key}' at all.",
        limits.OWNED[key],
    )


def _unknown(key: Any, value: Any, known: Mapping[str, Any]) -> Problem:
    near = limits.HINTS.get(key) if isinstance(key, str) else None
    near = near or (did_you_mean(key.lower(), known) if isinstance(key, str) else "")
    return Problem(
        str(key),
        value,
        f"A training config has no key {key!r}.",
        f"Expected one of {len(known)} keys, such as {', '.join(limits.DOZEN)}.",
        near or "Remove it; `workbench train --help` lists the keys.",
    )


def _task_problem(good: dict[str, Any]) -> Problem | None:
    """Fill in the task that a model of the catalogue has, or say that another one was asked for."""
    implied = _implied_task(good.get("model", limits.default("model")))
    if implied is None:
        return None
    task = good.setdefault("task", implied)
    if task == implied:
        return None
    model = good.get("model", limits.default("model"))
    return Problem(
        "task",
        task,
        f"task='{task}' does not fit model='{model}', which is made for '{implied}'.",
        f"Expected a model for '{task}', or task='{implied}'.",
        f"Leave 'task' out, or choose another model with {_model_hint(task)}.",
    )


def _implied_task(model: str) -> str | None:
    if model == limits.OVERLAY["model"]:
        return "detect"
    try:
        return catalogue.task_of(model)
    except ModelError:
        return None  # a checkpoint of the user's, whose task is read when it is resolved


def _model_hint(task: str) -> str:
    return next((f"model='{entry.yaml}'" for entry in catalogue.models() if entry.task == task), "another name")


def _error(problems: list[Problem]) -> ConfigError:
    first, others = problems[0], problems[1:]
    more = ""
    if others:
        listed = "; ".join(problem.happened.rstrip(".") for problem in others)
        more = f" {len(others)} more problem{'s' if len(others) > 1 else ''}: {listed}."
    return ConfigError(
        first.happened + more, first.expected, first.todo, problems=[problem.to_payload() for problem in problems]
    )


def _same(value: Any, other: Any) -> bool:
    return type(value) is type(other) and bool(value == other)


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python writes no int of more than 4300 digits
        text = "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:77]}..."


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float)) and abs(value) < 2**53:
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return _short(value)
