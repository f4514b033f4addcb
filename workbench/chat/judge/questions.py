"""The question by how much, with its buttons.

What lives here: ``amount_question``. What does not: the words of a question (``messages``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from workbench.chat.judge import models, values
from workbench.chat.turn import Op, Option, Question, Situation
from workbench.config.schema import DEFAULTS

# What to offer where neither the value nor the default is a number.
_USUAL: Final[Mapping[str, tuple[int | float, ...]]] = {
    "time": (1.0, 2.0, 4.0),
    "max_hours": (6.0, 12.0, 24.0),
    "freeze": (5, 10, 20),
    "save_period": (5, 10, 20),
    "batch": (8, 16, 32),
}


def amount_question(field: str, situation: Situation) -> Question:
    """Return the question to what ``field`` is to be changed, with legal values around its own as buttons."""
    current, base = ({**DEFAULTS, **side}[field] for side in (situation.values, situation.base))
    if field == "model":
        options: list[Any] = _sizes(str(current), situation)
    else:
        middle = next((value for value in (current, base) if _moves(field, value)), None)
        options = [*_around(field, middle)] if middle is not None else list(_USUAL.get(field, ()))
    chosen = [value for value in dict.fromkeys(options) if value != current]
    buttons = (Option(label=_label(value), ops=(Op(field=field, value=value),)) for value in chosen[:4])
    return Question(about=(field,), kind="amount", options=tuple(buttons))


def _moves(field: str, value: Any) -> bool:
    return values.is_number(value) and value > 0 and any(True for _ in _around(field, value))


def _around(field: str, middle: Any) -> Iterator[Any]:
    for factor in (0.5, 1, 2):
        try:
            yield values.reckoned(field, "scale", middle, factor)
        except (values.Refused, values.Unclear):
            continue


def _sizes(current: str, situation: Situation) -> list[str]:
    model = models.read(current)
    task = str(situation.values.get("task", "detect"))
    return [size for size in models.ladder(model, task) if size != model.scale]


def _label(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
