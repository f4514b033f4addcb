"""Questions to a run's metrics: the answer is what the logs say, whatever has been compacted."""

from __future__ import annotations

import logging
import math
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.logged import assert_stands_for, resumed, row, shown, truth, write
from workbench.errors import ParameterError, StorageError, UnknownNameError
from workbench.metrics.store.compact import compact
from workbench.metrics.store.points import Key
from workbench.metrics.store.reader import RunMetrics, Series, compare, summaries

pytestmark = pytest.mark.slow


class Folders:
    """A run's two folders."""

    def __init__(self, root: Path) -> None:
        self.events, self.metrics = root / "events", root / "metrics"

    def open(self) -> RunMetrics:
        return RunMetrics(self.events, self.metrics)

    def compact(self) -> None:
        assert compact(self.events, self.metrics) is not None


@pytest.fixture
def run(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def pairs(series: Series) -> list[tuple[int, str, float]]:
    return shown(zip(series.steps, series.values, series.at, strict=True))


def check(metrics: RunMetrics, events: Path) -> None:
    """Compare every answer with the logs."""
    expected = truth(events)
    assert metrics.keys() == sorted(expected)
    table: dict[Key, list[Any]] = {}
    for found in metrics.table().to_pylist():
        table.setdefault(Key(found["scope"], found["name"]), []).append((found["step"], found["value"], found["at"]))
    assert {key: shown(points) for key, points in table.items()} == {
        key: shown(points) for key, points in expected.items()
    }
    for key, summary in metrics.summary().items():
        points = expected[key]
        assert pairs(metrics.series(key.name, key.scope, points=None)) == shown(points)
        numbers = [value for _, value, _ in points if not math.isnan(value)]
        finite = [value for value in numbers if math.isfinite(value)]
        assert (summary.count, summary.nans, summary.finite) == (len(points), len(points) - len(numbers), len(finite))
        assert shown([(summary.first_step, summary.first, summary.first_at)]) == shown(points[:1])
        assert shown([(summary.last_step, summary.last, summary.last_at)]) == shown(points[-1:])
        assert repr(summary.min) == repr(min(numbers, default=math.nan))
        assert repr(summary.max) == repr(max(numbers, default=math.nan))
        assert summary.mean == pytest.approx(
            sum(value / len(finite) for value in finite) if finite else math.nan, nan_ok=True
        )


def test_a_run_without_metrics_has_empty_answers(run: Folders) -> None:
    metrics = run.open()
    assert (metrics.keys(), metrics.summary(), metrics.last(), len(metrics.table())) == ([], {}, {}, 0)
    series = metrics.series("loss")
    assert (len(series.steps), series.total, series.decimated) == (0, 0, False)
    run.compact()
    assert run.open().keys() == metrics.keys() == []


def test_an_unknown_metric_is_named_with_the_closest_known_one(run: Folders) -> None:
    write(run.events, "train-1", [row(1, {"train/loss": 1.0}), row(1, {"speed": 1.0}, "batch")])
    with pytest.raises(UnknownNameError, match=r"'train/los'.*Did you mean 'train/loss'\?"):
        run.open().series("train/los")
    with pytest.raises(UnknownNameError, match="It is of scope 'batch'"):
        run.open().series("speed")
    with pytest.raises(UnknownNameError, match="Did you mean"):
        run.open().table(["train/los"])


def test_too_few_points_are_refused(run: Folders) -> None:
    with pytest.raises(ParameterError, match="points is 9"):
        run.open().series("loss", points=9)


def test_points_in_the_order_of_time_when_steps_go_back(run: Folders) -> None:
    write(run.events, "train-1", [row(5, {"a": 5.0}, at=1.0), row(2, {"a": 2.0}, at=2.0)])
    assert run.open().series("a").steps.tolist() == [2, 5]
    assert run.open().series("a", axis="time").steps.tolist() == [5, 2]


def test_a_live_run_is_read_on_from_where_it_was(run: Folders) -> None:
    metrics = run.open()
    for begin in range(0, 40, 10):
        path = write(run.events, "train-1", [row(step, {"a": step, "b": -step}) for step in range(begin, begin + 10)])
        assert metrics.last() == {"a": begin + 9, "b": -begin - 9}
        assert len(metrics.series("a").steps) == begin + 10
        if begin == 10:
            run.compact()
    with path.open("r+b") as file:  # what has been read already is not read again
        file.write(b"x" * 100)
    assert len(metrics.series("a").steps) == 40


def test_a_live_run_that_resumes_drops_what_it_measures_again(run: Folders) -> None:
    metrics = run.open()
    write(run.events, "train-1", [row(step, {"a": step}) for step in (1, 2, 3)])
    assert metrics.series("a").total == 3
    write(run.events, "train-2", [resumed(1)])
    assert metrics.series("a").total == 1
    assert metrics.last() == {"a": 1.0}


def test_what_was_read_before_another_log_could_not_be_read_is_read_again(run: Folders) -> None:
    metrics = run.open()
    write(run.events, "train-1", [row(1, {"a": 1.0})])
    assert metrics.series("a").total == 1
    write(run.events, "train-1", [row(2, {"a": 2.0})])
    (run.events / "x.jsonl").mkdir()
    with pytest.raises(StorageError, match="Could not read"):
        metrics.series("a")
    (run.events / "x.jsonl").rmdir()
    assert metrics.series("a").total == 2


def test_a_line_still_being_written_waits_until_it_is_whole(run: Folders) -> None:
    path = write(run.events, "train-1", [row(1, {"a": 1.0})])
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:20])
    metrics = run.open()
    assert metrics.series("a").total == 1
    run.compact()
    path.write_bytes(whole + whole.replace(b'"step":1', b'"step":2'))
    assert metrics.series("a").steps.tolist() == [1, 2]


@pytest.mark.parametrize("compacted", [False, True])
def test_damaged_lines_and_a_tail_of_zeros_cost_only_themselves(run: Folders, compacted: bool) -> None:
    path = write(run.events, "train-1", [row(step, {"a": step}) for step in range(5)])
    with path.open("ab") as file:
        file.write(b'{"at":9,"kind":"met\n\0\0\0\0\n[]\n3\n{"at":null,"kind":"metrics","step":7,"values":{"a":1}}\n')
        file.write(b'{"at":1,"kind":"metrics","step":1.5,"scope":"epoch","values":{"a":1}}\n')
        file.write(b'{"at":1,"kind":"metrics","step":8,"scope":"epoch","values":{"a":"x"}}\n')
        file.write(b'{"at":1,"kind":"metrics","step":9,"scope":"epoch","values":3}\n')
    write(run.events, "train-1", [row(10, {"a": 10.0})])
    with path.open("ab") as file:
        file.write(b"\0" * 4096)
    if compacted:
        run.compact()
    assert run.open().series("a").steps.tolist() == [0, 1, 2, 3, 4, 10]


def test_logs_that_shrank_are_read_anew_and_that_is_said(run: Folders, caplog: pytest.LogCaptureFixture) -> None:
    path = write(run.events, "train-1", [row(step, {"a": step}) for step in range(100)])
    run.compact()
    metrics = run.open()
    assert metrics.series("a").total == 100
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:40]))
    with caplog.at_level(logging.WARNING):
        assert metrics.series("a").total == run.open().series("a").total == 40
    assert "read anew" in caplog.text
    run.compact()
    assert metrics.series("a").total == run.open().series("a").total == 40
    check(metrics, run.events)


def test_logs_that_vanished_leave_nothing_to_say(run: Folders) -> None:
    write(run.events, "train-1", [row(1, {"a": 1})])
    run.compact()
    shutil.rmtree(run.events)
    assert run.open().keys() == []


@pytest.mark.parametrize("name", ["manifest.json", "points.parquet", "pyramid.parquet"])
@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_file_never_gives_a_wrong_number(run: Folders, name: str, damage: str) -> None:
    """One of the compacted files is cut short, emptied, or has a few of its bits turned."""
    chance = np.random.default_rng(0)
    steps = range(1500)
    write(
        run.events,
        "train-1",
        [row(step, {"a": value}) for step, value in zip(steps, chance.normal(size=1500), strict=True)],
    )
    run.compact()
    everything, expected = truth(run.events)[Key("epoch", "a")], run.open().summary()
    path = next(run.metrics.rglob(name))
    good = path.read_bytes()
    for at in range(7, len(good), len(good) // 5) if damage == "flip" else [len(good) // 2]:
        bad = {"cut": good[:at], "empty": b"", "flip": good[:at] + bytes([good[at] ^ 4]) + good[at + 1 :]}[damage]
        path.write_bytes(bad)
        found = run.open().series("a", points=20)
        assert found.total == 1500
        assert_stands_for(found, everything, 20)
        assert pairs(run.open().series("a", points=None)) == shown(everything)
        assert run.open().summary() == expected
    run.compact()
    assert run.open().summary() == expected


def test_a_reader_that_meets_a_removed_generation_starts_over(run: Folders) -> None:
    write(run.events, "train-1", [row(step, {"a": step}) for step in range(100)])
    run.compact()
    metrics = run.open()
    merged = metrics.ask(lambda run: run)
    write(run.events, "train-1", [row(step, {"a": step}) for step in range(100, 200)])
    run.compact()
    asked = []

    def question(now: Any) -> int:
        asked.append(now)
        return len((merged if len(asked) == 1 else now).rows(Key("epoch", "a")))

    assert metrics.ask(question) == 200
    assert len(asked) == 2


def test_many_threads_may_ask_while_a_run_is_written_and_compacted(run: Folders) -> None:
    metrics, problems, stop = run.open(), [], threading.Event()

    def look() -> None:
        while not stop.is_set():
            found = metrics.series("a", points=50) if metrics.keys() else None
            if found is not None and found.values.tolist() != found.steps.tolist():
                problems.append(found)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for begin in range(0, 2000, 200):
        write(run.events, "train-1", [row(step, {"a": step}) for step in range(begin, begin + 200)])
        run.compact()
    stop.set()
    for thread in threads:
        thread.join()
    assert problems == []
    assert metrics.series("a", points=None).total == 2000


def test_runs_are_compared_by_metric_and_lack_what_they_have_not(tmp_path: Path) -> None:
    runs = {}
    for name, metrics in (("one", {"a": 1.0, "b": 2.0}), ("two", {"a": 3.0}), ("none", {})):
        folders = Folders(tmp_path / name)
        write(folders.events, "train-1", [row(1, metrics)] if metrics else [])
        runs[name] = folders.open()
    found = compare(runs, ["a", "b"])
    assert {run: sorted(series) for run, series in found.items()} == {"one": ["a", "b"], "two": ["a"], "none": []}
    assert found["two"]["a"].values.tolist() == [3.0]
    with pytest.raises(UnknownNameError, match="'c'"):
        compare(runs, ["a", "c"])


def test_summaries_of_many_runs_come_as_one_table(tmp_path: Path) -> None:
    runs = {}
    for name, compacted in (("compacted", True), ("live", False), ("both", True), ("none", True)):
        folders = Folders(tmp_path / name)
        write(folders.events, "train-1", [row(1, {"a": math.inf})] if name != "none" else [])
        if compacted:
            folders.compact()
        if name == "both":
            write(folders.events, "train-1", [row(2, {"a": math.nan})])
        runs[name] = folders.open()
    found = {line["run"]: line for line in summaries(runs).to_pylist()}
    assert {run: (line["last_step"], line["count"], line["max"]) for run, line in found.items()} == {
        "compacted": (1, 1, math.inf),
        "live": (1, 1, math.inf),
        "both": (2, 2, math.inf),
    }
    assert math.isnan(found["both"]["last"])


@pytest.mark.parametrize("infinite", [math.inf, -math.inf])
def test_an_infinity_behind_a_nan_is_the_extreme_of_both_ends(run: Folders, infinite: float) -> None:
    write(run.events, "train-1", [row(1, {"a": math.nan}), row(2, {"a": infinite})])
    for compacted in (False, True):
        if compacted:
            run.compact()
        (found,) = run.open().summary().values()
        assert (found.min, found.min_step, found.max, found.max_step) == (infinite, 2, infinite, 2)


def test_numbers_after_nothing_but_nan_are_the_extremes(run: Folders) -> None:
    write(run.events, "train-1", [row(1, {"a": math.nan})])
    run.compact()
    write(run.events, "train-1", [row(2, {"a": 3.0}), row(3, {"a": 2.0})])
    check(run.open(), run.events)


def test_a_clock_that_was_set_back_does_not_make_a_later_line_an_earlier_one(run: Folders) -> None:
    write(run.events, "train-1", [row(0, {"a": 0.0}, at=9.0)])
    run.compact()
    write(run.events, "train-1", [row(1, {"a": 1.0}, at=1.0)])
    write(run.events, "train-1.7", [row(1, {"a": 2.0}, at=5.0)])
    check(run.open(), run.events)
    assert run.open().series("a").values.tolist() == [0.0, 1.0]
    run.compact()
    write(run.events, "train-1.8", [row(1, {"a": 3.0}, at=6.0)])
    check(run.open(), run.events)


def test_of_two_processes_of_an_attempt_the_one_that_wrote_later_counts_also_after_a_compaction(run: Folders) -> None:
    write(run.events, "train-1", [row(1, {"a": 1.0}, at=5.0)])
    run.compact()
    write(run.events, "train-1.8", [row(1, {"a": 2.0}, at=6.0)])
    check(run.open(), run.events)
    assert run.open().last() == {"a": 2.0}


def test_steps_that_a_superseded_attempt_had_hidden_come_back(run: Folders) -> None:
    """Attempt 2 counts in larger batches, so its steps collide with kept ones of attempt 1; attempt 3 drops it."""
    metrics = run.open()
    write(run.events, "train-1", [row(step, {"a": 1.0}, "batch", epoch=1 + (step - 1) // 4) for step in range(1, 13)])
    write(run.events, "train-2", [resumed(2), *(row(step, {"a": 2.0}, "batch", epoch=3) for step in (5, 6))])
    run.compact()
    assert metrics.series("a", "batch").values.tolist() == [1.0] * 4 + [2.0] * 2 + [1.0] * 2
    write(run.events, "train-3", [resumed(2)])
    check(metrics, run.events)
    assert metrics.series("a", "batch").values.tolist() == [1.0] * 8
    run.compact()
    check(metrics, run.events)


VALUES = st.one_of(st.integers(-5, 5).map(float), st.sampled_from([math.nan, math.inf, -math.inf, 1e308, 5e-324]))
ROWS = st.builds(
    lambda step, names, scope, epoch, at: row(step, names, scope, at=at, **({} if epoch is None else {"epoch": epoch})),
    st.integers(-2, 12),
    st.dictionaries(st.sampled_from("ab"), VALUES, max_size=2),
    st.sampled_from(["epoch", "batch", "final", "system"]),
    st.one_of(st.none(), st.integers(0, 6)),
    st.integers(0, 9).map(float),
)
WRITERS = st.sampled_from(["train-1", "train-1.7", "train-2", "train-2.30", "train-10", "own", "own-20260401123000"])
PARTS = st.tuples(WRITERS, st.lists(st.one_of(ROWS, st.builds(resumed, st.integers(0, 6), st.just(3.0))), max_size=6))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(PARTS, st.booleans()), max_size=6))
def test_whatever_was_logged_and_compacted_when_the_answers_are_those_of_the_logs(parts: list[Any]) -> None:
    """Several attempts of several processes log, resume, set clocks back, and are compacted at any moment."""
    with tempfile.TemporaryDirectory() as folder:
        run = Folders(Path(folder))
        metrics = run.open()
        for (writer, rows), compacted in parts:
            write(run.events, writer, rows)
            if compacted:
                run.compact()
            check(metrics, run.events)
        check(run.open(), run.events)
