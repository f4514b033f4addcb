"""What is left of a run on this machine."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest

from workbench import processes
from workbench.processes import alive, identify, members
from workbench.runs.lease import Lease
from workbench.runs.supervision import remains
from workbench.runs.supervision.remains import MARK, Swept, holder, mark_of, sweep

MARKED = mark_of("train-1", 1)


def test_everything_that_carries_the_mark_is_ended_also_orphans_and_the_deaf(attempts: Any) -> None:
    found = attempts.deaf("train-1")
    assert sweep(MARKED) == Swept(3)
    assert alive(found) == []
    assert members({MARK: MARKED}) == []


def test_where_nothing_is_left_nothing_is_ended() -> None:
    assert sweep(MARKED) == Swept(0)
    assert sweep(MARKED).clean


def test_another_attempt_and_another_run_are_left_alone(attempts: Any) -> None:
    strangers = [attempts.kernel("train-1", attempt=2), attempts.kernel("train-10"), attempts.kernel("train-2")]
    assert sweep(MARKED).ended == 0
    assert [child.poll() for child in strangers] == [None] * 3


def test_who_belongs_without_the_mark_is_ended_with_its_children(attempts: Any) -> None:
    child = attempts.start(
        "import subprocess, time; subprocess.Popen(['sleep', '60']); print('ready', flush=True); time.sleep(60)"
    )
    family = processes.family(psutil.Process(child.pid))
    assert sweep(MARKED, psutil.Process(child.pid)) == Swept(len(family))
    assert alive(family) == []


def test_who_listens_may_end_by_itself_in_the_grace_it_is_given(attempts: Any) -> None:
    saves = """
import signal, sys, time
def save(*_):
    print("saved", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
print("ready", flush=True)
time.sleep(60)
"""
    child = attempts.kernel("train-1", code=saves)
    assert sweep(MARKED, grace_s=10).clean
    assert child.stdout.readline() == "saved\n"


def test_what_is_forked_while_it_is_swept_is_found_by_looking_again(
    attempts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, real = attempts.kernel("train-1"), remains.kill

    def kill(doomed: Any) -> list[psutil.Process]:
        monkeypatch.setattr(remains, "kill", real)
        attempts.kernel("train-1")
        return real(doomed)

    monkeypatch.setattr(remains, "kill", kill)
    assert sweep(MARKED) == Swept(2)
    assert first.wait(10) < 0
    assert members({MARK: MARKED}) == []


def test_what_survives_being_killed_is_said(attempts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    child = attempts.kernel("train-1")
    monkeypatch.setattr(remains, "kill", list)  # it waits for a disk
    swept = sweep(MARKED)
    assert swept.left == (child.pid,)
    assert not swept.clean


def test_memory_of_a_gpu_that_is_still_held_is_said(
    attempts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = attempts.kernel("train-1")
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\necho 1\necho {child.pid}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(remains, "_GPU_S", 0.1)
    swept = sweep(MARKED)
    assert (swept.gpu_left, swept.clean) == ((child.pid,), False)
    tool.write_text("#!/bin/sh\nexit 9\n")  # the driver is not loaded
    assert sweep(MARKED, psutil.Process(attempts.kernel("train-1").pid)).clean


def test_the_holder_of_a_lease_is_found_while_it_lives(tmp_path: Path) -> None:
    path = tmp_path / "lease"
    assert holder(path) is None
    with Lease(path):
        assert holder(path) == psutil.Process(os.getpid())
    gone = {**asdict(identify(os.getpid())), "ticks": 1}
    for note in (gone, {"pid": os.getpid()}, {}):
        path.write_bytes(orjson.dumps(note))
        assert holder(path) is None
