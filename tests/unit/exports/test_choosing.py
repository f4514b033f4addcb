"""The exports that no other one beats, and which of them is taken."""

from __future__ import annotations

import json
from io import BytesIO

import pytest

from workbench.errors import RequestError
from workbench.exports.choosing import COLUMNS, Candidate, Choice, Limits, candidates, pareto

FULL = Candidate("onnx", "a", 10.0, 20.0, 50.0, 0.80, 0.0, passed=True)
HALF = Candidate("onnx:fp16", "b", 5.0, 22.0, 50.0, 0.80, 0.0, passed=True)
SMALL = Candidate("onnx:int8", "c", 3.0, 12.0, 40.0, 0.79, 1.0, passed=True)
BEATEN = Candidate("torchscript", "d", 10.5, 21.0, 90.0, 0.80, 0.0, passed=True)
BROKEN = Candidate("litert:int8", "e", 2.0, 5.0, 30.0, 0.81, 9.0, why="accuracy")
UNKNOWN = Candidate("coreml", "f", 9.0, passed=True)
ALL = (FULL, HALF, SMALL, BEATEN, BROKEN, UNKNOWN)


def test_the_front_is_what_no_other_one_beats() -> None:
    assert pareto([FULL, HALF, SMALL, BEATEN, UNKNOWN]) == (FULL, HALF, SMALL)
    assert pareto([FULL, Candidate("twin", "t", 10.0, 20.0, 50.0, 0.80)]) != ()
    assert pareto([]) == ()


@pytest.mark.parametrize(
    ("limits", "best"),
    [
        (Limits(), FULL),
        (Limits(size_mb=6), HALF),
        (Limits(latency_ms=15), SMALL),
        (Limits(latency_ms=15, accuracy=0.795), None),
        (Limits(size_mb=2.5), None),
    ],
)
def test_the_most_accurate_one_within_the_limits_is_taken_and_never_one_that_failed(
    limits: Limits, best: Candidate | None
) -> None:
    choice = Choice(ALL, limits)
    assert choice.best == best
    assert choice.payload()["best"] == (best.export if best else None)


def test_it_is_shown_as_a_table_as_data_and_as_a_plot() -> None:
    choice = Choice(ALL, Limits(latency_ms=15, accuracy=0.7))
    rows = choice.rows()
    assert {len(row) for row in rows} == {len(COLUMNS)}
    assert [row[0] for row in rows if row[0].endswith("*")] == ["onnx:int8 *"]
    assert dict(zip(COLUMNS, rows[4], strict=True))["verdict"] == "accuracy"
    json.dumps(choice.payload(), allow_nan=False)
    target = BytesIO()
    choice.figure().savefig(target)
    assert target.getvalue().startswith(b"\x89PNG")
    assert Choice((), Limits()).figure()


def test_what_was_refused_is_told_and_not_chosen() -> None:
    refused = candidates([("engine", RequestError("no GPU", "one", "buy"))])
    assert refused == (Candidate("engine", why="no GPU"),)
    assert Choice(refused, Limits()).best is None
