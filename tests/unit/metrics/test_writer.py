"""The log of a busy process: nothing noted is lost, nothing wrong is kept, nobody waits."""

from __future__ import annotations

import errno
import math
import multiprocessing
import os
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.waiting import until
from workbench.errors import ConflictError, ParameterError, StorageError
from workbench.metrics import writer as module
from workbench.metrics.tail import Event, read_events, values
from workbench.metrics.writer import Writer


@pytest.fixture
def log(tmp_path: Path) -> Writer:
    return Writer(tmp_path, "train-1", clock=lambda: 7.0)


def rows(writer: Writer) -> list[Event]:
    writer.flush()
    return read_events(writer.path.parent)


def test_a_row_is_in_another_processs_hands_without_a_flush(log: Writer, tmp_path: Path) -> None:
    log.log(1, {"loss": 0.5})
    code = (
        "import sys, time; from pathlib import Path; from workbench.metrics.tail import read_events\n"
        "while not read_events(Path(sys.argv[1])): time.sleep(0.01)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=20, check=False).returncode == 0


def test_a_row_keeps_its_step_time_scope_epoch_and_fields(log: Writer) -> None:
    log.log(3, {"loss": 0.5}, scope="epoch", epoch=2, at=5.5, cpu_s=1.0)
    log.log(4, {"loss": 1})
    first, second = rows(log)
    assert first == {
        "at": 5.5,
        "kind": "metrics",
        "scope": "epoch",
        "epoch": 2,
        "cpu_s": 1.0,
        "step": 3,
        "values": {"loss": 0.5},
        "writer": "train-1",
    }
    assert (second["at"], second["scope"], second["values"]["loss"]) == (7.0, "batch", 1)


def test_events_and_metrics_keep_their_order(log: Writer) -> None:
    log.append("resumed", epoch=3)
    log.log(4, {"loss": 1.0})
    log.append("log", message="after")
    assert [event["kind"] for event in rows(log)] == ["resumed", "metrics", "log"]


def test_nan_and_the_infinities_survive(log: Writer) -> None:
    log.log(1, {"nan": math.nan, "up": math.inf, "down": -math.inf, "null": 1.0})
    back = values(rows(log)[0])
    assert math.isnan(back["nan"])
    assert (back["up"], back["down"], back["null"]) == (math.inf, -math.inf, 1.0)


def test_numbers_of_other_kinds_are_numbers(log: Writer) -> None:
    log.log(np.int64(2), {"a": np.float32(0.5), "b": np.array(2.0), "c": True, "d": 1 << 70})
    found = rows(log)[0]
    assert (found["step"], found["values"]) == (2, {"a": 0.5, "b": 2.0, "c": 1.0, "d": float(1 << 70)})


@pytest.mark.parametrize("value", [None, "0.5", b"1", [1.0], np.zeros(2), object()])
def test_a_value_that_is_no_number_is_refused_and_nothing_of_the_call_is_kept(log: Writer, value: object) -> None:
    with pytest.raises(ParameterError, match="Metric 'bad' is") as refused:
        log.log(1, {"good": 1.0, "bad": value})  # type: ignore[dict-item]
    assert refused.value.todo
    assert rows(log) == []


@pytest.mark.parametrize("name", ["", "two\nlines", "tab\t", "x" * 251, "\x00", 3])
def test_a_name_that_cannot_be_shown_is_refused(log: Writer, name: str) -> None:
    for _ in range(2):  # a refused name is not learnt
        with pytest.raises(ParameterError, match="A metric is named"):
            log.log(1, {name: 1.0})
    assert rows(log) == []


@pytest.mark.parametrize("name", ["metrics/mAP50(B)", "손실 값", "é @ [x]", "x" * 250])
def test_any_other_name_is_taken(log: Writer, name: str) -> None:
    log.log(1, {name: 1.0})
    assert rows(log)[0]["values"] == {name: 1.0}


@pytest.mark.parametrize("step", [1.5, "3", None, 1 << 63])
def test_a_step_that_is_no_whole_number_is_refused(log: Writer, step: object) -> None:
    with pytest.raises(ParameterError, match="step is"):
        log.log(step, {"loss": 1.0})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"at": math.nan}, "at is 'nan'"),
        ({"at": "noon"}, "at is 'noon'"),
        ({"epoch": 1.0}, "epoch is 1.0"),
        ({"epoch": 1 << 63}, "epoch is 9223372036854775808"),
        ({"scope": ["x"]}, "A scope is named"),
        ({"scope": "two\nlines"}, "A scope is named"),
        ({"metrics": None}, "metrics is of type NoneType"),
        ({"metrics": ["loss"]}, "metrics is of type list"),
        ({"metrics": {"loss": 10**400}}, "Metric 'loss' is"),
    ],
)
def test_what_nobody_could_read_back_is_refused(log: Writer, fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        log.log(1, **{"metrics": {"loss": 1.0}, **fields})
    assert rows(log) == []


def test_a_step_that_is_a_bool_is_a_number(log: Writer) -> None:
    log.log(True, {"loss": 1.0})
    assert rows(log)[0]["step"] == 1


def test_steps_may_go_backwards(log: Writer) -> None:
    for step in (5, 3, -1):
        log.log(step, {"loss": 1.0})
    assert [row["step"] for row in rows(log)] == [5, 3, -1]


def test_a_field_that_is_no_json_is_refused(log: Writer) -> None:
    with pytest.raises(ParameterError, match="'note' cannot be kept"):
        log.append("note", what=object())


def test_what_is_noted_cannot_be_changed_afterwards(log: Writer) -> None:
    metrics = {"loss": 1.0}
    log.log(1, metrics)
    metrics["loss"] = 2.0
    assert rows(log)[0]["values"] == {"loss": 1.0}


def test_threads_share_a_writer(log: Writer) -> None:
    def work(begin: int) -> None:
        for step in range(begin, begin + 500):
            log.log(step, {"loss": float(step)})

    threads = [threading.Thread(target=work, args=(begin,)) for begin in range(0, 2000, 500)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(row["step"] for row in rows(log)) == list(range(2000))


def test_a_forked_process_writes_a_file_of_its_own_and_nothing_twice(log: Writer, tmp_path: Path) -> None:
    log.log(1, {"loss": 1.0})
    child = os.fork()
    if child == 0:
        log.log(2, {"loss": 2.0})
        log.close()
        os._exit(0)
    os.waitpid(child, 0)
    found = {(row["writer"], row["step"]) for row in rows(log)}
    assert found == {("train-1", 1), (f"train-1.{child}", 2)}
    assert len(read_events(tmp_path)) == 2


def test_a_process_of_multiprocessing_that_ends_at_once_loses_nothing(log: Writer, tmp_path: Path) -> None:
    child = multiprocessing.get_context("fork").Process(target=log.log, args=(2, {"loss": 2.0}))
    child.start()
    child.join(20)
    assert [row["step"] for row in read_events(tmp_path)] == [2]


def test_a_thread_that_could_not_be_started_is_started_later(log: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            log.log(1, {"loss": 1.0})
    log.log(2, {"loss": 1.0})
    until(lambda: len(read_events(log.path.parent)) == 1, 5)


def test_a_close_that_is_interrupted_can_be_done_again(log: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_file: int) -> None:
        raise KeyboardInterrupt

    log.log(1, {"loss": 1.0})
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            log.close()
    log.log(2, {"loss": 1.0})
    log.close()
    assert len(read_events(log.path.parent)) == 2


def test_what_was_noted_last_is_written_when_the_process_ends(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from workbench.metrics.writer import Writer\n"
        "Writer(Path(sys.argv[1]), 'a-1').log(1, {'loss': 1.0})"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=20, check=True)
    assert len(read_events(tmp_path)) == 1


def test_a_closed_writer_takes_no_more(log: Writer) -> None:
    log.log(1, {"loss": 1.0})
    log.close()
    log.close()
    with pytest.raises(ConflictError, match="'train-1' is closed"):
        log.log(2, {"loss": 1.0})


def test_a_row_that_comes_while_somebody_closes_is_not_lost_without_a_word(log: Writer) -> None:
    class Closing(deque[bytes]):
        def append(self, line: bytes) -> None:
            log.close()
            super().append(line)

    log._queue = Closing()
    with pytest.raises(ConflictError, match="is closed"):
        log.log(1, {"loss": 1.0})


class _Disk:
    """A disk that can be full, slow to notice, and freed again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full, self._write = False, os.write
        monkeypatch.setattr(os, "write", self.write)

    def write(self, file: int, data: bytes) -> int:
        if not self.full:
            return self._write(file, data)
        if len(data) > 10:
            return self._write(file, data[:10])
        raise OSError(errno.ENOSPC, "full")


def test_a_disk_that_is_full_for_a_moment_loses_nothing(log: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = _Disk(monkeypatch)
    log.log(1, {"loss": 1.0})
    log.flush()
    disk.full = True
    for step in range(2, 5):
        log.log(step, {"loss": 1.0})
    with pytest.raises(StorageError, match="No space left"):
        log.flush()
    disk.full = False
    assert [row["step"] for row in rows(log)] == [1, 2, 3, 4]


def test_a_disk_that_stays_full_is_told_to_the_caller(log: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = _Disk(monkeypatch)
    monkeypatch.setattr(module, "_PATIENCE_S", 0.05)
    disk.full = True
    log.log(1, {"loss": 1.0})

    def is_told() -> bool:
        try:
            log.log(2, {"loss": 1.0})
        except StorageError:
            return True
        return False

    until(is_told, 5)
    disk.full = False
    assert rows(log)[0]["step"] == 1


def test_a_queue_that_is_full_waits_and_drops_nothing(log: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_QUEUE_BYTES", 10 * 2048)
    longest = 0
    for step in range(60):
        log.log(step, {"loss": 1.0})
        longest = max(longest, len(log._queue))
    assert longest <= 10
    assert [row["step"] for row in rows(log)] == list(range(60))


def test_a_writer_that_nobody_closed_ends_with_its_owner(tmp_path: Path) -> None:
    before = threading.active_count()
    writer = Writer(tmp_path, "a-1")
    writer.log(1, {"loss": 1.0})
    del writer
    assert len(read_events(tmp_path)) == 1
    until(lambda: threading.active_count() <= before, 5)


def test_noting_is_quick_while_the_disk_hangs(log: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes seconds is waited for by the writer's thread, never by the caller."""
    real, asked, awake = os.write, threading.Event(), threading.Event()

    def hanging(file: int, data: bytes) -> int:
        asked.set()
        assert awake.wait(30)
        return real(file, data)

    log.log(0, {"loss": 1.0})
    monkeypatch.setattr(os, "write", hanging)
    for step in range(1, 50):
        log.log(step, {"loss": 1.0})
    assert asked.wait(30)  # the disk hangs from here on
    log.log(50, {"loss": 1.0})
    awake.set()
    assert len(rows(log)) == 51
