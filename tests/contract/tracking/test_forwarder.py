"""Feeding trackers that live in processes of their own, and die, hang, refuse and come back."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.tracking.filed import filed_installed
from tests.contract.tracking.stage import FAST, Stage, stage
from tests.waiting import until
from workbench import storage
from workbench.metrics.log import EventLog
from workbench.processes import alive
from workbench.runs.lease import Lease
from workbench.runs.model import RunState
from workbench.runs.tracking.tracked import TrackedRun
from workbench.tracking.delivery import state

__all__ = ["filed_installed", "stage"]
pytestmark = pytest.mark.usefixtures("filed_installed")


def once(count: int) -> Counter[int]:
    return Counter(range(1, count + 1))


def test_a_run_is_told_from_its_start_to_its_end_each_row_once(stage: Stage) -> None:
    stage.begin()
    stage.log(30)
    thread = stage.forward()
    until(lambda: len(stage.filed.steps()) == 30)
    stage.log(12)
    stage.end()
    thread.join(20)
    assert not thread.is_alive()
    assert stage.filed.steps() == once(42)
    assert [item["serial"] for item in stage.filed.items()] == list(range(1, 43))
    assert [call["remote"] for call in stage.filed.told("open")] == [None]
    assert [call["state"] for call in stage.filed.told("close")] == ["completed"]
    delivery = stage.delivery()
    assert (delivery.remote, delivery.points, delivery.pending) == (f"filed-{stage.run_id}", 42, None)
    assert (delivery.error, delivery.url) == (None, f"http://filed/{stage.run_id}")


def test_a_long_log_is_told_in_batches_of_at_most_a_thousand(stage: Stage) -> None:
    stage.begin()
    stage.log(2500)
    stage.end()
    assert stage.feed().catch_up(1, stage.stop)
    assert [len(call["items"]) for call in stage.filed.told("send")] == [1000, 1000, 500]
    assert stage.filed.steps() == once(2500)


def test_wide_rows_are_told_in_batches_of_about_ten_thousand_points(stage: Stage) -> None:
    stage.begin()
    with EventLog(stage.paths.events, "train-1") as log:
        for step in range(1, 26):
            log.append("metrics", step=step, scope="batch", values={f"m{i}": float(i) for i in range(1000)})
    stage.end()
    assert stage.feed().catch_up(1, stage.stop)
    assert [len(call["items"]) for call in stage.filed.told("send")] == [10, 10, 5]


def test_what_the_log_holds_beside_metrics_is_told_too(stage: Stage) -> None:
    stage.begin()
    (stage.paths.media).mkdir()
    (stage.paths.media / "pr.png").write_bytes(b"png")
    (stage.paths.checkpoints).mkdir()
    (stage.paths.checkpoints / "best.pt").write_bytes(b"weights")
    stage.paths.attempt(1).notebook.write_bytes(b"{}")
    with EventLog(stage.paths.events, "train-1") as log:
        log.append("file", file_kind="plot", name="pr.png", path="media/pr.png", step=1)
        log.append("text", name="remark", text="é 한국어", step=2)
        log.append("progress", epoch=1)
    stage.end()
    assert stage.feed().catch_up(1, stage.stop)
    assert [item["name"] for item in stage.filed.items("File")] == ["pr.png", "best.pt", "output.ipynb"]
    assert [item["name"] for item in stage.filed.items("Text")] == ["remark"]


@pytest.mark.parametrize("to", [RunState.FAILED, RunState.CRASHED, RunState.CANCELLED])
def test_a_run_that_did_not_complete_is_told_so(stage: Stage, to: RunState) -> None:
    stage.begin()
    stage.log(3)
    stage.end(to)
    assert stage.feed().catch_up(1, stage.stop)
    assert [call["state"] for call in stage.filed.told("close")] == [to.value]
    assert stage.filed.items("Model") == []


def test_a_resumed_run_goes_on_in_the_same_remote_run(stage: Stage) -> None:
    stage.begin()
    stage.log(4, epoch=1)
    stage.log(4, epoch=2)
    stage.end(RunState.FAILED)
    assert stage.feed().catch_up(1, stage.stop)
    stage.workspace.ledger.move(stage.run_id, RunState.QUEUED, "resume")
    stage.begin(2)
    with EventLog(stage.paths.events, "train-2") as log:
        log.append("resumed", epoch=1)
    stage.step = 4
    stage.log(6, "train-2", epoch=2)
    stage.end()
    assert stage.feed().catch_up(1, stage.stop)
    assert [(call["attempt"], call["remote"]) for call in stage.filed.told("open")] == [
        (1, None),
        (2, f"filed-{stage.run_id}"),
    ]
    assert [call["state"] for call in stage.filed.told("close")] == ["failed", "completed"]
    assert [item["serial"] for item in stage.filed.items()] == list(range(1, 15))


def test_rows_that_a_later_attempt_measured_again_are_not_told_afterwards(stage: Stage) -> None:
    stage.begin()
    stage.log(4, epoch=1)
    stage.log(4, epoch=2)
    stage.end(RunState.CRASHED)
    stage.workspace.ledger.move(stage.run_id, RunState.QUEUED, "resume")
    stage.begin(2)
    with EventLog(stage.paths.events, "train-2") as log:
        log.append("resumed", epoch=1)
    stage.step = 4
    stage.log(6, "train-2", epoch=2)
    stage.end()
    assert stage.feed().catch_up(1, stage.stop)
    assert stage.filed.steps() == once(10)
    assert [item["serial"] for item in stage.filed.items()] == [1, 2, 3, 4, *range(9, 15)]


def test_a_server_that_comes_back_gets_everything_once(stage: Stage) -> None:
    stage.filed.mood("open down 3")
    stage.begin()
    stage.log(10)
    thread = stage.forward()
    until(lambda: stage.filed.steps() == once(10))
    stage.filed.mood("send down 2")
    stage.log(10)
    until(lambda: stage.filed.steps() == once(20))
    stage.end()
    thread.join(20)
    assert stage.filed.steps() == once(20)
    pids = {call["pid"] for call in stage.filed.told("open") + stage.filed.told("close")}
    assert len(pids) == 1, "a refusal of the tracker's own ends no process: its library takes seconds to import"
    assert stage.delivery().error is None


def test_a_tracker_that_hangs_is_ended_with_its_children_and_delays_no_other(stage: Stage) -> None:
    stage.filed.mood("send hang 1")
    stage.begin()
    stage.log(5)
    started = time.monotonic()
    thread = stage.forward("filed", "other")
    until(lambda: len(stage.workers()) == 2)
    hung = stage.workers()
    until(lambda: stage.filed.steps("other") == once(5))
    assert time.monotonic() - started < FAST.send_s
    until(lambda: stage.filed.steps() == once(5))
    assert alive(hung) == []
    stage.end()
    thread.join(20)
    assert stage.filed.told("open")[-1]["remote"] == f"filed-{stage.run_id}"


def test_a_tracker_that_is_killed_by_a_fault_of_its_own_is_started_again(stage: Stage) -> None:
    stage.filed.mood("send crash 1")
    stage.begin()
    stage.log(5)
    feed = stage.feed()
    assert feed.attempt() == "failed"
    assert "by signal 11" in stage.delivery().error["happened"]  # type: ignore[index]
    assert feed.attempt() == "idle"
    feed.close()
    assert stage.filed.steps() == once(5)
    assert len({call["pid"] for call in stage.filed.told("open")}) == 2
    assert "Segmentation fault" in (stage.paths.trackers / "filed.log").read_text(errors="replace")


def test_what_a_tracker_started_ends_with_it_also_when_it_dies_first(stage: Stage) -> None:
    stage.filed.mood("send orphan 1")
    stage.begin()
    stage.log(5)
    assert stage.feed().attempt() == "failed"
    assert stage.workers() == []


def test_what_was_taken_but_not_acknowledged_comes_again_the_same(stage: Stage) -> None:
    """Also when another process of the run has written meanwhile, with earlier times."""
    stage.filed.mood("send take-and-die 1")
    stage.begin()
    early = time.time() - 60
    stage.log(5)
    assert stage.feed().attempt() == "failed"
    with EventLog(stage.paths.events, "alpha-1.17", clock=lambda: early) as log:
        log.append("metrics", step=100, scope="mine", values={"other": 1.0})
    stage.log(3)
    stage.end()
    assert stage.feed().catch_up(1, stage.stop)
    sent = [[(item["step"], item["serial"]) for item in call["items"]] for call in stage.filed.told("send")]
    assert sent == [
        [(step, step) for step in range(1, 6)],
        [(step, step) for step in range(1, 6)],
        [(100, 6), (6, 7), (7, 8), (8, 9)],
    ]


def test_a_wrong_key_is_not_tried_again_until_somebody_asks(stage: Stage) -> None:
    stage.filed.mood("open refuse")
    stage.begin()
    stage.log(5)
    thread = stage.forward()
    thread.join(20)
    delivery = stage.delivery()
    assert delivery.stopped
    assert delivery.error is not None
    assert [delivery.error[beat] for beat in ("happened", "expected", "todo")] == [
        "The key is wrong.",
        "A right key.",
        "Set FILED_KEY.",
    ]
    again = stage.forward()
    again.join(20)
    assert stage.filed.told("open") == []
    stage.filed.mood("")
    assert stage.feed().catch_up(1, stage.stop)
    assert (stage.filed.steps(), stage.delivery().stopped, stage.delivery().error) == (once(5), False, None)


def test_another_attempt_may_have_another_key(stage: Stage) -> None:
    stage.begin()
    stage.log(5)
    assert stage.feed().catch_up(1, stage.stop)
    stage.filed.mood("send refuse")
    stage.log(5)
    stage.forward().join(20)
    assert stage.delivery().stopped
    stage.filed.mood("")
    stage.end(RunState.FAILED)
    stage.workspace.ledger.move(stage.run_id, RunState.QUEUED, "resume")
    stage.begin(2)
    stage.end()
    stage.forward().join(20)
    assert (stage.filed.steps(), stage.delivery().stopped) == (once(10), False)


def test_whatever_goes_wrong_stands_in_the_status(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what nobody has thought of: a thread that ends without a word would be the end of the delivery."""

    def wrong(*_arguments: object) -> None:
        raise TypeError("unhashable type: 'list'")

    stage.begin()
    stage.log(5)
    monkeypatch.setattr(TrackedRun, "items", wrong)
    assert not stage.feed().catch_up(1, stage.stop)
    error = stage.delivery().error
    assert error is not None
    assert "unhashable type" in error["happened"]


def test_errors_of_an_unknown_kind_are_tried_again_a_few_times_and_tell_no_secret(stage: Stage) -> None:
    stage.filed.mood("send raise")
    stage.begin()
    stage.log(5)
    stage.forward().join(20)
    delivery = stage.delivery()
    assert delivery.stopped
    assert delivery.error is not None
    assert delivery.error["happened"] == "filed raised ValueError: *** is not what https://***@host/x wants"
    assert len({call["pid"] for call in stage.filed.told("open")}) == FAST.foreign


def test_a_tracker_that_cannot_be_imported_says_what_is_missing(stage: Stage) -> None:
    stage.begin()
    assert stage.feed("broken").attempt() == "failed"
    delivery = stage.delivery("broken")
    assert delivery.stopped
    assert "filed_tracker_that_is_not_there" in str(delivery.error)


def test_what_a_library_prints_disturbs_nothing_and_fills_no_disk(stage: Stage) -> None:
    stage.begin()
    feed = stage.feed()
    for _ in range(3):
        stage.filed.mood("send shout 1")
        stage.log(1)
        assert feed.attempt() == "idle"
    feed.close()
    assert stage.filed.steps() == once(3)
    sizes = [path.stat().st_size for path in stage.paths.trackers.glob("filed*.log")]
    assert 0 < sum(sizes) <= 6_100_000


def test_a_run_that_ended_is_not_kept_waiting_for_a_tracker_that_hangs(stage: Stage) -> None:
    stage.filed.mood("close hang")
    stage.begin()
    stage.log(5)
    limits = replace(FAST, close_s=60.0, finish_s=2.0)
    thread = stage.forward(limits=limits)
    until(lambda: stage.filed.steps() == once(5))
    stage.end()
    ended = time.monotonic()
    thread.join(20)
    assert not thread.is_alive()
    assert time.monotonic() - ended < 6.0
    assert stage.delivery().closed_at is None
    stage.filed.mood("")
    assert stage.feed().catch_up(1, stage.stop)
    assert [call["state"] for call in stage.filed.told("close")] == ["completed"]
    assert stage.filed.steps() == once(5)


def test_a_run_that_ended_is_over_though_its_process_is_not_gone_yet(stage: Stage) -> None:
    stage.filed.mood("close hang")
    stage.begin()
    stage.log(5)
    process = stage.leases.pop()
    stage.leases.append(Lease(stage.paths.root / "another"))
    thread = stage.forward(limits=replace(FAST, close_s=60.0, finish_s=2.0))
    until(lambda: stage.filed.steps() == once(5))
    stage.end()
    ended = time.monotonic()
    thread.join(20)
    process.close()
    assert not thread.is_alive()
    assert time.monotonic() - ended < 6.0


def test_the_end_of_a_run_ends_a_long_wait_for_a_server_that_was_down(stage: Stage) -> None:
    stage.filed.mood("open down 1")
    stage.begin()
    stage.log(5)
    thread = stage.forward(limits=replace(FAST, retry_s=(60.0, 60.0)))
    until(lambda: stage.delivery().error is not None)
    stage.end()
    thread.join(10)
    assert not thread.is_alive()
    assert stage.filed.steps() == once(5)
    assert [call["state"] for call in stage.filed.told("close")] == ["completed"]


def test_a_damaged_state_is_put_aside_and_everything_told_again(stage: Stage) -> None:
    stage.begin()
    stage.log(5)
    stage.end()
    assert stage.feed().catch_up(1, stage.stop)
    path = state.state_file(stage.paths.trackers, "filed")
    path.write_bytes(path.read_bytes()[:40])
    assert stage.feed().catch_up(1, stage.stop)
    assert stage.filed.steps() == Counter(dict.fromkeys(range(1, 6), 2))
    assert stage.delivery().points == 5


def test_a_full_disk_stops_no_delivery(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, _value: object) -> Path:
        raise storage.storage_error(OSError(28, "No space left on device"), path)

    stage.begin()
    stage.log(5)
    stage.end()
    with monkeypatch.context() as patch:
        patch.setattr(storage, "put_json", full)
        assert stage.feed().catch_up(1, stage.stop)
    assert stage.filed.steps() == once(5)
    assert stage.feed().catch_up(1, stage.stop)
    assert stage.filed.steps() == Counter(dict.fromkeys(range(1, 6), 2))


def test_asked_to_end_it_tells_what_the_run_still_does_as_it_ends(stage: Stage) -> None:
    """The engine stops: it asks everything at once to end, and the training saves first."""
    stage.begin()
    stage.log(5)
    thread = stage.forward()
    until(lambda: stage.filed.steps() == once(5))
    stage.stop.set()
    time.sleep(0.3)
    stage.log(5)
    stage.end(RunState.CANCELLED)
    thread.join(10)
    assert not thread.is_alive()
    assert stage.filed.steps() == once(10)
    assert [call["state"] for call in stage.filed.told("close")] == ["cancelled"]


def test_asked_to_end_it_waits_for_no_run_that_goes_on_all_the_same(stage: Stage) -> None:
    stage.begin()
    stage.log(5)
    thread = stage.forward(limits=replace(FAST, leave_s=0.5))
    until(lambda: stage.filed.steps() == once(5))
    stage.stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert [call["state"] for call in stage.filed.told("close")] == [None]
    stage.stop.clear()
    stage.log(5)
    stage.end()
    assert stage.feed().catch_up(1, stage.stop)
    assert stage.filed.steps() == once(10)


def test_asked_to_end_it_drops_a_call_that_hangs(stage: Stage) -> None:
    stage.filed.mood("send hang")
    stage.begin()
    stage.log(5)
    thread = stage.forward(limits=replace(FAST, leave_s=0.5, send_s=60.0))
    until(lambda: len(stage.workers()) == 2)
    stage.stop.set()
    asked = time.monotonic()
    thread.join(20)
    assert not thread.is_alive()
    assert time.monotonic() - asked < 10
    stage.stop.clear()
    stage.filed.mood("")
    assert stage.feed().catch_up(1, stage.stop)
    assert stage.filed.steps() == once(5)


def test_a_run_whose_process_is_gone_is_left_after_a_while(stage: Stage) -> None:
    stage.begin()
    stage.log(5)
    thread = stage.forward(limits=replace(FAST, finish_s=1.0))
    until(lambda: stage.filed.steps() == once(5))
    stage.leases.pop().close()
    thread.join(10)
    assert not thread.is_alive()
    assert [call["state"] for call in stage.filed.told("close")] == [None]
