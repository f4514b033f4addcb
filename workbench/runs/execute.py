"""Executing one recorded run: from its lease to its result.

What lives here: the order in which a run's folder is written. What does not: Prefect, which only calls ``execute``.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from workbench import paths, settings, storage
from workbench.database import Database
from workbench.errors import RunError, WorkbenchError
from workbench.paths import AttemptPaths, WorkspacePaths
from workbench.runs import offline
from workbench.runs.lease import Lease
from workbench.runs.ledger import Ledger
from workbench.runs.model import RunResult, RunSpec, RunState
from workbench.runs.parameters import check_parameters


def execute(workspace: Path, run_id: str) -> RunResult:
    """Execute a queued run in this process and return its result.

    Args:
        workspace: the workspace folder.
        run_id: a run in its ledger, in state ``queued``.

    Raises:
        LeaseError: when another process executes the run.
        ParameterError: when the notebook does not take the run's parameters; the run is then ``failed``.
        RunError: when the run ended ``failed``, ``crashed`` or ``cancelled`` (field ``state``).
    """
    layout = WorkspacePaths(workspace)
    url = settings.load().database_url
    database = Database.open(layout.database, url.get_secret_value() if url else None)
    ledger = Ledger(layout, database)
    run = layout.run(run_id)
    spec = ledger.spec(run_id)
    with Lease(run.lease):
        number = (run.attempts() or [0])[-1] + 1
        writer, attempt = f"attempt-{number}", run.attempt(number)
        if ledger.state(run_id) is RunState.CANCELLING:
            ledger.move(run_id, RunState.CANCELLED, writer, reason="It was cancelled before it began.")
            raise RunError(f"Run '{run_id}' was cancelled before it began.", state=RunState.CANCELLED.value)
        ledger.move(run_id, RunState.RUNNING, writer, attempt=number)
        with _recorded_end(ledger, run_id, writer):
            try:
                _run_notebook(spec, run.root, attempt)
            finally:
                shutil.rmtree(attempt.scratch, ignore_errors=True)
            return _publish(ledger, spec, attempt, writer)


def _run_notebook(spec: RunSpec, folder: Path, attempt: AttemptPaths) -> None:
    notebook = paths.notebook("jobs", spec.notebook)
    parameters = check_parameters(notebook, {"run_dir": str(folder), **spec.parameters})
    attempt.scratch.mkdir(parents=True)
    settings.export_environment(
        {**offline.switches(attempt.scratch / "ultralytics"), "IPYTHONDIR": str(attempt.scratch / "ipython")}
    )
    from workbench.runs.notebook import execute as execute_notebook  # papermill costs 2 s: only now

    execute_notebook(notebook, attempt.notebook, attempt.log, parameters, attempt.scratch)


def _publish(ledger: Ledger, spec: RunSpec, attempt: AttemptPaths, writer: str) -> RunResult:
    if not attempt.result.is_file():
        raise RunError(
            f"Notebook '{spec.notebook}' ran to its end without a result.",
            "Its last cell calls `job.finish(...)`.",
            f"See the executed notebook: {attempt.notebook}",
            state="failed",
        )
    draft = RunResult.model_validate(storage.get_json(attempt.result))
    result = draft.model_copy(update={"notebook_sha256": storage.sha256(attempt.notebook)})
    ledger.complete(spec.id, result, writer)
    return result


@contextmanager
def _recorded_end(ledger: Ledger, run_id: str, writer: str) -> Iterator[None]:
    """Write how the run ended, when it did not end with a result."""
    try:
        yield
    except WorkbenchError as error:
        state = RunState(error.fields.get("state", "failed"))
        if state in {RunState.FAILED, RunState.CRASHED} and ledger.state(run_id) is RunState.CANCELLING:
            state = RunState.CANCELLED
        ledger.move(run_id, state, writer, reason=str(error), error=error.to_payload())
        raise
    except BaseException as error:
        # SIGTERM (Prefect raises it as a BaseException), Ctrl-C: somebody asked this process to end.
        if isinstance(error, Exception):
            ledger.move(run_id, RunState.CRASHED, writer, reason=f"{type(error).__name__}: {error}")
            raise
        with _deaf_to_signals():
            ledger.move(run_id, RunState.CANCELLED, writer, reason=type(error).__name__)
        raise RunError(
            f"Run '{run_id}' was cancelled.",
            todo=f"What it had saved is kept: see `workbench runs show {run_id}`.",
            state=RunState.CANCELLED.value,
        ) from error


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
