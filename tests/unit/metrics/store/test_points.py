"""Lines as columns: the same events, the same rule, by the hundred thousand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.logged import resumed, row, truth, write
from workbench.errors import StorageError
from workbench.metrics.rows import attempt_of, current
from workbench.metrics.store import logs
from workbench.metrics.store.logs import LogTail, ShrunkError
from workbench.metrics.store.points import NO_EPOCH, Key, Lines, Shapes, by_key
from workbench.metrics.store.rule import Rule
from workbench.metrics.tail import parse


def data(*events: Any) -> bytes:
    return b"".join(orjson.dumps(event) + b"\n" for event in events)


def feed(lines: bytes) -> list[tuple[int, float]]:
    rows = Lines(Shapes(), 0).feed(lines)
    return list(zip(rows["step"].tolist(), rows["value"].tolist(), strict=True))


def test_a_line_of_several_metrics_gives_a_point_for_each() -> None:
    shapes = Shapes()
    rows = Lines(shapes, 3).feed(
        data(row(1, {"a": 1.0, "b": math.inf}, at=5.0, epoch=2), row(2, {"b": -math.inf}), row(3, {"a": 3}, "batch"))
    )
    assert shapes.keys_met.items == [Key("epoch", "a"), Key("epoch", "b"), Key("batch", "a")]
    assert rows["key"].tolist() == [0, 1, 1, 2]
    assert rows["value"].tolist() == [1.0, math.inf, -math.inf, 3.0]
    assert rows["at"].tolist() == [5.0, 5.0, 2.0, 3.0]
    assert rows["written"].tolist() == [5.0] * 4
    assert rows["epoch"].tolist() == [2, 2, NO_EPOCH, NO_EPOCH]
    assert set(rows["writer"].tolist()) == {3}


def test_an_empty_line_of_metrics_and_other_events_give_no_point() -> None:
    assert feed(data(row(1, {}), {"at": 1.0, "kind": "log", "message": "x"}, row(2, {"a": 2.0}))) == [(2, 2.0)]
    assert feed(b"") == feed(data({"at": 1.0, "kind": "log"})) == []


def test_null_is_nan() -> None:
    found = feed(b'{"at":1,"kind":"metrics","scope":"epoch","step":1,"values":{"a":null}}\n')
    assert [step for step, _ in found] == [1]
    assert math.isnan(found[0][1])


@pytest.mark.parametrize(
    "bad",
    [
        *(
            b"",
            b"{",
            b"[]",
            b"7",
            b"null",
            b"\xff",
            b"\0\0",
            b'{"kind":"metrics"}',
            b'{"at":1}',
            b'{"at":"x","kind":"log"}',
        ),
        *(b'{"at":1,"kind":"metrics"}', b'{"at":1,"kind":"metrics","step":1,"values":[1]}'),
        b'{"at":1,"kind":"metrics","step":1,"values":{"a":[1]}}',
        b'{"at":1,"kind":"metrics","step":1,"values":{"a":"high"}}',
        b'{"at":1,"kind":"metrics","step":99999999999999999999,"values":{"a":1}}',
        b'{"at":1,"kind":"metrics","step":1,"epoch":"x","values":{"a":1}}',
        b'{"at":1,"kind":"resumed"}',
        b'{"at":1,"kind":"resumed","epoch":null}',
        b'{"at":1,"kind":"a","list":[1\n{"at":1,"kind":"b"}\n2]}',
    ],
)
def test_a_damaged_line_costs_only_itself(bad: bytes) -> None:
    good = data(row(1, {"a": 1.0})), data(row(2, {"a": 2.0}))
    assert feed(good[0] + bad + b"\n" + good[1]) == [(1, 1.0), (2, 2.0)]
    assert feed(bad + b"\n") == []


def test_damaged_lines_that_would_be_one_event_together_do_not_swallow_what_is_between() -> None:
    assert feed(b'{"at":1,"kind":"a","list":[1\n' + data(row(2, {"a": 2.0})) + b"2]}\n") == [(2, 2.0)]


def test_the_least_epoch_that_a_writer_resumed_from_is_kept() -> None:
    lines = Lines(Shapes(), 0)
    lines.feed(data(row(1, {"a": 1.0})))
    assert lines.kept is None
    lines.feed(data(resumed(7), resumed(4)))
    lines.feed(data(resumed(5)))
    assert lines.kept == 4


@pytest.mark.parametrize(
    ("writer", "attempt"),
    [
        ("train-2", 2),
        ("train-2.4711", 2),
        ("train-10", 10),
        ("ledger", 0),
        ("my-own-3", 3),
        ("", 0),
        ("train-2.x", 0),
        ("my-20260401123000", 0),
    ],
)
def test_the_attempt_of_a_writer_is_in_its_name(writer: str, attempt: int) -> None:
    assert attempt_of(writer) == attempt


def test_a_point_of_an_earlier_attempt_that_was_written_later_does_not_count() -> None:
    shapes = Shapes()
    late = Lines(shapes, 0).feed(data(row(1, {"a": 1.0}, at=9.0)))
    early = Lines(shapes, 1).feed(data(row(1, {"a": 2.0}, at=1.0)))
    found = Rule(["train-1", "train-2"], {}).settle(np.concatenate([early, late]), "epoch")
    assert found["value"].tolist() == [2.0]


def test_of_points_written_at_the_same_time_that_of_the_writer_counts_that_a_tail_reads_last(tmp_path: Path) -> None:
    writers = ["train-1", "train-1.7", "train-1.10"]
    for value, writer in enumerate(writers):
        write(tmp_path, writer, [row(1, {"a": float(value)})])
    shapes = Shapes()
    fed = [Lines(shapes, at).feed((tmp_path / f"{writer}.jsonl").read_bytes()) for at, writer in enumerate(writers)]
    for rows in (np.concatenate(fed), np.concatenate(fed[::-1])):
        found = Rule(writers, {}).settle(rows, "epoch")["value"].tolist()
        assert found == [value for _, value, _ in truth(tmp_path)[Key("epoch", "a")]]


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["train-1", "train-2", "train-2.9", "train-3", "x"]),
        st.integers(0, 5),
        st.sampled_from(["epoch", "final", "system"]),
        st.one_of(st.none(), st.integers(0, 4)),
        st.booleans(),
    ),
    max_size=12,
)


@given(EVENTS)
def test_the_points_that_count_are_the_rows_that_count(events: list[Any]) -> None:
    """The same rule as for single events, over attempts, processes, scopes and epochs."""
    writers = sorted({writer for writer, *_ in events})
    made = [
        {**resumed(epoch or 0, at), "writer": writer, "serial": at}
        if begins
        else {
            **row(step, {"a": at}, scope, at=at, writer=writer, serial=at),
            **({} if epoch is None else {"epoch": epoch}),
        }
        for at, (writer, step, scope, epoch, begins) in enumerate(events)
    ]
    kept: dict[int, int] = {}
    for event in made:
        if event["kind"] == "resumed":
            attempt = attempt_of(event["writer"])
            kept[attempt] = min(event["epoch"], kept.get(attempt, event["epoch"]))
    shapes, rule = Shapes(), Rule(writers, kept)
    fed = [
        Lines(shapes, number).feed(data(*(event for event in made if event["writer"] == writer)))
        for number, writer in enumerate(writers)
    ]
    parts = by_key(np.concatenate(fed)) if fed else {}
    found = [rule.settle(rows, shapes.keys_met.items[key].scope)["value"].tolist() for key, rows in parts.items()]
    expected = [event["serial"] for event in current(made) if event["kind"] == "metrics"]
    assert sorted(value for part in found for value in part) == sorted(expected)


@given(st.lists(st.lists(st.integers(0, 3), max_size=4), max_size=4), st.integers(1, 200))
def test_chunks_of_any_size_give_every_line_once(shape: list[list[int]], chunk: int) -> None:
    lines = data(*(row(at, {f"m{name}": name for name in names}) for at, names in enumerate(shape)))
    parts: list[bytes] = []
    rest = lines
    while rest:
        cut = rest.find(b"\n", min(chunk, len(rest) - 1)) + 1 or len(rest)
        parts, rest = [*parts, rest[:cut]], rest[cut:]
    one = Lines(Shapes(), 0)
    together = [step for part in parts for step in one.feed(part)["step"].tolist()]
    assert together == feed_steps(lines)


def feed_steps(lines: bytes) -> list[int]:
    return [event["step"] for event in parse(lines) for _ in event["values"]]


@pytest.mark.parametrize("chunk", [1, 7, 64, 1 << 20])
def test_a_tail_reads_lines_longer_than_a_chunk(tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_CHUNK_BYTES", chunk)
    path = write(tmp_path, "train-1", [row(step, {"a": 1.0, "long" * 40: 2.0}) for step in range(5)])
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + b'{"at":9,"ki')
    tail = LogTail(tmp_path, {}, {})
    assert sum(len(rows) for rows in tail.poll()) == 10
    assert tail.covered["train-1"].bytes == size
    assert list(tail.poll()) == []


def test_a_log_that_shrank_or_vanished_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, "train-1", [row(1, {"a": 1.0})])
    tail = LogTail(tmp_path, {}, {})
    assert len(list(tail.poll())) == 1
    path.write_bytes(b"")
    with pytest.raises(ShrunkError):
        list(tail.poll())
    path.unlink()
    with pytest.raises(ShrunkError):
        list(tail.poll())


def test_a_log_that_cannot_be_read_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "train-1.jsonl").mkdir()
    (tmp_path / "train-1.jsonl" / "x").write_bytes(b"")
    with pytest.raises(StorageError, match="Could not read"):
        list(LogTail(tmp_path, {}, {}).poll())
    with pytest.raises(StorageError, match="Could not read"):
        list(LogTail(tmp_path / "train-1.jsonl" / "x", {}, {}).poll())
