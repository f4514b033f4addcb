"""Feeding the backends of one run from its log: each at its own pace, as long as the run goes and a little longer.

What lives here: what is told in which order, and what follows from an error. What does not: what the log means
(``Source``, which ``runs.tracking`` fulfils), the process of a backend (``channel``), its file (``state``).

The log is the spool: a batch is read, sent, and noted as acknowledged; nothing else is kept in memory, and what was
sent and perhaps not noted is sent again, the same. A backend that fails is tried again after 1 s, 2 s, … 60 s. One that
says that trying again is no use is left alone until somebody asks for it with ``sync``.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from workbench import storage
from workbench.errors import StorageError, TrackerError, WorkbenchError
from workbench.metrics.tail import Event
from workbench.tracking.base import Ended, File, Item, Model, Started
from workbench.tracking.delivery import state
from workbench.tracking.delivery.channel import Channel
from workbench.tracking.delivery.spool import Batch, points_of, read_batch

_JOIN_S, _DROP_S = 0.5, 3.0
_BYTES_S = 1e6
Outcome = Literal["more", "idle", "over", "failed"]


class Source(Protocol):
    """A run, as a forwarder needs it."""

    events: Path

    def started(self) -> Started:
        """Return what the run is, with the number of its last attempt; 0 before the first."""
        ...

    def items(self, events: Sequence[Event], serial: int) -> list[Item]:
        """Return what events of the log mean; ``serial`` records of metrics were before them."""
        ...

    def ended(self) -> Ended | None:
        """Return how the run ended; None while it goes on."""
        ...

    def last_items(self) -> list[Item]:
        """Return what is to be told last, once the run has ended: the best checkpoint, the notebook, the model."""
        ...

    def goes(self) -> bool:
        """Return whether a process of the run lives, or the run waits to be tried again."""
        ...


@dataclass(frozen=True)
class Limits:
    """How long things may take, in seconds.

    Attributes:
        open_s: beginning a run, the import of the library included.
        send_s: one batch, and a second more for each megabyte of its files.
        close_s: the end of a run.
        finish_s: how long a backend is tried for once the run has ended, or no process of it lives.
        leave_s: from being asked to end to leaving a run that goes on; 3 s later what is in hand is dropped.
        tick_s: how often the log is looked at.
        retry_s: the shortest and the longest wait after an error.
        foreign: errors in a row of an unknown kind before a backend is left alone.
    """

    open_s: float = 120.0
    send_s: float = 60.0
    close_s: float = 60.0
    finish_s: float = 60.0
    leave_s: float = 20.0
    tick_s: float = 2.0
    retry_s: tuple[float, float] = (1.0, 60.0)
    foreign: int = 5


class Feed:
    """Tells one backend about one run.

    Args:
        backend: its name.
        source: the run.
        folder: the run's ``trackers`` folder.
        limits: how long things may take.
    """

    def __init__(self, backend: str, source: Source, folder: Path, limits: Limits | None = None) -> None:
        self.backend, self._source, self._folder = backend, source, folder
        folder.mkdir(exist_ok=True)
        self.limits, self.delivery = limits or Limits(), state.load(folder, backend)
        self._channel = Channel(backend, folder)
        self._open_attempt, self._failures, self._foreign = 0, 0, 0
        self.wait_s = self.limits.tick_s
        self._quiet_since: float | None = None

    def follow(self, stop: threading.Event, now: threading.Event) -> None:
        """Tell what comes until the run is over, or nothing of it has lived for ``finish_s``.

        Args:
            stop: set to leave as soon as no process of the run lives and there is nothing more to tell.
            now: set to leave at once.
        """
        if self.delivery.stopped and self._source.started().attempt > self.delivery.attempt:
            self._save(stopped=False)  # another attempt may have another key
        try:
            while not now.is_set() and not self.delivery.stopped:
                outcome = self.attempt()
                left_s = 0.0 if stop.is_set() and not self._source.goes() else self._left_s()
                if outcome == "over" or (outcome != "more" and left_s <= 0):
                    return
                if outcome != "more":
                    self._rest(min(self.wait_s, left_s), now)
        finally:
            self.close()

    def catch_up(self, tries: int, stop: threading.Event, progress: Callable[[int], None] | None = None) -> bool:
        """Tell what there is by now, also when that was given up before; return whether all of it was taken.

        Args:
            tries: errors in a row before it is given up.
            stop: set to end soon.
            progress: called with the points that were acknowledged so far.
        """
        self._save(stopped=False)
        outcome: Outcome = "more"
        try:
            while not stop.is_set() and outcome in {"more", "failed"}:
                outcome = self.attempt()
                if progress is not None:
                    progress(self.delivery.points)
                if outcome == "failed" and (self.delivery.stopped or self._failures >= tries):
                    break
                if outcome == "failed":
                    stop.wait(self.wait_s)
        finally:
            self.close()
        return outcome in {"over", "idle"}

    def attempt(self) -> Outcome:
        """Tell one batch; ``wait_s`` is then how long to wait before the next, unless there is more."""
        if not self._folder.is_dir():  # the run was deleted: nothing may make its folder again
            return "over"
        try:
            outcome = self.step()
        except WorkbenchError as error:
            self.wait_s = self._note(error)
            return "failed"
        except Exception as error:  # noqa: BLE001  whatever it is, status has to say it
            self.wait_s = self._note(_unknown(self.backend, error))
            return "failed"
        self._failures, self._foreign, self.wait_s = 0, 0, self.limits.tick_s
        return outcome

    def step(self) -> Outcome:
        """Tell one batch, or the end.

        Raises:
            TrackerError: when the backend does not take it.
            StorageError: when the log cannot be read.
        """
        started, ended = self._source.started(), self._source.ended()  # before the log: what it holds then is all
        batch = read_batch(self._source.events, self.delivery.offsets, self.delivery.pending)
        items = self._source.items(batch.events, self.delivery.serial)
        if not items and ended is not None and self.delivery.closed_at == ended.at:
            self._acknowledge(batch, [])
            return "more" if batch.full else "over"
        self._open(started)
        if batch.offsets != self.delivery.offsets:
            if items:
                self._save(pending=batch.offsets)
                self._ask("send", items, limit_s=send_limit_s(items, self.limits))
            self._acknowledge(batch, items)
            return "more" if batch.full or ended is not None else "idle"
        if ended is None:
            return "idle"
        self._finish(ended)
        return "over"

    def close(self) -> None:
        """Let go of a run that goes on, and end the backend's process."""
        if self._open_attempt:
            with suppress(TrackerError, StorageError):
                self._ask("close", None, limit_s=min(self.limits.close_s, 10.0))
        self._open_attempt = 0
        self._channel.end()

    def drop(self) -> None:
        """Make an answer that is waited for not come; for another thread than the one that waits."""
        self._channel.hang_up()

    def _rest(self, wait_s: float, now: threading.Event) -> None:
        """Wait; when the run's process ends meanwhile, only until then: what is left is told at once, or never."""
        deadline, lived = time.monotonic() + wait_s, self._source.goes()
        while (left_s := deadline - time.monotonic()) > 0 and not now.wait(min(left_s, self.limits.tick_s)):
            if lived and not self._source.goes():
                self._failures = 0
                return

    def _open(self, started: Started) -> None:
        if self._open_attempt == max(started.attempt, 1):
            return
        if self._open_attempt:
            self._ask("close", None, limit_s=self.limits.close_s)
            self._open_attempt = 0
        remote, url = self._ask("open", started, self.delivery.remote, limit_s=self.limits.open_s)
        self._open_attempt = max(started.attempt, 1)
        self._save(remote=remote, url=url, attempt=self._open_attempt, closed_at=None, **_success())

    def _finish(self, ended: Ended) -> None:
        last = self._source.last_items()
        if last:
            self._ask("send", last, limit_s=send_limit_s(last, self.limits))
        self._ask("close", ended, limit_s=self.limits.close_s)
        self._open_attempt = 0
        self._save(closed_at=ended.at, **_success())

    def _acknowledge(self, batch: Batch, items: Sequence[Item]) -> None:
        if batch.offsets == self.delivery.offsets and self.delivery.pending is None:
            return
        rows = [event for event in batch.events if event["kind"] == "metrics"]
        self._save(
            offsets=batch.offsets,
            pending=None,
            serial=self.delivery.serial + len(rows),
            points=self.delivery.points + sum(map(points_of, rows)),
            **(_success() if items else {}),
        )

    def _ask(self, verb: str, *args: Any, limit_s: float) -> Any:
        return self._channel.ask(verb, *args, limit_s=max(min(limit_s, self._left_s()), 1.0))

    def _left_s(self) -> float:
        """Return how long the backend is still tried for; endless while the run goes on.

        A run that has ended is over though its process takes a moment to be gone: who asks in that moment would wait as
        long as for a run that goes on.
        """
        if self._source.goes() and self._source.ended() is None:
            self._quiet_since = None
            return math.inf
        self._quiet_since = self._quiet_since or time.monotonic()
        return self._quiet_since + self.limits.finish_s - time.monotonic()

    def _note(self, error: WorkbenchError) -> float:
        """Write down why it went no further, and return how long to wait."""
        self._open_attempt = 0
        self._failures += 1
        self._foreign = self._foreign + 1 if error.fields.get("foreign") else 0
        stopped = not error.fields.get("retry", True) or self._foreign >= self.limits.foreign
        self._save(error=state.problem(error), stopped=stopped)
        shortest, longest = self.limits.retry_s
        return min(shortest * 2.0 ** (self._failures - 1), longest) * random.uniform(0.5, 1.0)  # noqa: S311  spreads

    def _save(self, **changes: Any) -> None:
        """Note how far it went; on a full disk it goes on all the same, and a restart tells some things again."""
        self.delivery = replace(self.delivery, **changes)
        with suppress(StorageError):
            if self._folder.is_dir():
                state.save(self._folder, self.backend, self.delivery)


class Forwarder:
    """Feeds all backends of a run, each in a thread and with a process of its own.

    Args:
        source: the run.
        folder: the run's ``trackers`` folder.
        backends: their names.
        limits: how long things may take.
    """

    def __init__(self, source: Source, folder: Path, backends: Sequence[str], limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._feeds = [Feed(name, source, folder, self._limits) for name in backends]

    def run(self, stop: threading.Event) -> None:
        """Feed until every backend is through with the run; then every process has ended.

        Args:
            stop: set to end soon: once no process of the run lives what is left is tried once, and after ``leave_s``
                whatever is in hand is dropped.
        """
        now = threading.Event()
        threads = [
            threading.Thread(target=feed.follow, args=(stop, now), name=feed.backend, daemon=True)
            for feed in self._feeds
        ]
        for thread in threads:
            thread.start()
        deadline = math.inf
        while any(thread.is_alive() for thread in threads):
            for thread in threads:
                thread.join(_JOIN_S)
            if stop.is_set():
                deadline = min(deadline, time.monotonic() + self._limits.leave_s)
            if time.monotonic() >= deadline:
                now.set()
            if time.monotonic() >= deadline + _DROP_S:
                for feed in self._feeds:
                    feed.drop()


def send_limit_s(items: Sequence[Item], limits: Limits) -> float:
    """Return how long sending may take, in seconds: a checkpoint goes over a slow line at a megabyte a second."""
    sizes = (storage.bytes_total(item.path) for item in items if isinstance(item, File | Model) and item.path.is_file())
    return limits.send_s + sum(sizes) / _BYTES_S


def _unknown(backend: str, error: Exception) -> TrackerError:
    return TrackerError(
        f"{backend} was not told more: {type(error).__name__}: {error}.",
        "A log that can be read, and a run that can be told.",
        "Once it can: workbench trackers sync",
        foreign=True,
    )


def _success() -> dict[str, Any]:
    return {"success_at": time.time(), "error": None}
