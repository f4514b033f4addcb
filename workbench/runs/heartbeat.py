"""Signs of life: written by the process that does the work, read by whoever supervises it.

What lives here: one small record that is written over and over, and its age. What does not: what silence means
(``supervise``).

Age is counted on the monotonic clock, which stands still while the machine sleeps and does not move when somebody
sets the time: a laptop that was closed for a night is not taken for a run that hangs.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import orjson

from workbench.errors import storage_error
from workbench.processes import Process, boot_id, identify

_BYTES = 512  # one record, padded: it is replaced by a single write of the same length
_EVERY_S = 0.2


@dataclass(frozen=True)
class Beat:
    """The last sign of life of an attempt.

    Attributes:
        phase: what the process does, e.g. ``train`` or ``val``.
        epoch: from 1; 0 when there are none.
        batch: from 1, within the epoch; 0 when there are none.
        at: unix seconds.
        monotonic: seconds on the machine's monotonic clock.
        longest_s: the longest gap between two signs since the promise below.
        polls: whether the process promised to give signs often, and to look for a wish to stop as often.
        pid: its process.
        ticks: the start of that process, see ``processes.Process``.
        boot: the boot of its machine.
        host: the name of its machine.
    """

    phase: str
    epoch: int
    batch: int
    at: float
    monotonic: float
    longest_s: float
    polls: bool
    pid: int
    ticks: int
    boot: str
    host: str

    @property
    def process(self) -> Process:
        """The process that wrote it."""
        return Process(self.pid, self.ticks, self.boot)

    @property
    def here(self) -> bool:
        """Whether it was written on this machine since it was booted."""
        return self.boot == boot_id()

    def age_s(self) -> float:
        """Return how long ago it was written, in seconds, sleep of this machine not counted."""
        return max(time.monotonic() - self.monotonic if self.here else time.time() - self.at, 0.0)


class Heart:
    """Writes the signs of life of this process.

    Args:
        path: the attempt's heartbeat file.
        polls: see ``Beat``.

    Raises:
        StorageError: when the file cannot be made.
    """

    def __init__(self, path: Path, *, polls: bool = False) -> None:
        self.polls = polls
        self._process, self._host = identify(os.getpid()), socket.gethostname()
        self._last, self._longest_s = time.monotonic(), 0.0
        self._written, self._phase = float("-inf"), ""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise storage_error(error, path) from error

    def promise(self) -> None:
        """Promise to beat often from now on; what came before, such as building a model, counts as no gap."""
        self.polls, self._last, self._longest_s = True, time.monotonic(), 0.0
        self.beat("ready")

    def beat(self, phase: str, epoch: int = 0, batch: int = 0) -> None:
        """Give a sign of life; cheap enough for every batch: 5 a second reach the disk, and each new phase."""
        now = time.monotonic()
        self._longest_s, self._last = max(self._longest_s, now - self._last), now
        if phase == self._phase and now - self._written < _EVERY_S:
            return
        self._written, self._phase = now, phase
        beat = Beat(
            phase=phase,
            epoch=epoch,
            batch=batch,
            at=time.time(),
            monotonic=now,
            longest_s=round(self._longest_s, 3),
            polls=self.polls,
            host=self._host,
            **asdict(self._process),
        )
        os.pwrite(self._file, orjson.dumps(asdict(beat)).ljust(_BYTES), 0)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def read_beat(path: Path) -> Beat | None:
    """Return the last sign of life; None when there was none, or the machine stopped in the middle of one."""
    try:
        return Beat(**orjson.loads(path.read_bytes()))
    except (FileNotFoundError, orjson.JSONDecodeError, TypeError):
        return None
