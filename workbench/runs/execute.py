"""Executing one recorded run: from its lease to its result.

What lives here: the order in which a run's folder is written. What does not: Prefect, which only calls ``execute``.
"""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from workbench import paths, settings, storage
from workbench.database import Database
from workbench.errors import ConflictError, RequestError, RunError, StorageError, WorkbenchError
from workbench.metrics.log import EventLog
from workbench.paths import WorkspacePaths
from workbench.runs.heartbeat import read_beat
from workbench.runs.lease import Lease
from workbench.runs.ledger import Ledger
from workbench.runs.model import RunResult, RunState
from workbench.runs.notebook.parameters import check_notebook, read_parameters
from workbench.runs.stop import take_back
from workbench.runs.supervision.remains import mark_of, sweep
from workbench.runs.supervision.retry import End, close_attempt, may_help
from workbench.runs.training import offline
from workbench.runs.upkeep import beside, sort_out


def execute(
    workspace: Path, run_id: str, launch: int | None = None, cancelled: Callable[[], bool] = lambda: False
) -> RunResult:
    """Execute a queued run in this process and return its result.

    Args:
        workspace: the workspace folder.
        run_id: a run in its ledger, in state ``queued``.
        launch: the number of the launch that this process serves; a launch that a later one has replaced does nothing.
        cancelled: asked when somebody ends this process without leaving a wish: whether a scheduler was told to
            cancel it. Otherwise the machine is going down, and the run goes on when it is up again.

    Raises:
        LeaseError: when another process executes the run.
        ConflictError: when the run is not queued, or a later launch has replaced this one.
        ParameterError: when the notebook does not take the run's parameters; the run is then ``failed``.
        RunError: when the attempt ended otherwise than completed; field ``state`` says what became of the run.
    """
    layout = WorkspacePaths(workspace)
    url = settings.load().database_url
    ledger = Ledger(layout, Database.open(layout.database, url.get_secret_value() if url else None))
    run = layout.run(run_id)
    with _sorted_out(ledger, run_id), Lease(run.lease):
        attempt = _begin(ledger, run_id, launch)
        by = f"attempt-{attempt}"
        with _recorded_end(ledger, run_id, by, cancelled):
            try:
                with beside(ledger, run_id, attempt):
                    _run_notebook(ledger, run_id, attempt)
            finally:
                shutil.rmtree(run.attempt(attempt).scratch, ignore_errors=True)
            return _publish(ledger, run_id, attempt)


def _begin(ledger: Ledger, run_id: str, launch: int | None) -> int:
    """Write that the run runs and return the number of its new attempt; whoever calls this holds the lease."""
    standing, run = ledger.standing(run_id), ledger.paths.run(run_id)
    if standing.state is RunState.CANCELLING:
        reason = standing.reason or "It was cancelled before it began."
        ledger.move(run_id, RunState.CANCELLED, "launch", reason=reason)
        raise RunError(f"Run '{run_id}' was cancelled before it began.", state=RunState.CANCELLED.value)
    if launch is not None and launch < standing.launch:
        raise ConflictError(
            f"Launch {launch} of run '{run_id}' comes too late: launch {standing.launch} has replaced it.",
            "The newest launch of a run.",
            "Nothing is to be done: the newest one goes on.",
        )
    attempt = max([standing.attempt, *run.attempts()]) + 1
    take_back(run)  # before the step: a wish that comes after it is meant for this attempt
    # Whoever launched it may not have noted that yet.
    ledger.move(run_id, RunState.RUNNING, f"attempt-{attempt}", attempt=attempt, launch=launch or 0)
    return attempt


def _run_notebook(ledger: Ledger, run_id: str, number: int) -> None:
    spec, run = ledger.spec(run_id), ledger.paths.run(run_id)
    attempt = run.attempt(number)
    own = run.notebook.is_file()  # a notebook of the user's, which knows nothing of runs
    notebook = run.notebook if own else paths.notebook("jobs", spec.notebook)
    folder = {} if own and "run_dir" not in read_parameters(notebook) else {"run_dir": str(run.root)}
    parameters = check_notebook(notebook, {**folder, **spec.parameters, **ledger.standing(run_id).changes})
    attempt.scratch.mkdir(parents=True)
    settings.export_environment(
        {**offline.switches(attempt.scratch / "ultralytics"), "IPYTHONDIR": str(attempt.scratch / "ipython")}
    )
    from workbench.runs.notebook.engine import execute as execute_notebook  # papermill costs 2 s: only now

    execute_notebook(
        notebook,
        attempt.notebook,
        attempt.log,
        parameters,
        attempt.scratch,
        stop=run.stop,
        heartbeat=attempt.heartbeat,
        mark=mark_of(run_id, number),
    )


def _publish(ledger: Ledger, run_id: str, number: int) -> RunResult:
    spec, run = ledger.spec(run_id), ledger.paths.run(run_id)
    attempt = run.attempt(number)
    if attempt.result.is_file():
        draft = RunResult.model_validate(storage.get_json(attempt.result))
    elif run.notebook.is_file():
        draft = RunResult(run=run_id, attempt=number, seconds=round(time.time() - ledger.standing(run_id).since, 3))
    else:
        raise RunError(
            f"Notebook '{spec.notebook}' ran to its end without a result.",
            "Its last cell calls `job.finish(...)`.",
            f"See the executed notebook: {attempt.notebook}",
            state="failed",
            refused=True,
        )
    result = draft.model_copy(update={"notebook_sha256": storage.sha256(attempt.notebook)})
    ledger.complete(run_id, result, f"attempt-{number}")
    return result


@contextmanager
def _sorted_out(ledger: Ledger, run_id: str) -> Iterator[None]:
    """Sort out what was measured once the lease is given back: somebody may resume the run meanwhile."""
    try:
        yield
    finally:
        sort_out(ledger, run_id)


@contextmanager
def _recorded_end(ledger: Ledger, run_id: str, by: str, cancelled: Callable[[], bool]) -> Iterator[None]:
    """Write how the attempt ended, when it did not end with a result."""
    try:
        yield
    except WorkbenchError as error:
        payload = error.to_payload()
        state = RunState(error.fields.get("state", "failed"))
        again = may_help(payload) and not isinstance(error, RequestError)
        _prove_gone(ledger, run_id, by)
        counts = not error.fields.get("port_taken", False)
        close_attempt(ledger, run_id, End(state, error.happened, payload, again, counts), by)
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        close_attempt(ledger, run_id, End(RunState.CRASHED, reason), by)
        raise
    except BaseException as error:
        # SIGTERM (Prefect raises it as a BaseException), Ctrl-C: somebody asked this process to end.
        with _deaf_to_signals():
            if isinstance(error, KeyboardInterrupt) or cancelled():
                end = End(RunState.CANCELLED, "Somebody asked for it.")
            else:
                end = End(RunState.CRASHED, "Its process was asked to end.", counts=False)
            _prove_gone(ledger, run_id, by)
            close_attempt(ledger, run_id, end, by)
        state = ledger.state(run_id)
        raise RunError(
            f"Run '{run_id}' was interrupted and is {state}.",
            todo=f"What it had saved is kept: see `workbench runs show {run_id}`.",
            state=state.value,
        ) from error


def _prove_gone(ledger: Ledger, run_id: str, by: str) -> None:
    """Write what is left of an attempt that did not complete, before anybody is told that it ended."""
    run = ledger.paths.run(run_id)
    attempt = ledger.standing(run_id).attempt
    beat = read_beat(run.attempt(attempt).heartbeat)
    swept = sweep(mark_of(run_id, attempt), known=[beat.pid] if beat is not None and beat.here else [])
    said = "Nothing of it is left: no process, no GPU memory."
    if not swept.clean:
        said = f"Processes of it could not be ended: {[*swept.left, *swept.gpu_left]}."
    with suppress(StorageError), EventLog(run.events, by) as log:  # on a full disk the end itself is what matters
        log.append("log", level="info" if swept.clean else "error", message=said)


@contextmanager
def _deaf_to_signals() -> Iterator[None]:
    """Keep a second Ctrl-C from cutting the last line of the record."""

    def ignore(_number: int, _frame: FrameType | None) -> None:
        return None

    kept = {number: signal.signal(number, ignore) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
