"""What is left of a run on this machine: its processes, and what they hold of a GPU.

What lives here: finding, ending and proving. What does not: deciding that a run must end (``supervise``).

A job's kernel leads a session of its own, and what it forks may lose its parent, so neither a process group nor a
tree finds everything. All of them inherit a mark in their environment; that is what they are found by.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from workbench.processes import Process, alive, family, kill, members, terminate
from workbench.runs.lease import read_holder
from workbench.settings import RUN_MARK

MARK = RUN_MARK
_GPU_S = 5.0
_ROUNDS = 5


@dataclass(frozen=True)
class Swept:
    """What was found and ended.

    Attributes:
        ended: processes that were still alive, and were ended.
        left: pids of those that could not be ended.
        gpu_left: pids of the run that still hold memory of a GPU.
    """

    ended: int
    left: tuple[int, ...] = ()
    gpu_left: tuple[int, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing is left."""
        return not self.left and not self.gpu_left


def mark_of(run_id: str, attempt: int) -> str:
    """Return the value of ``MARK`` that every process of an attempt carries."""
    return f"{run_id}/{attempt}"


def holder(lease: Path) -> psutil.Process | None:
    """Return the living process that took the lease; None when it has ended, or is on another machine."""
    note = read_holder(lease)
    if not {"pid", "ticks", "boot"} <= note.keys():
        return None
    return Process(int(note["pid"]), int(note["ticks"]), str(note["boot"])).find()


def sweep(mark: str, *others: psutil.Process, grace_s: float = 0.0, known: Iterable[int] = ()) -> Swept:
    """End what carries ``mark``, and ``others`` with their descendants, and prove that nothing remains.

    Args:
        mark: see ``mark_of``.
        others: processes that belong to the attempt without carrying the mark.
        grace_s: how long they may take to end by themselves after they were asked.
        known: pids that the attempt had; they are looked for on the GPU as well.
    """
    found = {*members({MARK: mark}), *(one for other in others for one in family(other))}
    doomed, left = found, set[psutil.Process]()
    if grace_s and found:
        terminate(found, grace_s)
        doomed = {*alive(found), *members({MARK: mark})}
    for _ in range(_ROUNDS):
        if doomed <= left:
            break
        found |= doomed
        left |= set(kill(doomed))
        doomed = set(members({MARK: mark}))  # what was forked while its parent was killed is found by looking again
    pids = {*(process.pid for process in found), *known}
    survivors = sorted(process.pid for process in alive(left | doomed))
    return Swept(len(found), tuple(survivors), _on_gpu(pids) if pids else ())


def _on_gpu(pids: set[int]) -> tuple[int, ...]:
    """Return which of ``pids`` hold GPU memory; the driver takes a moment to free that of a killed process."""
    deadline = time.monotonic() + _GPU_S
    while (found := pids & _gpu_pids()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return tuple(sorted(found))


def _gpu_pids() -> set[int]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return set()
    command = [tool, "--query-compute-apps=pid", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_GPU_S, check=False, text=True)
    except (OSError, subprocess.TimeoutExpired):
        return set()
    return {int(line) for line in done.stdout.split() if line.isdigit()}
