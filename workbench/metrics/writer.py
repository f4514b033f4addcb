"""The event log of a busy process: what it measures is in another process's hands within a tenth of a second.

What lives here: ``log``, which a training calls at every batch from any thread, and the thread that writes. What does
not: events that must be on disk at once (``log.EventLog``), reading (``tail``, ``subscribe``, ``store``).

The caller encodes its line and appends it to a queue, about 3 us for ten metrics: no lock, no file, no network (it
waits only where 64 MiB are queued because a disk takes nothing). What is wrong is refused there, where a person can see
who sent it. A thread appends what has come to the file every 50 ms.
Nobody waits for the disk except in ``sync``: rows outlive a kill of the process and, once synced, a loss of power.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing import util
from pathlib import Path
from typing import Any, Self, SupportsIndex

from workbench.errors import ConflictError, StorageError, storage_error
from workbench.metrics import encode
from workbench.metrics.encode import WHOLE
from workbench.metrics.log import LineFile

EVERY_S = 0.05
_QUEUE_BYTES = 64 << 20
_LINE_BYTES = 2048  # the queue counts a line as at least this long
_CHUNK = 2048  # lines a write: joining them keeps the interpreter from other threads for a quarter of a millisecond
_PATIENCE_S = 2.0  # a disk that takes nothing for longer is an error for the caller
_log = logging.getLogger(__name__)


class Writer:
    """Append events and metrics to ``<folder>/<name>.jsonl`` from any thread of this process.

    A process that is forked from this one writes to a file of its own, ``<name>.<pid>.jsonl``.

    Args:
        folder: the run's ``events`` folder; made when missing.
        name: the name of this writer, ending in the number of the attempt, e.g. ``train-1``.
        clock: returns unix seconds.

    Raises:
        StorageError: when the folder cannot be written to.
    """

    def __init__(self, folder: Path, name: str, clock: Callable[[], float] = time.time) -> None:
        self._folder, self._name, self._clock = folder, name, clock
        self._queue: deque[bytes] = deque()
        self._names: set[str] = set()
        self._scopes: set[str] = set()
        self._failing_since: float | None = None
        self._closed = False
        self._file: LineFile | None = LineFile(folder, name)
        self._draining, self._stop = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None
        _WRITERS.add(self)

    @property
    def path(self) -> Path:
        """The file."""
        return self._open_file().path

    def log(
        self,
        step: SupportsIndex,
        metrics: Mapping[str, float],
        *,
        scope: str = "batch",
        epoch: int | None = None,
        at: float | None = None,
        **fields: Any,
    ) -> None:
        """Note metrics; returns at once.

        Args:
            step: what the metrics belong to; steps may come in any order, and of a step that comes twice the later
                counts.
            metrics: finite or not, by name: 1 to 250 characters, no control characters.
            scope: what ``step`` counts: ``batch``, ``epoch``, or a word of your own.
            epoch: the epoch it belongs to, from 1.
            at: when it was measured, in unix seconds; left out, now.
            fields: more to keep with the row; JSON-able.

        Raises:
            ParameterError: when a name, a value or the step is none; nothing of this call is kept.
            StorageError: when the disk has taken nothing for 2 s; what was noted is kept and tried again.
            ConflictError: when the writer is closed.
        """
        if type(scope) is not str or scope not in self._scopes:
            encode.check_names((scope,), "scope")
            self._scopes.add(scope)
        if type(metrics) is not dict or not metrics.keys() <= self._names:
            encode.learn(metrics, self._names)
        event: dict[str, Any] = {
            "at": self._clock() if at is None else encode.moment(at),
            "kind": "metrics",
            "scope": scope,
            "step": step if type(step) is int and -WHOLE <= step < WHOLE else encode.whole(step),
        }
        if epoch is not None:
            event["epoch"] = encode.whole(epoch, "epoch")
        self._put(encode.row({**event, **fields} if fields else event, metrics))

    def append(self, kind: str, **fields: Any) -> None:
        """Note any other event; it keeps its place among the metrics.

        Raises:
            ParameterError: when a field is not JSON-able.
            StorageError: as ``log``.
        """
        self._put(encode.line({"at": self._clock(), "kind": kind, **fields}))

    def flush(self) -> None:
        """Return when all that was noted can be read by other processes.

        Raises:
            StorageError: when it cannot be written.
        """
        with self._draining:
            self._drain()

    def sync(self) -> None:
        """Return when all that was noted outlasts a loss of power.

        Raises:
            StorageError: when it cannot be written.
        """
        with self._draining:
            self._drain(sync=True)

    def close(self) -> None:
        """Write what is left; a closed writer takes no more events.

        Raises:
            StorageError: when it cannot be written; it can be closed again then.
        """
        with self._draining:
            if self._closed:
                return
            self._closed = True  # first: nobody adds to what is written now
            try:
                if self._file is not None:
                    self._drain(sync=True)
                    self._file.close()
            except BaseException:  # also Ctrl-C, which is how a notebook is interrupted
                self._closed = False
                raise
        self._stop.set()

    def __del__(self) -> None:
        # No lock is taken: whoever holds one refers to this writer. The thread sees that the writer is gone.
        with suppress(StorageError, AttributeError):  # AttributeError: it could not even be made
            if not self._closed and self._file is not None:
                self._drain()
                self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _put(self, line: bytes) -> None:
        if self._thread is None or self._failing_since is not None or self._closed:
            self._see_to_thread()
        if len(self._queue) * max(len(line), _LINE_BYTES) >= _QUEUE_BYTES:
            self._wait_for_room(line)
        self._queue.append(memoryview(line).tobytes())  # the encoder's own buffer is a page, however short the line
        if self._closed:  # meanwhile
            self._see_to_thread()

    def _see_to_thread(self) -> None:
        """Start the thread when this is the first event in this process; tell of a disk that takes nothing."""
        if self._closed:
            raise ConflictError(
                f"'{self._name}' is closed.", "A writer of a run that goes on.", "Note it before the run is finished."
            )
        if self._failing_since is not None and time.monotonic() - self._failing_since > _PATIENCE_S:
            self.flush()
        if self._thread is None or not self._thread.is_alive():
            with self._draining:
                if self._thread is None or not self._thread.is_alive():
                    self._start_thread()

    def _start_thread(self) -> None:
        self._open_file()
        arguments = (weakref.ref(self), self._stop)
        thread = threading.Thread(target=_write, args=arguments, name=f"log {self._name}", daemon=True)
        thread.start()
        self._thread = thread

    def _wait_for_room(self, line: bytes) -> None:
        """Wait until the disk has taken some of a queue that is full: memory is bounded, and nothing is dropped."""
        while len(self._queue) * max(len(line), _LINE_BYTES) >= _QUEUE_BYTES:
            if self._failing_since is not None or self._thread is None or not self._thread.is_alive():
                self.flush()
            time.sleep(0.001)

    def _drain(self, *, sync: bool = False) -> None:
        """Write the queue; whoever calls this holds the lock.

        Raises:
            StorageError: when the disk does not take it; it stays first in line.
        """
        file = self._open_file()
        try:
            file.retry()
            while self._queue:
                file.write(b"".join([self._queue.popleft() for _ in range(min(len(self._queue), _CHUNK))]))
            if sync:
                file.sync()
        except OSError as error:
            self._failing_since = self._failing_since or time.monotonic()
            raise storage_error(error, file.path) from error
        self._failing_since = None

    def _open_file(self) -> LineFile:
        if self._file is None:
            self._file = LineFile(self._folder, self._name)
        return self._file

    def _begin_in_child(self) -> None:
        """Forget, in a forked process, what its parent writes, and whoever held a lock when it was forked."""
        self._queue.clear()
        self._draining, self._stop, self._thread = threading.Lock(), threading.Event(), None
        self._file, self._failing_since = None, None
        self._name = f"{self._name.partition('.')[0]}.{os.getpid()}"


def _write(reference: weakref.ref[Writer], stop: threading.Event) -> None:
    """Write what has come, every 50 ms, as long as the writer is there."""
    warned = False
    while not stop.wait(EVERY_S):
        writer = reference()
        if writer is None:
            return
        try:
            if writer._queue or writer._failing_since is not None:  # noqa: SLF001  the writer's own thread
                writer.flush()
                warned = False
        except StorageError as error:  # tried again; the caller is told when it lasts
            if not warned:
                _log.warning("%s It is tried again.", error.happened)
                warned = True
        del writer


_WRITERS: weakref.WeakSet[Writer] = weakref.WeakSet()


def _close_all() -> None:
    for writer in list(_WRITERS):
        try:
            writer.close()
        except StorageError as error:
            _log.error("What was noted last is lost: %s", error)


def _begin_all_in_child() -> None:
    for writer in list(_WRITERS):
        writer._begin_in_child()  # noqa: SLF001  the module's own class


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_all_in_child)
# A process that multiprocessing forked ends without its exit handlers, but not without multiprocessing's own.
util.register_after_fork(_close_all, lambda close_all: util.Finalize(None, close_all, exitpriority=0))
