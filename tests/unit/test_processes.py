"""Processes are known by pid, start and boot, and ended with all they started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from workbench.processes import Process, alive, family, heads, identify, kill, members, spawn, terminate
from workbench.settings import environment

MARK = "WORKBENCH_TEST_MARK"


@pytest.fixture
def started() -> Iterator[list[psutil.Process]]:
    processes: list[psutil.Process] = []
    yield processes
    kill(processes)


def python(tmp_path: Path, started: list[psutil.Process], code: str, **variables: str) -> psutil.Process:
    """Start Python in ``tmp_path`` and wait until it says that it is ready."""
    log = tmp_path / "log.txt"
    popen = spawn([sys.executable, "-S", "-c", code], environment(**variables), log)
    process = psutil.Process(popen.pid)
    started.append(process)
    deadline = time.monotonic() + 10
    while "ready" not in log.read_text() and time.monotonic() < deadline:
        time.sleep(0.01)
    return process


SLEEPS = "import time; print('ready', flush=True); time.sleep(60)"
DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
# The child says that it is ready: while it is started, its environment cannot be read for a moment.
HAS_CHILD_IN_ITS_OWN_SESSION = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-S", "-c", {SLEEPS!r}], start_new_session=True)
time.sleep(60)
"""


def test_a_living_process_is_found_again(tmp_path: Path, started: list[psutil.Process]) -> None:
    process = python(tmp_path, started, SLEEPS)
    assert identify(process.pid).find() == process


def test_a_recycled_pid_is_not_taken_for_the_process_that_had_it() -> None:
    mine = identify(os.getpid())
    assert mine.find() is not None
    assert Process(mine.pid, mine.ticks - 1, mine.boot).find() is None


def test_a_process_of_an_earlier_boot_is_not_found() -> None:
    mine = identify(os.getpid())
    assert Process(mine.pid, mine.ticks, "00000000-0000-4000-8000-000000000000").find() is None


def test_a_name_with_spaces_and_brackets_does_not_hide_the_start_of_a_process(tmp_path: Path) -> None:
    odd = tmp_path / "odd) R 1 (name"
    odd.symlink_to("/bin/sleep")
    popen = subprocess.Popen([str(odd), "60"])
    try:
        since_boot_s = identify(popen.pid).ticks / os.sysconf("SC_CLK_TCK")
        assert abs(since_boot_s - (psutil.Process(popen.pid).create_time() - psutil.boot_time())) < 2
    finally:
        popen.kill()
        popen.wait()


def test_nobody_is_identified_by_a_pid_that_nobody_has() -> None:
    popen = subprocess.Popen([sys.executable, "-S", "-c", ""])
    popen.wait()
    with pytest.raises(psutil.NoSuchProcess):
        identify(popen.pid)


def test_an_ended_process_is_not_found_even_before_it_is_reaped() -> None:
    popen = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
    process = identify(popen.pid)
    popen.communicate(b"\n", timeout=10) if popen.stdin is None else popen.stdin.close()
    deadline = time.monotonic() + 10
    while process.find() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert process.find() is None
    popen.wait()


def test_a_spawned_process_leads_its_own_session_and_has_no_stdin(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    code = "import os, sys; print(os.getsid(0) == os.getpid(), repr(sys.stdin.read()))"
    assert spawn([sys.executable, "-S", "-c", code], environment(), log).wait(10) == 0
    assert log.read_text() == "True ''\n"


def test_a_log_that_has_grown_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.processes._LOG_BYTES", 3)
    log = tmp_path / "server.log"
    log.write_text("a long story")
    assert spawn([sys.executable, "-S", "-c", "print('new')"], environment(), log).wait(10) == 0
    assert log.read_text() == "new\n"
    assert (tmp_path / "server.old.log").read_text() == "a long story"


def test_who_ends_when_asked_leaves_nobody(tmp_path: Path, started: list[psutil.Process]) -> None:
    process = python(tmp_path, started, SLEEPS)
    assert terminate([process], grace_s=10) == []
    assert alive([process]) == []


def test_who_does_not_listen_is_returned_and_then_killed(tmp_path: Path, started: list[psutil.Process]) -> None:
    process = python(tmp_path, started, DEAF)
    assert terminate([process], grace_s=0.2) == [process]
    assert kill([process]) == []
    assert alive([process]) == []


def test_a_descendant_in_a_session_of_its_own_is_followed_to_its_end(
    tmp_path: Path, started: list[psutil.Process]
) -> None:
    process = python(tmp_path, started, HAS_CHILD_IN_ITS_OWN_SESSION)
    (child,) = process.children()
    started.append(child)
    assert family(process) == [process, child]
    assert terminate([process], grace_s=0.3) == [child]
    assert kill([child]) == []


def test_members_are_found_by_their_mark_and_a_stranger_is_not(tmp_path: Path, started: list[psutil.Process]) -> None:
    ours = python(tmp_path, started, HAS_CHILD_IN_ITS_OWN_SESSION, **{MARK: str(tmp_path)})
    started += ours.children()
    assert set(members({MARK: str(tmp_path)})) == {ours, *ours.children()}
    assert heads(members({MARK: str(tmp_path)})) == [ours]
    assert members({MARK: str(tmp_path / "other")}) == []


def test_an_orphan_is_still_a_member(tmp_path: Path, started: list[psutil.Process]) -> None:
    ours = python(tmp_path, started, HAS_CHILD_IN_ITS_OWN_SESSION, **{MARK: str(tmp_path)})
    (child,) = ours.children()
    started.append(child)
    ours.send_signal(signal.SIGKILL)
    ours.wait(10)
    assert members({MARK: str(tmp_path)}) == [child]
