"""Cutting a log into batches."""

from __future__ import annotations

from pathlib import Path

from workbench.metrics.log import EventLog
from workbench.tracking.delivery.spool import points_behind, read_batch


def write(folder: Path, writer: str, times: list[float], names: int = 1) -> None:
    for at in times:
        with EventLog(folder, writer, clock=lambda at=at: at) as log:  # type: ignore[misc]
            log.append("metrics", step=int(at), scope="batch", values={f"m{i}": at for i in range(names)})


def steps(events: list[dict[str, object]]) -> list[object]:
    return [event["step"] for event in events]


def test_a_log_that_is_not_there_yet_is_an_empty_batch(tmp_path: Path) -> None:
    batch = read_batch(tmp_path / "events", {})
    assert (batch.events, batch.offsets, batch.full) == ([], {}, False)


def test_a_batch_goes_on_where_the_one_before_ended(tmp_path: Path) -> None:
    write(tmp_path, "train-1", [1, 3])
    write(tmp_path, "mine-1.7", [2])
    first = read_batch(tmp_path, {})
    assert steps(first.events) == [1, 2, 3]
    write(tmp_path, "train-1", [4])
    assert steps(read_batch(tmp_path, first.offsets).events) == [4]


def test_a_batch_that_is_read_again_is_the_same_whatever_was_written_since(tmp_path: Path) -> None:
    write(tmp_path, "train-1", [1, 3])
    write(tmp_path, "mine-1.7", [2])
    first = read_batch(tmp_path, {})
    write(tmp_path, "train-1", [4])
    write(tmp_path, "mine-1.7", [0.5])
    write(tmp_path, "alpha-1", [0.1])
    again = read_batch(tmp_path, {}, first.offsets)
    assert (again.events, again.offsets) == (first.events, first.offsets)
    assert steps(read_batch(tmp_path, again.offsets).events) == [0, 0, 4]


def test_a_long_log_is_cut_and_nothing_is_lost_between(tmp_path: Path) -> None:
    with EventLog(tmp_path, "train-1") as log:
        for step in range(2300):
            log.append("metrics", step=step, scope="batch", values={"a": 1.0})
            log.append("progress", epoch=1)
    found, offsets, counts, full = [], {}, [], True
    while full:
        batch = read_batch(tmp_path, offsets)
        found += steps(batch.events)
        offsets, full = batch.offsets, batch.full
        counts.append(len(batch.events))
    assert found == list(range(2300))
    assert counts == [1000, 1000, 300]


def test_wide_rows_fill_a_batch_earlier(tmp_path: Path) -> None:
    write(tmp_path, "train-1", [float(step) for step in range(1, 31)], names=500)
    assert len(read_batch(tmp_path, {}).events) == 20


def test_events_that_matter_to_no_tracker_move_the_place_on(tmp_path: Path) -> None:
    with EventLog(tmp_path, "train-1") as log:
        log.append("log", message="hello")
        log.append("resumed", epoch=2)
    batch = read_batch(tmp_path, {})
    assert [event["kind"] for event in batch.events] == ["resumed"]
    assert batch.offsets == {"train-1": (tmp_path / "train-1.jsonl").stat().st_size}


def test_a_torn_line_waits_until_it_is_whole(tmp_path: Path) -> None:
    write(tmp_path, "train-1", [1])
    path = tmp_path / "train-1.jsonl"
    whole = path.stat().st_size
    path.write_bytes(path.read_bytes() + b'{"at": 2, "kind": "metr')
    assert read_batch(tmp_path, {}).offsets == {"train-1": whole}


def test_what_is_behind_is_counted_in_points(tmp_path: Path) -> None:
    write(tmp_path, "train-1", [1, 2], names=3)
    with EventLog(tmp_path, "train-1") as log:
        log.append("text", name="a", text="b", step=1)
        log.append("resumed", epoch=1)
    assert points_behind(tmp_path, {}) == 7
    assert points_behind(tmp_path, read_batch(tmp_path, {}).offsets) == 0
