"""Event logs of made-up runs, and what they say when read slowly, event by event."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from workbench.metrics.encode import numbers
from workbench.metrics.rows import current
from workbench.metrics.store.points import Key
from workbench.metrics.store.reader import Series
from workbench.metrics.tail import Event, read_events, values

Truth = dict[Key, list[tuple[int, float, float]]]


def row(step: int, metrics: Mapping[str, float], scope: str = "epoch", **fields: Any) -> Event:
    """Return a metrics event; ``at`` is the step unless it is among the fields."""
    return {"at": float(step), "kind": "metrics", "scope": scope, "step": step, "values": numbers(metrics), **fields}


def resumed(epoch: int, at: float = 0.0) -> Event:
    return {"at": at, "kind": "resumed", "epoch": epoch}


def write(events: Path, writer: str, rows: Iterable[Event]) -> Path:
    """Append events to the log of a writer."""
    events.mkdir(parents=True, exist_ok=True)
    path = events / f"{writer}.jsonl"
    with path.open("ab") as file:
        file.write(b"".join(orjson.dumps(event) + b"\n" for event in rows))
    return path


def truth(events: Path) -> Truth:
    """Return step, value and time of the points that count, by series and ascending step."""
    single = [
        {**event, "values": {name: event["values"][name]}}
        for event in read_events(events)
        if event["kind"] == "metrics"
        for name in event["values"]
    ]
    others = [event for event in read_events(events) if event["kind"] != "metrics"]
    found: Truth = {}
    for event in current([*others, *single]):
        if event["kind"] == "metrics":
            for name, value in values(event).items():
                found.setdefault(Key(event["scope"], name), []).append((event["step"], value, event["at"]))
    return {key: sorted(points, key=lambda point: point[0]) for key, points in found.items()}


def shown(points: Iterable[tuple[int, float, float]]) -> list[tuple[int, str, float]]:
    """Return points so that NaN equals NaN."""
    return [(int(step), "nan" if math.isnan(value) else repr(float(value)), float(at)) for step, value, at in points]


def assert_stands_for(series: Series, everything: list[tuple[int, float, float]], limit: int) -> None:
    """Check that a decimated series shows real points, among them the extremes and both ends."""
    found = shown(zip(series.steps, series.values, series.at, strict=True))
    real = shown(everything)
    assert series.total == len(real)
    assert len(found) <= limit
    assert set(found) <= set(real)
    assert [step for step, _, _ in found] == sorted({step for step, _, _ in found})
    if len(real) <= limit:
        assert found == real
        return
    assert (found[0], found[-1]) == (real[0], real[-1])
    numbers = [value for _, value, _ in everything if not math.isnan(value)]
    if numbers:
        assert (np.nanmin(series.values), np.nanmax(series.values)) == (min(numbers), max(numbers))
    if len(numbers) < len(everything):
        assert any(value == "nan" for _, value, _ in found)
