"""Executing a notebook through papermill.

What lives here: the notebook's file, which is saved so that no reader sees half of it, and papermill's engine. What
does not: running its cells (``cells``), states and results (``execute``).

papermill's own engine marks interrupted and unrun cells ``completed``, kills the kernel 1-2 s after an interrupt,
keeps all that a cell prints in memory, and writes the notebook in place, where a reader can see half of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Unpack

from jupyter_core.utils import ensure_event_loop
from papermill import execute_notebook
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.iorw import LocalHandler, papermill_io

from workbench import storage
from workbench.runs.notebook import kernel
from workbench.runs.notebook.cells import GRACE_S, CellClient, Execution, Watched
from workbench.runs.notebook.interruption import run_interruptibly
from workbench.runs.notebook.outputs import Log

ENGINE = "workbench"
SCHEME = "atomic://"
AUTOSAVE_S = 10
START_S = 120
_BACKLOG_S = 60  # for output that is still on its way when a cell has ended
_AFTER_S = 30.0  # to save the notebook and end the kernel, after the grace


class _AtomicHandler(LocalHandler):  # type: ignore[misc]
    """Reads and writes local notebooks under ``atomic://``; a reader never sees half of one."""

    def read(self, path: str) -> str:
        return Path(path.removeprefix(SCHEME)).read_text(encoding="utf-8")

    def write(self, buf: str, path: str) -> None:
        # Half a character that a program printed becomes an escape, which JSON has for it.
        storage.put(Path(path.removeprefix(SCHEME)), buf.encode("utf-8", "backslashreplace"))

    def pretty_path(self, path: str) -> str:
        return path.removeprefix(SCHEME)


class _Engine(NBClientEngine):  # type: ignore[misc]
    """papermill's engine with the client above."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, log_output: bool = False, **options: Any) -> Any:
        return CellClient(
            nb_man,
            options["execution"],
            kernel_name=kernel_name,
            kernel_manager_class=kernel.KernelManager,
            startup_timeout=START_S,
            timeout=None,
            iopub_timeout=_BACKLOG_S,
            shell_timeout_interval=1,
            log_output=log_output,
            extra_arguments=kernel.arguments(options["execution"].words),
        ).execute()


# Parameters were checked before; papermill reads them again by pattern, and warns of what its patterns do not know.
logging.getLogger("papermill").setLevel(logging.ERROR)
papermill_engines.register(ENGINE, _Engine)
papermill_io.register(SCHEME, _AtomicHandler())


def execute(
    notebook: Path,
    output: Path,
    log: Path,
    parameters: Mapping[str, Any],
    working_folder: Path,
    **watched: Unpack[Watched],
) -> None:
    """Execute ``notebook`` with ``parameters`` and keep the executed notebook at ``output``.

    When this process is interrupted, a kernel that promised to look for a wish to stop is left one and has
    ``PATIENCE_S`` for it; then it is sent SIGINT; ``GRACE_S`` after the interruption it is killed.

    Args:
        notebook: a notebook whose parameters have been checked.
        output: where the executed notebook is saved after every cell, atomically.
        log: receives what the kernel writes to stdout and stderr, as it comes.
        parameters: plain literals; when there are none, nothing is injected.
        working_folder: the kernel's working directory.
        watched: what else is known of the attempt, see ``Watched``.

    Raises:
        RunError: when a cell raised (``state="failed"``, or ``"cancelled"`` when it heeded a wish to stop), with the
            fields ``cell``, ``error_name``, ``refused`` and ``stopped``; or when the kernel died or did not start
            (``state="crashed"``).
        StorageError: when the notebook or the log cannot be written.
        BaseException: what interrupted this process before the last cell had ended, when nothing of it is left.
    """
    with Log(log) as stream:
        execution = Execution(output, stream, log, working_folder, watched)
        work = partial(_execute, execution, notebook, parameters)
        run_interruptibly(work, execution.interruption, GRACE_S + _AFTER_S)


def _execute(execution: Execution, notebook: Path, parameters: Mapping[str, Any]) -> bool:
    """Do the work and return whether the notebook is complete."""
    try:
        with suppress(PapermillExecutionError):  # ``failure`` tells; some cells are tagged as allowed to raise
            execute_notebook(
                _unformatted(notebook),
                SCHEME + _unformatted(execution.output),
                parameters=dict(parameters),
                engine_name=ENGINE,
                kernel_name="python3",
                language="python",
                progress_bar=False,
                autosave_cell_every=AUTOSAVE_S,
                execution=execution,
            )
    finally:
        _close_loop()
        execution.words.close()
        execution.close()
    if execution.failure is not None:
        raise execution.failure
    return execution.complete


def _unformatted(path: Path) -> str:
    """Return the path so that papermill, which takes it for a pattern to fill in, comes out with the path."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _close_loop() -> None:
    """Close the event loop that nbclient has made in this thread."""
    loop = ensure_event_loop()
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
