"""What a run takes of its machine: processor, memory, graphics cards and disk, every few seconds.

What lives here: measuring, in a thread of the process that supervises a run, so that the training pays nothing for it.
What does not: whether a run still lives (``processes``, ``runs.heartbeat``).

The metrics have the scope ``system``; their step is the seconds since the run began. A gigabyte is 2**30 bytes here, as
in what ultralytics reports of a GPU's memory.

    cpu_percent              of the run's processes; 100 is one core
    memory_gb                resident memory of the run's processes; what several share counts for each
    disk_read_mb_s           from the disk, by the run's processes
    disk_write_mb_s          to the disk, by the run's processes
    disk_free_gb             where the run's folder lies
    machine/cpu_percent      of the whole machine; 100 is all cores
    machine/memory_percent   of the whole machine's memory, in use
    gpu0/use_percent         of the time, in which the card did something, for anybody
    gpu0/memory_gb           of the card, in use by anybody
    gpu0/run_memory_gb       of the card, in use by the run's processes; absent while none of them is known to use it
"""

from __future__ import annotations

import importlib
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil

from workbench.errors import ConflictError, ParameterError, WorkbenchError
from workbench.metrics.writer import Writer
from workbench.processes import family

EVERY_S = 5.0
_LEAST_S = 0.1
_GB, _MB = float(1 << 30), float(1 << 20)
_PATIENCE_S = 2.0  # a driver that hangs keeps nobody from ending
_log = logging.getLogger(__name__)


def own_tree() -> list[int]:
    """Return the pids of this process and of all its descendants."""
    return [member.pid for member in family(psutil.Process())]


class Sampler:
    """Writes what a run takes of its machine, in a daemon thread, until it is closed. It raises nothing but below.

    Args:
        writer: where the metrics go, e.g. ``Writer(run.events, "system-1")``; it stays open.
        folder: the run's folder: the disk that it lies on is watched.
        pids: returns the run's processes; when left out, this process and its descendants.
        begin: when the run began, in unix seconds: the steps count from there.
        every_s: seconds from one sample to the next, at least 0.1.

    Raises:
        ParameterError: when ``every_s`` is too short.
    """

    def __init__(
        self,
        writer: Writer,
        folder: Path,
        pids: Callable[[], Iterable[int]] = own_tree,
        *,
        begin: float,
        every_s: float = EVERY_S,
    ) -> None:
        if not every_s >= _LEAST_S:
            raise ParameterError(
                f"every_s is {every_s}.", f"At least {_LEAST_S} seconds.", f"Leave it out for {EVERY_S:g} s."
            )
        self._writer, self._begin, self._every_s = writer, begin, every_s
        self._folder, self._pids = folder, pids
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="system metrics", daemon=True)

    def start(self) -> Self:
        """Take the first sample, without rates, and go on in the background."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Take a last sample and end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE_S)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _work(self) -> None:
        gauges = Gauges(self._folder, self._pids)  # here: a driver that hangs holds up nobody else
        warned, more = False, True
        while more:
            more = not self._stop.is_set()
            try:
                at = time.time()
                self._writer.log(max(0, int(at - self._begin)), gauges.read(), scope="system", at=round(at, 3))
            except ConflictError:  # the run is over
                return
            except WorkbenchError as error:  # e.g. a full disk
                if not warned:
                    _log.warning("System metrics cannot be written: %s", error.happened)
                warned = True
            self._stop.wait(self._every_s)


@dataclass(frozen=True)
class _Use:
    """What one process took since it began."""

    cpu_s: float
    read_bytes: int
    written_bytes: int


class Gauges:
    """Reads what a run takes at the moment. What cannot be read is left out, and a warning says so once.

    Args:
        folder: the disk that it lies on is watched.
        pids: returns the run's processes.
    """

    def __init__(self, folder: Path, pids: Callable[[], Iterable[int]] = own_tree) -> None:
        self._folder, self._pids, self._cards = folder, pids, _Cards()
        self._warned: set[str] = set()
        self._before: tuple[float, dict[tuple[int, float], _Use]] | None = None

    def read(self) -> dict[str, float]:
        """Return the metrics by name; rates are since the last call, and absent from the first."""
        found: dict[str, float] = {}
        pids: set[int] = set()
        gauges: dict[str, Callable[[], object]] = {
            "The run's processes": lambda: pids.update(self._pids()),
            "The machine's load": lambda: found.update(self._machine()),
            "The run's load": lambda: found.update(self._run(pids)),
            "The free disk space": lambda: found.update(disk_free_gb=shutil.disk_usage(self._folder).free / _GB),
        }
        for what, gauge in gauges.items():
            try:
                gauge()
            except (psutil.Error, OSError) as error:
                self._warn(what, error)
        for what, reason in self._cards.read(pids, found):
            self._warn(what, reason)
        return {name: round(value, 3) for name, value in found.items()}

    def _warn(self, what: str, error: Exception) -> None:
        if what not in self._warned:
            self._warned.add(what)
            _log.warning("%s cannot be read, and is left out of the system metrics: %s", what, error)

    def _machine(self) -> dict[str, float]:
        found = {"machine/memory_percent": float(psutil.virtual_memory().percent)}
        percent = float(psutil.cpu_percent())  # since the last call; the first one means nothing
        return found if self._before is None else {**found, "machine/cpu_percent": percent}

    def _run(self, pids: Iterable[int]) -> dict[str, float]:
        uses: dict[tuple[int, float], _Use] = {}
        resident = 0
        for pid in pids:
            try:
                process = psutil.Process(pid)
                with process.oneshot():
                    uses[pid, process.create_time()] = _use(process)
                    resident += process.memory_info().rss
            except psutil.Error:  # it has ended by now
                continue
        now, before = time.monotonic(), self._before
        self._before = now, uses
        found = {"memory_gb": resident / _GB}
        if before is None or now - before[0] < _LEAST_S:
            return found
        return found | _rates(before[1], uses, now - before[0])


def _use(process: psutil.Process) -> _Use:
    times = process.cpu_times()
    try:
        disk = process.io_counters()
    except (psutil.AccessDenied, AttributeError):  # AttributeError: macOS counts no reads and writes
        return _Use(times.user + times.system, 0, 0)
    return _Use(times.user + times.system, disk.read_bytes, disk.write_bytes)


def _rates(
    before: dict[tuple[int, float], _Use], after: dict[tuple[int, float], _Use], seconds: float
) -> dict[str, float]:
    """Return the rates over ``seconds``; a process that was not there before began in between."""
    pairs = [(before.get(key, _Use(0.0, 0, 0)), use) for key, use in after.items()]
    return {
        "cpu_percent": 100 * sum(now.cpu_s - then.cpu_s for then, now in pairs) / seconds,
        "disk_read_mb_s": sum(now.read_bytes - then.read_bytes for then, now in pairs) / _MB / seconds,
        "disk_write_mb_s": sum(now.written_bytes - then.written_bytes for then, now in pairs) / _MB / seconds,
    }


class _Cards:
    """The NVIDIA cards of the machine, through their driver; none without a driver."""

    def __init__(self) -> None:
        self._nvml: Any = None
        self._handles: list[Any] = []
        try:
            nvml = importlib.import_module("pynvml")
        except ImportError:
            return
        try:
            nvml.nvmlInit()
            self._nvml = nvml
            self._handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
        except nvml.NVMLError as error:
            _log.debug("No NVIDIA card is watched: %s", error)

    def read(self, pids: set[int], found: dict[str, float]) -> list[tuple[str, Exception]]:
        """Put the metrics of all cards into ``found`` and return what could not be read, and why."""
        failed: list[tuple[str, Exception]] = []
        for number, handle in enumerate(self._handles):
            for what, gauge in (("use", self._use), ("memory", self._memory), ("processes", self._processes)):
                try:
                    found |= {f"gpu{number}/{name}": value for name, value in gauge(handle, pids).items()}
                except self._nvml.NVMLError as error:
                    failed.append((f"GPU {number}'s {what}", error))
        return failed

    def _use(self, handle: Any, _pids: set[int]) -> dict[str, float]:
        return {"use_percent": float(self._nvml.nvmlDeviceGetUtilizationRates(handle).gpu)}

    def _memory(self, handle: Any, _pids: set[int]) -> dict[str, float]:
        # Version 2 counts what nvidia-smi shows; version 1 adds half a gigabyte that the driver keeps for itself.
        return {"memory_gb": self._nvml.nvmlDeviceGetMemoryInfo(handle, self._nvml.nvmlMemory_v2).used / _GB}

    def _processes(self, handle: Any, pids: set[int]) -> dict[str, float]:
        running = self._nvml.nvmlDeviceGetComputeRunningProcesses(handle)
        own = [one.usedGpuMemory for one in running if one.pid in pids and one.usedGpuMemory is not None]
        return {"run_memory_gb": sum(own) / _GB} if own else {}
