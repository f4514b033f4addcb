"""What a GPU must show: ``python -m tests.faults.gpu --folder FOLDER`` on a machine that has one.

Cancelled, killed, hung: each time no process of the run remains and the GPU's memory is free again. A run that was
begun on the GPU goes on on the CPU and back. Jobs are plain processes here, so that nothing but the library is needed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.faults import real
from tests.faults.stage import Failed, check_gone, kill, until
from workbench.config.schema import TrainingConfig
from workbench.processes import members
from workbench.runs.lease import is_held
from workbench.runs.model import RunState
from workbench.runs.run import Run
from workbench.runs.supervision.launcher import LaunchState
from workbench.runs.supervision.remains import MARK, holder, mark_of
from workbench.settings import Settings
from workbench.workspace import Workspace

LIMIT_S = 150.0
_JOB = """
import signal, sys
from pathlib import Path
from workbench.runs.execute import execute
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
execute(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
"""


class PlainLauncher:
    """Executes each run in a plain process: Prefect is not what is looked at here."""

    def __init__(self) -> None:
        self.jobs: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, workspace: Path, run_id: str, launch: int, environment: Mapping[str, str]) -> str:
        """Start the job's process."""
        command = [sys.executable, "-c", _JOB, str(workspace), run_id, str(launch)]
        job = subprocess.Popen(command, env=dict(environment), stderr=subprocess.DEVNULL, start_new_session=True)
        self.jobs[f"{run_id}-{launch}"] = job
        return f"{run_id}-{launch}"

    def cancel(self, launch_id: str) -> None:
        """Ask the job to end, as Prefect does."""
        self.jobs[launch_id].terminate()

    def state(self, launch_id: str) -> LaunchState:
        """Return whether the job lives."""
        return "active" if self.jobs[launch_id].poll() is None else "ended"

    def alive(self) -> bool:
        """Jobs are started at once."""
        return True

    def watch(self) -> None:
        """Do nothing: the suite ticks by itself."""


class Bench:
    """One workspace on a machine with a GPU."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(workbench_engine_home=folder / "engine", prefect_api_url=None, database_url=None)
        self.folder = folder
        self.workspace = Workspace(folder / "workspace", settings=settings, launcher=PlainLauncher())
        self.baseline = used_mib()

    def train(self, epochs: int, **settings: object) -> Run:
        """Start a training on the GPU and wait for its second epoch."""
        config = TrainingConfig(
            **{
                "model": "yolo26n.yaml",
                "data": real.dataset(self.workspace),
                "epochs": epochs,
                "batch": 16,
                "imgsz": 320,
                "device": 0,
                "workers": 4,
                "plots": False,
                "first_delay_s": 0.5,
                **settings,
            }
        )
        run = self.workspace.train(config)
        self.until(run, lambda: (beat := run.heartbeat) is not None and beat.epoch >= 2, "its second epoch")
        return run

    def until(self, run: Run, condition: Callable[[], object], what: str) -> None:
        """Wait, ticking as the watcher does."""
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            self.workspace.dispatcher.tick()
            time.sleep(0.2)
            if time.monotonic() > deadline:
                log = run.paths.attempt(max(run.standing.attempt, 1)).log
                raise Failed(f"waited for {what}: {run.standing} {log.read_text()[-1500:] if log.exists() else ''}")

    def check_free(self, run: Run) -> float:
        """Raise unless nothing of the run is left, on the CPU or on the GPU; return how long that took, in seconds."""
        started = time.monotonic()
        until(lambda: used_mib() <= self.baseline + 50, 15, f"GPU memory: {used_mib()} MiB, was {self.baseline}")
        check_gone(run)
        return time.monotonic() - started


def used_mib() -> int:
    """Return the memory in use on the first GPU, in MiB."""
    command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0])


def cancelled(bench: Bench) -> str:
    """Cancel in the middle of a training."""
    run = bench.train(200)
    held, asked = used_mib(), time.monotonic()
    run.cancel()
    bench.until(run, lambda: run.state.ended, "its end")
    took = time.monotonic() - asked
    if run.state is not RunState.CANCELLED:
        raise Failed(f"it ended {run.standing}")
    bench.check_free(run)
    return f"{took:.1f} s to end, {held} MiB held before, {used_mib()} MiB after (baseline {bench.baseline})"


def killed(bench: Bench) -> str:
    """Kill -9 the supervising process, then the kernel of the next attempt; the run goes on each time."""
    run = bench.train(12)
    process = holder(run.paths.lease)
    kill([process] if process else [])
    bench.until(run, lambda: run.standing.attempt == 2 and (beat := run.heartbeat) and beat.epoch >= 3, "attempt 2")
    kill(members({MARK: mark_of(run.id, 2)}))
    bench.until(run, lambda: run.state.ended, "its end")
    if run.state is not RunState.COMPLETED or run.standing.attempt != 3:
        raise Failed(f"it ended {run.standing}")
    bench.check_free(run)
    return f"completed in attempt 3, {len(run.metrics())} epoch rows, {used_mib()} MiB after"


def hung(bench: Bench) -> str:
    """Stop the kernel with SIGSTOP: silence ends it, and its memory is free again."""
    run = bench.train(200, silence_s=30.0, attempts=1)
    for process in members({MARK: mark_of(run.id, 1)}):
        os.kill(process.pid, signal.SIGSTOP)
    started = time.monotonic()
    bench.until(run, lambda: run.state.ended, "its end")
    took = time.monotonic() - started
    reason = run.standing.reason
    bench.check_free(run)
    return f"{run.state} after {took:.0f} s: {reason}"


def moved(bench: Bench) -> str:
    """Cancel on the GPU, resume on the CPU with more epochs, cancel, and resume on the GPU."""
    run = bench.train(60)
    run.cancel()
    bench.until(run, lambda: run.state.ended, "the first end")
    first = len(run.metrics())
    run.resume(device="cpu", epochs=first + 4, batch=4, workers=0)
    bench.until(run, lambda: len(run.metrics()) > first or run.state.ended, "an epoch on the CPU")
    if not run.state.ended:
        run.cancel()
        bench.until(run, lambda: run.state.ended, "the second end")
        run.resume(device=0, batch=16)
        bench.until(run, lambda: run.state.ended, "the third end")
    if run.state is not RunState.COMPLETED or is_held(run.paths.lease):
        raise Failed(f"it ended {run.standing}")
    return f"{first} epochs on the GPU, then the CPU, then the GPU: {len(run.metrics())} epoch rows"


def main(arguments: Sequence[str] | None = None) -> int:
    """Play every case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    cases = {case.__name__: case for case in (cancelled, killed, hung, moved)}
    parser.add_argument("--case", action="append", choices=cases, help="only this one; may be given again")
    chosen = parser.parse_args(arguments)
    bench, status = Bench(chosen.folder), 0
    for case in [cases[name] for name in chosen.case or cases]:
        try:
            sys.stdout.write(f"{case.__name__}: {case(bench)}\n")
        except Failed as problem:
            status = 1
            sys.stdout.write(f"{case.__name__}: FAILED {problem}\n")
        finally:
            for run in bench.workspace.runs():
                if not run.state.ended:
                    run.cancel()
        sys.stdout.flush()
    return status


if __name__ == "__main__":
    sys.exit(main())
