"""Weights & Biases keeps the trackers' contract: its own files offline, and a server that speaks its protocol."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.contract.tracking.read_wandb import kept, remote_of
from tests.contract.tracking.servers import WandbServer
from tests.contract.tracking.suite import (
    AT,
    STARTED,
    Backend,
    TrackerContract,
    _killed,
    rows,
    sha256,
    steps,
)
from workbench.errors import TrackerError
from workbench.settings import environment
from workbench.tracking.base import Ended, File, Item, Measured, Text
from workbench.tracking.wandb.tracker import WandbTracker

pytestmark = pytest.mark.slow
KEY = "k" * 40
TARGET = "workbench.tracking.wandb.tracker:WandbTracker"


@pytest.fixture
def server() -> Iterator[WandbServer]:
    made = WandbServer()
    yield made
    made.close()


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WANDB_MODE", "offline")
    return tmp_path / "private"


@pytest.fixture
def online(server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in {"WANDB_MODE": "online", "WANDB_BASE_URL": server.address, "WANDB_API_KEY": KEY}.items():
        monkeypatch.setenv(name, value)
    for name in ("OPEN_S", "FINISH_S"):
        monkeypatch.setattr(f"workbench.tracking.wandb.options.{name}", 3.0)
    return tmp_path / "private"


def backend_of(variables: dict[str, str], folder: Path, patch: pytest.MonkeyPatch, readback: Any) -> Backend:
    for name, value in variables.items():
        patch.setenv(name, value)
    return Backend(WandbTracker, readback, folder, target=TARGET, variables=variables, time_s=1e-6)


class TestOffline(TrackerContract):
    """Read back from the files that `wandb sync` would upload."""

    @pytest.fixture
    def backend(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Backend:
        variables = {"WANDB_MODE": "offline"}
        return backend_of(variables, tmp_path / "private", monkeypatch, lambda remote, folder: remote_of(kept(folder)))


class TestOnline(TrackerContract):
    """Read back from what arrived at the server."""

    @pytest.fixture
    def backend(self, server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Backend:
        variables = {"WANDB_MODE": "online", "WANDB_BASE_URL": server.address, "WANDB_API_KEY": KEY}
        return backend_of(
            variables, tmp_path / "private", monkeypatch, lambda remote, folder: remote_of(server.runs[remote])
        )


def test_wandb_sync_puts_the_fragments_of_a_killed_run_together(server: WandbServer, offline: Path) -> None:
    """What lies on the disk is what W&B's own command takes: each row and each file once, the true end state."""
    checkpoint = offline.parent / "best.pt"
    checkpoint.write_bytes(b"weights")
    kill_after(offline, [*rows("batch", 1, 40), File("checkpoint", "best.pt", checkpoint, AT + 40)])
    tracker = WandbTracker(offline)
    remote = tracker.open(STARTED, STARTED.run)
    tracker.send([*rows("batch", 21, 40, serial=21), File("checkpoint", "best.pt", checkpoint, AT + 40)])
    tracker.close(Ended("completed", AT + 100))
    assert len(kept(offline).artifacts) == 1
    command = [str(Path(sys.executable).with_name("wandb")), "sync", "--yes", str(offline / "wandb")]
    variables = environment(WANDB_MODE=None, WANDB_BASE_URL=server.address, WANDB_API_KEY=KEY)
    subprocess.run(command, env=variables, cwd=offline, check=True, capture_output=True, timeout=60)
    found = remote_of(server.runs[remote])
    assert steps(found) == list(range(1, 61))
    assert (found.state, list(found.files)) == ("completed", [("checkpoint", "best.pt")])
    assert len(server.runs[remote].artifacts) == 1


@pytest.mark.parametrize("where", ["offline", "online"])
def test_a_plot_that_is_drawn_again_replaces_the_former(
    request: pytest.FixtureRequest, tmp_path: Path, where: str
) -> None:
    """And the same plot told twice is there once; neither holds anything up."""
    folder = request.getfixturevalue(where)
    tracker, plot = WandbTracker(folder), tmp_path / "plot [1]*.png"
    remote = tracker.open(STARTED, None)
    for data in (b"first", b"first", b"second"):
        plot.write_bytes(data)
        tracker.send([File("plot", "plot [1]*.png", plot, AT, step=1)])
    tracker.close(Ended("completed", AT + 100))
    run = kept(folder) if where == "offline" else request.getfixturevalue("server").runs[remote]
    assert [data for path, data in run.files.items() if path.startswith("workbench/")] == [b"second"]


def test_what_was_sent_is_on_the_disk_when_send_returns(offline: Path, tmp_path: Path) -> None:
    """Killed together with its library, which holds rows in memory and would otherwise still write them."""
    checkpoint = tmp_path / "best.pt"
    checkpoint.write_bytes(b"weights")
    tracker = WandbTracker(offline)
    tracker.open(STARTED, None)
    tracker.send([*rows("batch", 1, 40), File("checkpoint", "best.pt", checkpoint, AT + 40)])
    kill_library()
    run = kept(offline)
    assert [row["_step"] for row in run.history] == list(range(1, 41))
    assert len(run.artifacts) == 1


def test_nothing_is_told_that_nobody_asked_for(server: WandbServer, online: Path) -> None:
    """Neither host nor user, repository, script, output, system metrics nor packages."""
    tracker = WandbTracker(online)
    remote = tracker.open(STARTED, None)
    print("a secret of the console")
    tracker.send(rows("batch", 1, 3))
    tracker.close(Ended("completed", AT + 100))
    run = server.runs[remote]
    assert {"host", "repo", "commit", "program"} & set(run.about) <= {"program"}
    assert run.about.get("program", "workbench") == "workbench"
    assert set(run.lines) <= {"wandb-history.jsonl", "wandb-summary.json"}
    assert set(run.files) <= {"config.yaml", "wandb-summary.json"}


def test_a_run_that_is_let_go_is_not_shown_as_finished(server: WandbServer, online: Path) -> None:
    """The workbench was stopped, and the run goes on later."""
    tracker = WandbTracker(online)
    remote = tracker.open(STARTED, None)
    tracker.send(rows("batch", 1, 3))
    tracker.close(None)
    assert (server.runs[remote].preempting, server.runs[remote].exit_code) == (True, 1)


@pytest.mark.parametrize(
    ("mode", "retry"), [("error", True), ("garbage", True), ("wrong", True), ("hang", True), ("refuse", False)]
)
def test_a_bad_server_ends_the_start_in_bounded_time(server: WandbServer, online: Path, mode: str, retry: bool) -> None:
    """And says whether trying again may help."""
    server.mode = mode
    before = time.monotonic()
    with pytest.raises(TrackerError, match="Weights & Biases") as caught:
        WandbTracker(online).open(STARTED, None)
    assert time.monotonic() - before < 8
    assert caught.value.fields["retry"] is retry


@pytest.mark.parametrize("mode", ["error", "garbage", "wrong", "hang", "refuse"])
def test_what_a_bad_server_did_not_take_arrives_once_it_is_well_again(
    server: WandbServer, online: Path, mode: str
) -> None:
    """The library says that all is well, or waits for ever: the end is an error, and the next start makes up for it."""
    tracker = WandbTracker(online)
    remote = tracker.open(STARTED, None)
    tracker.send(rows("batch", 1, 10))
    server.mode = mode
    before = time.monotonic()
    with pytest.raises(TrackerError, match="Weights & Biases"):
        send_and_end(tracker, rows("batch", 11, 10, serial=11))
    assert time.monotonic() - before < 8
    server.mode = "well"
    again = WandbTracker(online)
    again.open(STARTED, remote)
    send_and_end(again, rows("batch", 16, 10, serial=16))
    assert steps(remote_of(server.runs[remote])) == list(range(1, 26))
    assert server.runs[remote].exit_code == 0


def test_files_that_were_not_uploaded_yet_are_uploaded_by_the_next_process(
    server: WandbServer, online: Path, tmp_path: Path
) -> None:
    """A killed process takes along what its library had only planned to upload."""
    plot = tmp_path / "plot.png"
    plot.write_bytes(b"png")
    kill_after(online, [File("plot", "plot.png", plot, AT, step=2), Text("remark", "Hello.", 2, AT)])
    plot.unlink()
    again = WandbTracker(online)
    remote = again.open(STARTED, None)
    again.close(Ended("completed", AT + 100))
    found = remote_of(server.runs[remote])
    assert dict(found.files) == {("plot", "plot.png"): sha256(b"png")}
    assert dict(found.texts or {}) == {"remark": [(2, "Hello.")]}


def test_a_library_that_dies_is_an_error_and_the_next_start_goes_on(server: WandbServer, online: Path) -> None:
    """It has been seen to crash on a reply."""
    tracker = WandbTracker(online)
    remote = tracker.open(STARTED, None)
    tracker.send(rows("batch", 1, 10))
    kill_library()
    with pytest.raises(TrackerError) as caught:
        tracker.send(rows("batch", 11, 10, serial=11))
    assert caught.value.fields["retry"] is True
    again = WandbTracker(online)
    again.open(STARTED, remote)
    send_and_end(again, rows("batch", 11, 10, serial=11))
    assert steps(remote_of(server.runs[remote])) == list(range(1, 21))


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"WANDB_API_KEY": ""}, "WANDB_API_KEY is not set"),
        ({"WANDB_API_KEY": "short"}, "WANDB_API_KEY invalid"),
        ({"WANDB_BASE_URL": "wandb.example"}, "WANDB_BASE_URL is 'wandb.example'"),
        ({"WANDB_MODE": "disabled"}, "WANDB_MODE is 'disabled'"),
    ],
)
def test_a_wrong_setting_is_named_and_not_tried_again(
    online: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    """Trying again would not help."""
    for name, value in {"NETRC": "/nowhere", **variables}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TrackerError, match=said) as caught:
        WandbTracker(online).open(STARTED, None)
    assert caught.value.fields["retry"] is False


def send_and_end(tracker: WandbTracker, items: list[Measured]) -> None:
    tracker.send(items)
    tracker.close(Ended("completed", AT + 100))


def kill_library() -> None:
    for child in psutil.Process().children():
        if child.name().startswith("wandb-core"):
            child.kill()
            child.wait(5)


def kill_after(folder: Path, items: list[Item]) -> None:
    """Start the run and send, in a process that is killed at once."""
    backend = Backend(WandbTracker, lambda remote, folder: remote_of(kept(folder)), folder, target=TARGET)
    _killed(backend, STARTED, items)
