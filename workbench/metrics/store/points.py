"""The points of a run as columns: what the event logs say of metrics, as numpy arrays.

What lives here: turning lines into points by the hundred thousand. What does not: reading files (``logs``), which of
several points of one step counts (``rule``), answering questions (``reader``).

A null among the values is NaN: it is what JSON libraries write for NaN.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import orjson

from workbench.metrics.tail import Event, parse

NO_EPOCH = np.iinfo(np.int64).min
POINT = np.dtype(
    [
        ("step", "i8"),
        ("value", "f8"),
        ("at", "f8"),
        ("written", "f8"),  # the latest ``at`` of the writer so far: orders writers whose clocks were set back
        ("epoch", "i8"),
        ("key", "i4"),
        ("writer", "i4"),
    ]
)
Rows: TypeAlias = npt.NDArray[np.void]  # of dtype POINT
Array: TypeAlias = npt.NDArray[Any]
_Item = TypeVar("_Item", bound=Hashable)
_NONE = np.empty(0, POINT)
_DAMAGE = (AttributeError, KeyError, OverflowError, TypeError, ValueError)


class Key(NamedTuple):
    """Names one series of a run."""

    scope: str
    name: str


class Numbered(Generic[_Item]):
    """Gives each item a number, from 0, in the order of their coming."""

    def __init__(self, items: Iterable[_Item] = ()) -> None:
        self.items = list(items)
        self._numbers = {item: number for number, item in enumerate(self.items)}

    def __call__(self, item: _Item) -> int:
        """Return the number of an item."""
        number = self._numbers.setdefault(item, len(self.items))
        if number == len(self.items):
            self.items.append(item)
        return number

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[_Item]:
        return iter(self.items)


class Lines:
    """Turns the lines of one writer into points.

    Args:
        shapes: numbers the series; may be shared among writers.
        writer: the number of the writer.
        written: the latest time in the lines before those that are fed here, in unix seconds.
    """

    def __init__(self, shapes: Shapes, writer: int, written: float = -math.inf) -> None:
        self.written = written
        self.kept: int | None = None
        self._shapes, self._writer = shapes, writer

    def feed(self, data: bytes) -> Rows:
        """Return the points of whole lines, in their order; what is damaged is passed over.

        ``kept`` is from then on the least epoch that a ``resumed`` event among the lines names.
        """
        events = _events(data)
        try:
            return self._points(events)
        except _DAMAGE:
            return self._points([sound for event in events if (sound := _mended(event)) is not None])

    def _points(self, events: Sequence[Event]) -> Rows:
        places = [place for place, event in enumerate(events) if event["kind"] == "metrics"]
        times = [event["at"] for event in events]
        if not places:
            written = max([self.written, *map(float, times)])
            found = _NONE
            if not math.isfinite(written) and events:
                raise ValueError("at")
        else:
            at = np.array(times, dtype="f8")
            if not np.isfinite(at).all():
                raise ValueError("at")
            so_far = np.maximum.accumulate(np.maximum(at, self.written))
            written = float(so_far[-1])
            metrics = events if len(places) == len(events) else [events[place] for place in places]
            found = self._columns(metrics, at[places], so_far[places])
        self._resumed(events, len(places))
        self.written = written
        return found

    def _columns(self, metrics: Sequence[Event], at: Array, written: Array) -> Rows:
        values = _floats(list(chain.from_iterable([event["values"].values() for event in metrics])))
        steps = _integers([event["step"] for event in metrics])
        epochs = _integers([event.get("epoch", NO_EPOCH) for event in metrics])
        shapes = [self._shapes[(event.get("scope") or "", *event["values"])] for event in metrics]
        counts = np.array([len(shape) for shape in shapes], dtype="i8")
        rows = np.empty(len(values), POINT)
        rows["value"], rows["writer"] = values, self._writer
        rows["key"] = np.concatenate(shapes) if shapes else 0
        for field, column in (("step", steps), ("at", at), ("written", written), ("epoch", epochs)):
            rows[field] = np.repeat(column, counts)
        return rows

    def _resumed(self, events: Sequence[Event], metrics: int) -> None:
        if metrics < len(events):
            kept = [int(event["epoch"]) for event in events if event["kind"] == "resumed"]
            self.kept = min(kept if self.kept is None else [*kept, self.kept], default=None)


class Shapes(dict[tuple[str, ...], Array]):
    """The numbers of the series that a line of some scope and names holds."""

    def __init__(self) -> None:
        super().__init__()
        self.keys_met: Numbered[Key] = Numbered()

    def __missing__(self, shape: tuple[str, ...]) -> Array:
        scope, *names = shape
        self[shape] = found = np.array([self.keys_met(Key(str(scope), name)) for name in names], dtype="i4")
        return found


def _events(data: bytes) -> list[Event]:
    """Return the events of whole lines: parsed as one document, which is twice as fast, where none is damaged."""
    try:
        events: list[Event] = orjson.loads(b"[" + data[:-1].replace(b"\n", b",") + b"]")
    except orjson.JSONDecodeError:
        return list(parse(data))
    return events if len(events) == data.count(b"\n") else list(parse(data))


def _floats(numbers: Sequence[Any]) -> Array:
    found = np.array(numbers, dtype="f8")  # takes the words for non-finite numbers, too
    if found.ndim != 1:
        raise ValueError("a list among the values")
    return found


def _integers(numbers: Sequence[Any]) -> Array:
    found = np.array(numbers)
    if found.dtype.kind != "i" and len(found):
        raise ValueError("a number that is not whole, or too large")
    return found


def _mended(event: Any) -> Event | None:
    """Return the event, without an epoch that is null; None when it is none."""
    try:
        sound: Event = {**event, "at": float(event["at"]), "kind": event["kind"]}
        if not math.isfinite(sound["at"]):
            return None
        if sound.get("epoch", 0) is None:
            del sound["epoch"]
        if sound["kind"] == "resumed":
            _integers([sound["epoch"]])
        elif sound["kind"] == "metrics":
            _integers([sound["step"], sound.get("epoch", 0)])
            _floats(list(sound["values"].values()))
    except _DAMAGE:
        return None
    return sound


def by_key(rows: Rows) -> dict[int, Rows]:
    """Return the points of each series, in their order."""
    if not len(rows):
        return {}
    order = np.argsort(rows["key"], kind="stable")
    rows = rows[order]
    starts = np.flatnonzero(np.append(True, rows["key"][1:] != rows["key"][:-1]))
    return {int(part["key"][0]): part for part in np.split(rows, starts[1:])}
