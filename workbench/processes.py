"""Processes of this machine, known by pid and start together.

What lives here: starting a process apart from the terminal, knowing it again, and ending it with all it started.
What does not: what the processes are for. A pid alone is never trusted: pids are reused. Nor is a start in wall-clock
time: it moves when somebody sets the clock, so a start is counted in the kernel's ticks since boot.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

_POLL_S = 0.1
_KILLED_S = 0.02  # a killed process is gone within milliseconds
_LOG_BYTES = 2_000_000


@dataclass(frozen=True)
class Process:
    """One process, past or present.

    Attributes:
        pid: its process id.
        ticks: its start, in the kernel's clock ticks since boot.
        boot: the id of that boot: after the next one, pids and ticks begin again.
    """

    pid: int
    ticks: int
    boot: str

    def find(self) -> psutil.Process | None:
        """Return the living process, or None when it has ended or its pid belongs to another one by now."""
        try:
            found = psutil.Process(self.pid)
            same = identify(self.pid) == self
            return found if same and found.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


def spawn(
    command: Sequence[str], environment: Mapping[str, str], log: Path, pass_fds: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start ``command`` in a session of its own, without stdin, its output appended to ``log``.

    The terminal's Ctrl-C and hang-up do not reach it.
    """
    if log.is_file() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_suffix(".old.log"))
    with log.open("ab") as stream:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=log.parent,
            start_new_session=True,
            pass_fds=tuple(pass_fds),
        )


def identify(pid: int) -> Process:
    """Return the identity of a process that lives now.

    Raises:
        psutil.NoSuchProcess: when there is none of that pid.
    """
    try:
        # The name, second in the line, may hold spaces and brackets; the start is the 20th field after it.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError) as error:
        raise psutil.NoSuchProcess(pid) from error
    return Process(pid, int(fields[19]), boot_id())


@cache
def boot_id() -> str:
    """Return the id of this boot of this machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def members(marks: Mapping[str, str]) -> list[psutil.Process]:
    """Return every living process of this user whose environment holds all ``marks``.

    Children that lost their parent are adopted by init, so a tree alone would miss them.
    """
    found = []
    for process in psutil.process_iter():
        try:
            if marks.items() <= process.environ().items() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def heads(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Return those whose parent is not among them, e.g. a job and not its kernel."""
    pids = {process.pid for process in processes}
    return [process for process in processes if _parent(process) not in pids]


def family(process: psutil.Process) -> list[psutil.Process]:
    """Return a process and all its descendants, whatever sessions they live in."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Return those that still run; psutil compares creation times, so a reused pid does not count."""
    return [process for process in processes if process.is_running() and _status(process) != psutil.STATUS_ZOMBIE]


def terminate(processes: Iterable[psutil.Process], grace_s: float) -> list[psutil.Process]:
    """Ask ``processes`` to end, wait up to ``grace_s`` for them and their descendants, and return who is left."""
    asked = list(processes)
    known = {member for process in asked for member in family(process)}
    for process in asked:
        _signal(process, kill=False)
    deadline = time.monotonic() + grace_s
    while known and time.monotonic() < deadline:
        # Descendants may start others while they end, e.g. to save; whoever was seen once is followed to its end.
        known = set(alive(known | {child for one in known for child in family(one)}))
        if known:
            time.sleep(_POLL_S)
    return sorted(known, key=lambda one: one.pid)


def kill(processes: Iterable[psutil.Process], wait_s: float = 5.0) -> list[psutil.Process]:
    """Kill processes and their descendants and return those that are left after ``wait_s``."""
    doomed = {member for process in processes for member in family(process)}
    for process in doomed:
        _signal(process, kill=True)
    deadline = time.monotonic() + wait_s
    while (left := alive(doomed)) and time.monotonic() < deadline:
        time.sleep(_KILLED_S)
    return left


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        if kill:
            process.kill()
        else:
            process.terminate()
    except psutil.NoSuchProcess:
        return


def _status(process: psutil.Process) -> str:
    try:
        return str(process.status())
    except psutil.NoSuchProcess:
        return str(psutil.STATUS_ZOMBIE)


def _parent(process: psutil.Process) -> int:
    try:
        return int(process.ppid())
    except psutil.NoSuchProcess:
        return 0
