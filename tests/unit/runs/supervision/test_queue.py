"""The queue of a user: tickets in their order, and the slots they wait for."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import StorageError
from workbench.paths import EnginePaths
from workbench.runs.model import DatasetLock, RunSpec
from workbench.runs.supervision.queue import Queue, Ticket, free_slot, slot_of
from workbench.workspace import Workspace

Record = Callable[..., str]
DATASET = DatasetLock(name="d", uri="/d", digest="x", images={"train": 4}, data_yaml="/d")


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    return Queue(EnginePaths(tmp_path / "engine"))


def add(queue: Queue, run_id: str, **fields: Any) -> Ticket:
    return queue.add(Ticket(run_id, "/ws", **fields))


def order(queue: Queue) -> list[str]:
    return [ticket.run_id for ticket in queue.tickets()]


def test_an_empty_queue_has_no_tickets_and_no_folder(queue: Queue, tmp_path: Path) -> None:
    assert queue.tickets() == []
    assert queue.ticket("a") is None
    queue.remove("a")
    assert not (tmp_path / "engine").exists()


def test_who_comes_first_goes_first(queue: Queue) -> None:
    for run_id in ("c", "a", "b"):
        add(queue, run_id)
    assert order(queue) == ["c", "a", "b"]
    assert [ticket.number for ticket in queue.tickets()] == [1, 2, 3]


def test_a_higher_priority_goes_first_and_equals_keep_their_order(queue: Queue) -> None:
    for run_id, priority in (("a", 0), ("b", 5), ("c", 5), ("d", -1)):
        add(queue, run_id, priority=priority)
    assert order(queue) == ["b", "c", "a", "d"]


def test_a_ticket_that_is_added_again_keeps_its_place_and_takes_the_rest(queue: Queue) -> None:
    for run_id in ("a", "b"):
        add(queue, run_id, environment={"KEY": "old"})
    assert add(queue, "a", environment={"KEY": "new"}, slot="cpu").number == 1
    assert order(queue) == ["a", "b"]
    found = queue.ticket("a")
    assert found is not None
    assert (found.environment, found.slot) == ({"KEY": "new"}, "cpu")


def test_a_run_that_left_and_comes_back_stands_behind(queue: Queue) -> None:
    for run_id in ("a", "b"):
        add(queue, run_id)
    queue.remove("a")
    add(queue, "a")
    assert order(queue) == ["b", "a"]


def test_what_is_read_is_what_was_written(queue: Queue) -> None:
    ticket = add(queue, "a", server="http://x/api", slot="gpu-1", priority=3, environment={"NAME": "한글"})
    assert queue.ticket("a") == ticket


def test_a_ticket_that_is_damaged_or_of_another_version_is_none(queue: Queue, tmp_path: Path) -> None:
    add(queue, "a")
    for text in ("", "{", "[]", '{"run_id": "b", "seat": 1}'):
        (tmp_path / "engine" / "queue" / "b.json").write_text(text)
        assert order(queue) == ["a"]


def test_only_the_owner_reads_the_environment_of_a_run(queue: Queue, tmp_path: Path) -> None:
    add(queue, "a", environment={"WANDB_API_KEY": "hunter2"})
    (path,) = (tmp_path / "engine" / "queue").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (path.parent, path.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_no_secret_of_a_run_lies_in_its_workspace(
    workspace: Workspace, submit: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "hunter2-of-the-launcher")
    run_id = submit(parameters={"device": "cpu"})
    ticket = workspace.dispatcher.queue.ticket(run_id)
    assert ticket is not None
    assert ticket.environment["WANDB_API_KEY"] == "hunter2-of-the-launcher"
    files = [path for path in workspace.paths.root.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if b"hunter2" in path.read_bytes()] == []


def test_a_queue_in_a_folder_that_is_none_is_a_storage_error() -> None:
    queue = Queue(EnginePaths(Path("/dev/null/x")))
    with pytest.raises(StorageError):
        add(queue, "a")
    with pytest.raises(StorageError), queue.locked():
        pass


def spec(kind: Any = "train", gpus: int = 0, **fields: Any) -> RunSpec:
    lock = {"hardware": {"gpus": ["NVIDIA"] * gpus}}
    return RunSpec(id="r", kind=kind, notebook="n", project="p", session="s", lock=lock, **fields)


@pytest.mark.parametrize(
    ("device", "without_gpu", "with_gpu"),
    [
        (None, "cpu", "gpu-0"),
        ("", "cpu", "gpu-0"),
        ("cpu", "cpu", "cpu"),
        ("CPU", "cpu", "cpu"),
        ("mps", "mps", "mps"),
        ("mps:0", "mps", "mps"),
        (0, "gpu-0", "gpu-0"),
        ("0", "gpu-0", "gpu-0"),
        (1, "gpu-1", "gpu-1"),
        ("01", "gpu-1", "gpu-1"),
        ("cuda", "gpu-0", "gpu-0"),
        ("cuda:1", "gpu-1", "gpu-1"),
        ([0], "gpu-0", "gpu-0"),
        ((1,), "gpu-1", "gpu-1"),
        ([-1], "cpu", "gpu"),
        (-1, "cpu", "gpu"),
        ("-1", "cpu", "gpu"),
        ("cuda:-1", "cpu", "gpu"),
        ("npu", "npu", "npu"),
        ("npu:0", "npu", "npu"),
        ("xpu:1", "xpu:1", "xpu:1"),
    ],
)
def test_every_form_of_a_device_picks_its_slot(device: object, without_gpu: str, with_gpu: str) -> None:
    assert slot_of(spec(parameters={"device": device})) == without_gpu
    assert slot_of(spec(parameters={"device": device}, gpus=2)) == with_gpu


def test_a_device_that_was_changed_on_resuming_picks_the_slot() -> None:
    assert slot_of(spec(parameters={"device": 0}), {"device": "cpu"}) == "cpu"


def test_what_trains_nothing_shares_a_slot_and_a_notebook_of_ones_own_needs_none() -> None:
    assert slot_of(spec("export", dataset=DATASET)) == "side"
    assert slot_of(spec("notebook", dataset=DATASET)) == "side"
    assert slot_of(spec("notebook")) == ""
    assert slot_of(spec("notebook", parameters={"device": "cuda:1"})) == "gpu-1"


@pytest.mark.parametrize(
    ("wanted", "taken", "found"),
    [
        ("cpu", [], "cpu"),
        ("cpu", ["cpu"], "cpu"),
        ("cpu", ["cpu", "cpu"], None),
        ("gpu-0", ["gpu-1", "cpu"], "gpu-0"),
        ("gpu-0", ["gpu-0"], None),
        ("gpu", [], "gpu-0"),
        ("gpu", ["gpu-0"], "gpu-1"),
        ("gpu", ["gpu-0", "gpu-1"], None),
        ("side", ["gpu-0"], "side"),
        ("side", ["side"], None),
        ("", ["", "", "cpu", "side"], ""),
    ],
)
def test_a_slot_is_free_or_not(wanted: str, taken: list[str], found: str | None) -> None:
    assert free_slot(wanted, taken, cpu_slots=2, gpus=2) == found


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(["cpu", "gpu", "gpu-0", "gpu-1", "gpu-2", "side", "mps"]), max_size=12))
def test_no_slot_is_ever_given_to_more_runs_than_it_takes(wanted: list[str]) -> None:
    taken: list[str] = []
    for slot in wanted:
        given_slot = free_slot(slot, taken, cpu_slots=2, gpus=2)
        taken += [] if given_slot is None else [given_slot]
    assert all(taken.count(slot) <= (2 if slot == "cpu" else 1) for slot in taken)
    assert "gpu" not in taken
