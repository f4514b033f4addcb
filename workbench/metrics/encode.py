"""Events as lines of JSON, and what is refused on the way.

What lives here: one line from one event, quickly. What does not: where it goes (``log``, ``writer``).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import orjson

from workbench.errors import ParameterError

NAME_LENGTH = 250  # also the longest that MLflow takes
_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY
_NON_FINITE = {math.inf: "Infinity", -math.inf: "-Infinity"}
_PLAIN = frozenset({float, int})
_SHOWN = 60
WHOLE = 1 << 63  # steps and epochs are below, and not below minus it


def number(value: float) -> float | str:
    """Return ``value`` as JSON keeps it: NaN and the infinities as words, since JSON has no numbers for them."""
    if math.isfinite(value):
        return value
    return _NON_FINITE.get(value, "NaN")


def numbers(values: Mapping[str, float]) -> dict[str, float | str]:
    """Return metrics as JSON keeps them."""
    return {name: number(float(value)) for name, value in values.items()}


def line(event: Mapping[str, Any]) -> bytes:
    """Return an event as its line.

    Raises:
        ParameterError: when a field is not JSON-able.
    """
    try:
        return orjson.dumps(event, option=_OPTIONS)
    except (TypeError, orjson.JSONEncodeError) as error:
        raise ParameterError(
            f"An event of kind '{event['kind']}' cannot be kept: {error}.",
            "Texts, numbers, lists and dicts of these.",
            "Convert its fields first; nothing of this call was kept.",
        ) from error


def learn(metrics: Mapping[str, float], known: set[str]) -> None:
    """Refuse what is no mapping with sound names; names that are sound become known.

    Raises:
        ParameterError: then.
    """
    try:
        if metrics.keys() <= known:
            return
    except AttributeError:
        raise ParameterError(
            f"metrics is of type {type(metrics).__name__}.",
            'A dict of numbers by name, e.g. {"loss": 0.5}.',
            "Give each number a name; nothing of this call was kept.",
        ) from None
    check_names(metrics)
    known |= metrics.keys()


def row(event: dict[str, Any], metrics: Mapping[str, float]) -> bytes:
    """Return an event with ``metrics`` as its line; plain finite numbers take a tenth of the time of others.

    Raises:
        ParameterError: when a value is no number, or another field is not JSON-able.
    """
    if set(map(type, metrics.values())) <= _PLAIN:
        with suppress(TypeError, orjson.JSONEncodeError):  # an integer of more than 64 bits
            made = orjson.dumps({**event, "values": metrics}, option=_OPTIONS)
            if b"null" not in made:  # what orjson makes of NaN
                return made
    return line({**event, "values": {name: number(_float(name, value)) for name, value in metrics.items()}})


def whole(value: Any, what: str = "step") -> int:
    """Return a step or an epoch as an int.

    Raises:
        ParameterError: when it is no whole number of 64 bits.
    """
    with suppress(TypeError):
        number = int(operator.index(value))
        if -WHOLE <= number < WHOLE:
            return number
    raise ParameterError(
        f"{what} is {str(value)[:_SHOWN]}, of type {type(value).__name__}.",
        "A whole number of at most 64 bits.",
        "Count batches or epochs; nothing of this call was kept.",
    )


def moment(at: Any) -> float:
    """Return a time as unix seconds.

    Raises:
        ParameterError: when it is no finite number.
    """
    if isinstance(at, int | float) and math.isfinite(at):
        return float(at)
    raise ParameterError(
        f"at is {str(at)[:_SHOWN]!r}, of type {type(at).__name__}.",
        "When it was measured: unix seconds, e.g. `time.time()`.",
        "Leave it out for now; nothing of this call was kept.",
    )


def check_names(names: Iterable[object], what: str = "metric") -> None:
    """Refuse names of metrics, or of scopes, that no table, chart or tracker could show.

    Raises:
        ParameterError: when one is empty, too long or not printable.
    """
    for name in names:
        if not isinstance(name, str) or not 0 < len(name) <= NAME_LENGTH or not name.isprintable():
            shown = str(name)[:_SHOWN]
            raise ParameterError(
                f"A {what} is named {shown!r}" + (f" ({len(name)} characters)." if isinstance(name, str) else "."),
                f"A text of 1 to {NAME_LENGTH} characters that can be printed: no newline, no tab.",
                f"Rename the {what}; nothing of this call was kept.",
                name=shown,
            )


def _float(name: str, value: Any) -> float:
    if value is not None and not isinstance(value, str | bytes):
        # RuntimeError: a torch tensor of several numbers; OverflowError: an int beyond any float
        with suppress(TypeError, ValueError, RuntimeError, OverflowError):
            return float(value)
    raise ParameterError(
        f"Metric '{name}' is {str(value)[:_SHOWN]!r}, of type {type(value).__name__}.",
        "A number; NaN and the infinities are numbers too.",
        "Leave the metric out where there is no value; nothing of this call was kept.",
        name=name,
    )
