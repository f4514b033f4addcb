"""What a run takes of its machine is measured from outside the training, and no failure of it reaches anybody."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from workbench.errors import ParameterError, StorageError
from workbench.metrics.system import Gauges, Sampler, own_tree
from workbench.metrics.tail import read_events, values
from workbench.metrics.writer import Writer

pytestmark = pytest.mark.slow

GB = 1 << 30


class NvmlError(Exception):
    """What the driver's library raises."""


class Driver:
    """A driver with two cards: the run uses the first, and the second does not say how busy it is."""

    NVMLError = NvmlError
    nvmlMemory_v2 = 2  # noqa: N815  the library's own name
    run = 4711

    def nvmlInit(self) -> None:  # noqa: N802  the library's own names
        pass

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:  # noqa: N802
        if handle == 1:
            raise NvmlError("Not Supported")
        return SimpleNamespace(gpu=87)

    def nvmlDeviceGetMemoryInfo(self, handle: int, version: int = 1) -> Any:  # noqa: N802
        reserved = 0 if version == self.nvmlMemory_v2 else GB // 2  # version 1 counts what the driver keeps
        return SimpleNamespace(used=(3 - handle) * GB + reserved)

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> list[Any]:  # noqa: N802
        mine = [SimpleNamespace(pid=self.run, usedGpuMemory=GB), SimpleNamespace(pid=self.run, usedGpuMemory=None)]
        return [*(mine if handle == 0 else ()), SimpleNamespace(pid=1, usedGpuMemory=GB)]


@pytest.fixture(autouse=True)
def no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library is there, and the machine has no card: as on most machines that test."""

    def fail() -> None:
        raise NvmlError("NVML Shared Library Not Found")

    monkeypatch.setitem(sys.modules, "pynvml", SimpleNamespace(NVMLError=NvmlError, nvmlInit=fail))


@pytest.fixture
def busy() -> Iterator[int]:
    """A process that keeps one core busy, with 60 MB in its hands."""
    code = "data = b'x' * 60_000_000\nprint(flush=True)\nwhile True: pass"
    process = subprocess.Popen([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process.pid
    process.kill()
    process.communicate()


def test_the_load_of_the_runs_processes_and_of_the_machine_is_measured(tmp_path: Path, busy: int) -> None:
    gauges = Gauges(tmp_path, lambda: [busy])
    gauges.read()
    time.sleep(0.3)
    found = gauges.read()
    assert 10 < found["cpu_percent"] < 130
    assert 0.05 < found["memory_gb"] < 0.2
    assert 0 < found["machine/cpu_percent"] <= 100
    assert 0 < found["machine/memory_percent"] < 100
    assert found["disk_free_gb"] > 0
    assert found["disk_read_mb_s"] >= 0
    assert found["disk_write_mb_s"] >= 0


def test_the_first_reading_has_no_rates(tmp_path: Path) -> None:
    assert set(Gauges(tmp_path).read()) == {"memory_gb", "machine/memory_percent", "disk_free_gb"}


def test_without_a_list_of_processes_the_own_tree_is_measured(busy: int) -> None:
    assert {os.getpid(), busy} <= set(own_tree())


def test_what_the_run_writes_to_the_disk_is_measured(tmp_path: Path) -> None:
    own = psutil.Process()
    gauges = Gauges(tmp_path, lambda: [os.getpid()])
    gauges.read()
    began, before = time.monotonic(), own.io_counters().write_bytes
    with (tmp_path / "data").open("wb") as file:
        file.write(os.urandom(8 << 20))
    time.sleep(0.12)
    rate = gauges.read()["disk_write_mb_s"]
    written_mb = (own.io_counters().write_bytes - before) / (1 << 20)  # none in a folder that lies in memory
    assert rate * (time.monotonic() - began) == pytest.approx(written_mb, rel=0.5, abs=0.1)


def test_a_process_that_has_vanished_counts_nothing_and_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = subprocess.Popen([sys.executable, "-S", "-c", ""])
    gone.wait()
    gauges = Gauges(tmp_path, lambda: [gone.pid])
    gauges.read()
    time.sleep(0.12)
    found = gauges.read()
    assert (found["memory_gb"], found["cpu_percent"]) == (0, 0)
    assert caplog.records == []


def test_what_cannot_be_read_is_left_out_and_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def vanished() -> list[int]:
        raise psutil.NoSuchProcess(1)

    gauges = Gauges(tmp_path / "gone", vanished)
    gauges.read()
    found = gauges.read()
    assert "disk_free_gb" not in found
    assert "machine/memory_percent" in found
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 2
    assert "The free disk space cannot be read" in warnings[1]


def test_each_card_tells_its_use_its_memory_and_the_runs_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", Driver())
    gauges = Gauges(tmp_path, lambda: [Driver.run])
    gauges.read()
    found = {name: value for name, value in gauges.read().items() if name.startswith("gpu")}
    assert found == {"gpu0/use_percent": 87, "gpu0/memory_gb": 3, "gpu0/run_memory_gb": 1, "gpu1/memory_gb": 2}
    assert [record.getMessage() for record in caplog.records] == [
        "GPU 1's use cannot be read, and is left out of the system metrics: Not Supported"
    ]


def test_a_sampler_writes_rows_of_scope_system_until_it_is_closed(tmp_path: Path) -> None:
    with Writer(tmp_path, "system-1") as writer:
        with Sampler(writer, tmp_path, begin=time.time() - 100, every_s=0.1):
            time.sleep(0.25)
        writer.flush()
        rows = read_events(tmp_path)
        assert {(row["kind"], row["scope"], row["writer"]) for row in rows} == {("metrics", "system", "system-1")}
        assert 3 <= len(rows) <= 4
        assert all(row["step"] in {100, 101} for row in rows)
        assert "cpu_percent" in values(rows[1])
        time.sleep(0.15)
        writer.flush()
        assert len(read_events(tmp_path)) == len(rows)


def test_a_run_of_less_than_an_interval_has_a_first_and_a_last_sample(tmp_path: Path) -> None:
    with Writer(tmp_path, "system-1") as writer, Sampler(writer, tmp_path, begin=time.time()):
        time.sleep(0.12)
    rows = read_events(tmp_path)
    assert len(rows) == 2
    assert "cpu_percent" in values(rows[1])


def test_a_writer_that_takes_nothing_more_ends_the_sampler_quietly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = Writer(tmp_path, "system-1")
    sampler = Sampler(writer, tmp_path, begin=time.time(), every_s=0.1).start()
    writer.close()
    time.sleep(0.15)
    assert not sampler._thread.is_alive()
    sampler.close()
    assert caplog.records == []


class FullDisk:
    """A writer whose disk has been full for long."""

    def __init__(self) -> None:
        self.asked = 0

    def log(self, *_values: object, **_fields: object) -> None:
        self.asked += 1
        raise StorageError("Could not write 'system-1.jsonl': No space left on device.")


def test_a_full_disk_is_told_once_and_the_sampler_tries_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    writer: Any = FullDisk()
    with Sampler(writer, tmp_path, begin=time.time(), every_s=0.1):
        time.sleep(0.25)
    assert writer.asked >= 3
    assert [record.getMessage() for record in caplog.records] == [
        "System metrics cannot be written: Could not write 'system-1.jsonl': No space left on device."
    ]


@pytest.mark.parametrize("every_s", [0, -1, 0.01, float("nan")])
def test_an_interval_that_is_too_short_is_refused(tmp_path: Path, every_s: float) -> None:
    with Writer(tmp_path, "system-1") as writer, pytest.raises(ParameterError, match=r"every_s is .*At least 0\.1"):
        Sampler(writer, tmp_path, begin=0.0, every_s=every_s)
