"""One process writes a run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.errors import LeaseError, StorageError
from workbench.processes import identify
from workbench.runs.lease import Lease, is_held, locked, read_holder

pytestmark = pytest.mark.slow

HOLD = """
import sys, time
from pathlib import Path
from workbench.runs.lease import Lease
lease = Lease(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "train-1" / "lease"


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    path.parent.mkdir()
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_another_process_is_refused_and_told_who_holds_it(path: Path, holder: subprocess.Popen[str]) -> None:
    assert is_held(path)
    with pytest.raises(LeaseError, match=f"'train-1' is already written by process {holder.pid}") as caught:
        Lease(path)
    assert caught.value.fields["holder"]["pid"] == holder.pid
    assert caught.value.exit_status == 1


def test_a_killed_holder_holds_nothing(path: Path, holder: subprocess.Popen[str]) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert not is_held(path)
    with Lease(path):
        assert read_holder(path)["pid"] == os.getpid()


def test_the_note_in_a_lease_tells_its_holder_from_a_later_process_of_the_same_pid(tmp_path: Path) -> None:
    with Lease(tmp_path / "lease"):
        note = read_holder(tmp_path / "lease")
    mine = identify(os.getpid())
    assert (note["pid"], note["ticks"], note["boot"]) == (mine.pid, mine.ticks, mine.boot)
    assert note["host"]


def test_a_damaged_note_is_none(tmp_path: Path) -> None:
    for text in ("", "{", "[1]"):
        (tmp_path / "lease").write_text(text)
        assert read_holder(tmp_path / "lease") == {}


def test_a_lease_is_free_again_after_it_is_closed(tmp_path: Path) -> None:
    with Lease(tmp_path / "lease"):
        assert is_held(tmp_path / "lease")
    assert not is_held(tmp_path / "lease")
    Lease(tmp_path / "lease").close()


def test_nobody_holds_a_lease_that_was_never_taken(tmp_path: Path) -> None:
    assert not is_held(tmp_path / "lease")
    assert read_holder(tmp_path / "lease") == {}


def test_somebody_who_only_looks_keeps_nobody_from_the_lease(tmp_path: Path) -> None:
    """Watchers ask all the time whether a run is held; a run that starts at that instant must not be refused."""
    path, stop = tmp_path / "lease", threading.Event()
    path.touch()

    def look() -> None:
        while not stop.is_set():
            is_held(path)

    watchers = [threading.Thread(target=look) for _ in range(3)]
    for watcher in watchers:
        watcher.start()
    try:
        for _ in range(50):
            Lease(path).close()
    finally:
        stop.set()
        for watcher in watchers:
            watcher.join()


def test_two_who_look_do_not_take_each_other_for_the_holder(tmp_path: Path) -> None:
    import fcntl

    path = tmp_path / "lease"
    path.touch()
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert not is_held(path)


def test_a_lease_in_a_folder_that_is_none_is_a_storage_error() -> None:
    with pytest.raises(StorageError):
        Lease(Path("/dev/null/x/lease"))


def test_of_two_who_lock_the_second_waits_for_the_first(tmp_path: Path) -> None:
    path, seen, entered = tmp_path / "gate", [], threading.Event()

    def first() -> None:
        with locked(path):
            entered.set()
            time.sleep(0.05)
            seen.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    assert entered.wait(10)
    with locked(path):
        seen.append("second")
    thread.join()
    assert seen == ["first", "second"]


def test_a_lock_is_given_back_also_when_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "gate"):
        raise ZeroDivisionError
    assert not is_held(tmp_path / "gate")


def test_a_lock_in_a_folder_that_is_none_is_a_storage_error() -> None:
    with pytest.raises(StorageError), locked(Path("/dev/null/x/gate")):
        pass
