"""An engine's processes, found and ended: its watcher, its jobs with their kernels, its worker and its server.

What lives here: which they are, and the order of the end. What does not: locks and the state file (``engine``).
"""

from __future__ import annotations

import os
import time

import psutil

from pipelines import variables
from pipelines.state import EngineState
from workbench.errors import EngineError
from workbench.paths import EnginePaths
from workbench.processes import alive, heads, kill, members, terminate
from workbench.runs.supervision.remains import holder

_SERVER_S = 5.0
_WATCHER_S = 5.0
_WORKER_S = 5.0


def end_watcher(paths: EnginePaths) -> list[str]:
    """End the watcher, unless it is this very process, and return what was ended."""
    watcher = holder(paths.watcher)
    if watcher is None or watcher.pid == os.getpid():
        return []
    kill(terminate([watcher], _WATCHER_S))
    return [f"watcher (pid {watcher.pid})"]


def end(paths: EnginePaths, state: EngineState | None, grace_s: float) -> list[str]:
    """End every process of the engine and return what was ended, in order.

    Jobs are asked to end and may save; only the server's own shutdown never takes long.

    Raises:
        EngineError: when a process survives SIGKILL, e.g. because it waits for a disk.
    """
    server = state.server.find() if state and state.server else None
    worker = state.worker.find() if state and state.worker else None
    stopped: list[str] = []
    left: list[psutil.Process] = []

    def ask(name: str, processes: list[psutil.Process], wait_s: float) -> None:
        stopped.extend(f"{name} (pid {process.pid})" for process in processes)
        left.extend(terminate(processes, wait_s))

    deadline = time.monotonic() + grace_s
    stopped.extend(end_watcher(paths))  # it would start again what ends here
    # Jobs before the worker: one that is asked to end drops its jobs without asking them.
    ask("job", heads(_others(paths, server, worker)), grace_s)
    ask("worker", [worker] if worker else [], _WORKER_S)
    taken_up_since = [process for process in heads(_others(paths, server)) if process not in left]
    ask("job", taken_up_since, max(deadline - time.monotonic(), 0.0))
    ask("server", [server] if server else [], _SERVER_S)
    survivors = kill([*left, *_others(paths)])
    if survivors:
        pids = ", ".join(str(process.pid) for process in survivors)
        raise EngineError(
            f"Processes of the engine survived being killed: {pids}.",
            "Processes that end when they are killed.",
            "They wait for a disk or a driver; look at them with `ps`, then run `workbench doctor --stop` again.",
            pids=pids,
        )
    return stopped


def job(paths: EnginePaths, flow_run_id: str) -> psutil.Process | None:
    """Return the process that executes a flow run of this engine, or None when none does."""
    found = members({variables.MEMBER: str(paths.root), variables.FLOW_RUN: flow_run_id})
    return heads(found)[0] if found else None


def _others(paths: EnginePaths, *spared: psutil.Process | None) -> list[psutil.Process]:
    """Return the engine's living processes, less ``spared`` and whoever calls this, with its parents."""
    me = psutil.Process(os.getpid())
    kept = {me, *me.parents(), *spared}
    return [process for process in alive(members({variables.MEMBER: str(paths.root)})) if process not in kept]
