"""Where faults are made: an engine and a workspace of their own, light and real runs, and their processes.

What lives here: starting runs, finding their processes, killing them, and what must hold of a run afterwards. What
does not: which faults are made (``kills``, ``cancels``, ``quiet``).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from pipelines import engine
from workbench.metrics.rows import current
from workbench.processes import members
from workbench.runs.lease import is_held
from workbench.runs.model import Policy, RunState
from workbench.runs.run import Run
from workbench.runs.supervision.remains import MARK, holder, mark_of
from workbench.settings import ENGINE_MEMBER, Settings
from workbench.workspace import Workspace

ROOT = Path(__file__).parents[2]
LIGHT = Path(__file__).with_name("light.ipynb")
POLICY = Policy(attempts=5, first_delay_s=0.5, max_delay_s=2.0)
ENDS_S = 10.0
TARGETS = ("kernel", "flow", "worker", "server", "watcher", "all")


class Failed(Exception):  # noqa: N818  a finding, not a mistake of the suite
    """What must hold did not."""


@dataclass(frozen=True)
class Light:
    """The size of a light run, see ``light.Size``."""

    epochs: int = 5
    batches: int = 10
    batch_s: float = 0.1
    checkpoint_bytes: int = 4_000_000


class Stage:
    """One engine, one workspace.

    Args:
        folder: made when missing; what lies there is gone on with.
        export: sets an environment variable of this process: jobs see it.
    """

    def __init__(self, folder: Path, export: Callable[[str, str], object] = os.environ.__setitem__) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        export("PYTHONPATH", str(ROOT))
        export("WORKBENCH_ENGINE_HOME", str(folder / "engine"))
        self.settings = Settings(
            workbench_engine_home=folder / "engine", prefect_api_url=None, database_url=None, workbench_cpu_slots=4
        )
        self.workspace = Workspace(folder / "workspace", settings=self.settings)

    def light(self, size: Light | None = None, policy: Policy = POLICY) -> Run:
        """Start a light run."""
        return self.workspace.notebook(LIGHT, vars(size or Light()), policy=policy)

    def processes(self, target: str, run: Run) -> list[psutil.Process]:
        """Return the processes that ``target`` names now; empty when there are none."""
        state = engine.recorded(self.settings)
        recorded = {"worker": state and state.worker, "server": state and state.server}
        if target in recorded:
            known = recorded[target]
            return [found] if known and (found := known.find()) else []
        if target == "watcher":
            found = holder(self.settings.engine.watcher)
            return [found] if found else []
        if target == "flow":
            found = holder(run.paths.lease) if is_held(run.paths.lease) else None
            return [found] if found else []
        if target == "kernel":
            return members({MARK: mark_of(run.id, run.standing.attempt)})
        return members({ENGINE_MEMBER: str(self.settings.engine.root)})

    def command(self, *arguments: str, limit_s: float = 120) -> dict[str, Any]:
        """Run the command line as a person would, in a process of its own, and return what it printed."""
        main = "from workbench.cli import main; main()"
        workspace = str(self.workspace.paths.root)
        command = [sys.executable, "-P", "-c", main, *arguments, "--json", "--workspace", workspace]
        variables = {name: text for name, text in os.environ.items() if name != "PREFECT_API_URL"}
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=limit_s, check=False)
        if done.returncode:
            raise Failed(f"workbench {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-500:]}")
        return dict(json.loads(done.stdout))

    def close(self) -> None:
        """End everything."""
        engine.stop(self.settings, grace_s=5.0)


def kill(processes: list[psutil.Process]) -> int:
    """Send SIGKILL to all of them at once and return how many there were."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    return len(processes)


def until(condition: Callable[[], object], limit_s: float, what: str) -> None:
    """Wait until ``condition`` holds.

    Raises:
        Failed: when it does not within ``limit_s``.
    """
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"waited {limit_s:.0f} s for {what}")
        time.sleep(0.05)


def check_truth(run: Run, shown: dict[str, Any]) -> None:
    """Raise unless what ``runs show`` said 15 s after a kill is true.

    A run that is said to be running must be: a process holds its lease, and gave a sign of life.
    """
    state = RunState(shown["state"])
    if state is RunState.RUNNING and not run.state.ended and run.standing.attempt == shown["attempt"]:
        if not is_held(run.paths.lease):
            raise Failed("it is said to be running, and no process holds its lease")
        beat = run.heartbeat
        if beat is not None and beat.process.find() is None and run.state is RunState.RUNNING:
            time.sleep(3.0)  # the supervising process may be about to notice
            if run.state is RunState.RUNNING and run.standing.attempt == shown["attempt"]:
                raise Failed("it is said to be running, and its kernel is gone")
    if state in {RunState.FAILED, RunState.CRASHED}:
        raise Failed(f"it is said to be {state}: {shown['reason']}")


def check_rows(run: Run, epochs: int, batches: int, value: Callable[[int], float] | None = None) -> None:
    """Raise unless every metric row is there once, with its right value, and at most one epoch was redone an attempt.

    Args:
        run: a completed run.
        epochs: how many it has.
        batches: batches an epoch; 0 to leave out the batch rows.
        value: the loss of a step, where it is known.
    """
    events = run.events()
    rows = [event for event in current(events) if event["kind"] == "metrics" and event["scope"] != "system"]
    for scope, expected in (("batch", epochs * batches), ("epoch", epochs)):
        steps = Counter(row["step"] for row in rows if row.get("scope") == scope)
        if expected and steps != Counter(range(1, expected + 1)):
            lost = sorted(set(range(1, expected + 1)) - set(steps))
            twice = sorted(step for step, count in steps.items() if count > 1)
            raise Failed(f"{scope} rows: lost {lost[:5]}, doubled {twice[:5]}, {len(steps)} of {expected}")
    if value is not None:
        for row in rows:
            step = row["step"] * (batches if row["scope"] == "epoch" else 1)
            if row["values"]["loss"] != value(step):
                raise Failed(f"step {row['step']} has the value {row['values']['loss']}")
    redone = Counter(event["epoch"] for event in events if event["kind"] == "epoch")
    attempts = run.standing.attempt
    if sum(redone.values()) - epochs > attempts - 1:
        raise Failed(f"{sum(redone.values()) - epochs} epochs redone in {attempts} attempts")
    if any(event["kind"] == "twice" for event in events):
        raise Failed("two processes trained the run at once")


def check_gone(run: Run) -> None:
    """Raise unless nothing of the run is left: no process of its notebook, and soon not the one that supervised it."""
    for attempt in run.paths.attempts():
        left = members({MARK: mark_of(run.id, attempt)})
        if left:
            raise Failed(
                f"attempt {attempt} left {[process.as_dict(['pid', 'ppid', 'status', 'cmdline']) for process in left]}"
            )
    # It told of the end while it held the lease; giving that back, telling Prefect and ending take it a moment.
    until(lambda: not is_held(run.paths.lease), ENDS_S, "the lease to be free")
    until(lambda: holder(run.paths.lease) is None, ENDS_S, "its supervising process to end")
