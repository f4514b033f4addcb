"""Executing a job notebook through papermill.

What lives here: an engine that saves atomically, streams output to the attempt's log, tells the truth about cells
that did not run, and gives an interrupted cell time to save. What does not: states and results (``execute``).

papermill's own engine marks interrupted and unrun cells ``completed``, kills the kernel 1-2 s after an interrupt, and
writes the notebook in place, where a reader can see half of it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellExecutionError, DeadKernelError
from papermill import execute_notebook
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.iorw import LocalHandler, papermill_io

from workbench import storage
from workbench.errors import RunError

ENGINE = "workbench"
SCHEME = "atomic://"
AUTOSAVE_S = 10
GRACE_S = 20.0  # Prefect kills the process 30 s after it asked it to end


class _AtomicHandler(LocalHandler):  # type: ignore[misc]
    """Reads and writes local notebooks under ``atomic://``; a reader never sees half of one."""

    def read(self, path: str) -> str:
        return Path(path.removeprefix(SCHEME)).read_text(encoding="utf-8")

    def write(self, buf: str, path: str) -> None:
        storage.put(Path(path.removeprefix(SCHEME)), buf.encode())

    def pretty_path(self, path: str) -> str:
        return path.removeprefix(SCHEME)


class _KernelSpecs(KernelSpecManager):
    """Finds ``python3`` in this very environment, whatever kernels the user has installed elsewhere."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        if kernel_name != "python3":
            return super().get_kernel_spec(kernel_name)
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")


class _KernelManager(AsyncKernelManager):
    """A kernel of this environment, without the user's IPython history or start-up files."""

    def _kernel_spec_manager_default(self) -> KernelSpecManager:
        return _KernelSpecs(parent=self)


class _Client(PapermillNotebookClient):  # type: ignore[misc]
    """Runs the cells; an interruption is passed to the kernel, which may finish what it is saving."""

    def papermill_execute_cells(self) -> None:
        for index, cell in enumerate(self.nb.cells):
            try:
                self.nb_man.cell_start(cell, index)
                self.execute_cell(cell, index)
            except CellExecutionError as error:
                self._give_up(index, error)
                return
            except BaseException as error:
                self._give_up(index, error)
                if not isinstance(error, DeadKernelError):
                    self._interrupt_and_drain()
                raise
            finally:
                self.nb_man.cell_complete(self.nb.cells[index], cell_index=index)

    def _give_up(self, index: int, error: BaseException) -> None:
        self.nb_man.cell_exception(self.nb.cells[index], cell_index=index, exception=error)
        for cell in self.nb.cells[index + 1 :]:
            cell.metadata.papermill["status"] = "skipped"

    def _interrupt_and_drain(self) -> None:
        pid = getattr(self.km.provisioner, "pid", None)
        if pid is None:
            return
        try:
            group = os.getpgid(pid)  # the kernel leads a group of its own: its children hear the interrupt too
            os.killpg(group, signal.SIGINT)
        except ProcessLookupError:  # it died at the same moment
            return
        reply = getattr(self, "task_poll_for_reply", None)
        if reply is None or reply.done():
            return
        try:
            loop = reply.get_loop()
            # The same pending request is awaited further, so that what the cell prints while saving is still kept.
            loop.run_until_complete(asyncio.wait_for(asyncio.shield(reply), GRACE_S))
        except TimeoutError:
            os.killpg(group, signal.SIGKILL)


class _Engine(NBClientEngine):  # type: ignore[misc]
    """papermill's engine with the client above."""

    client: ClassVar[type[_Client]] = _Client

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, log_output: bool = False, **options: Any) -> Any:
        return cls.client(
            nb_man,
            kernel_name=kernel_name,
            kernel_manager_class=_KernelManager,
            startup_timeout=options["start_timeout"],
            timeout=None,
            log_output=log_output,
            stdout_file=options["stdout_file"],
            stderr_file=options["stderr_file"],
            extra_arguments=["--HistoryManager.enabled=False", "--log-level=ERROR"],
        ).execute()


# Parameters were checked before; papermill reads them again by pattern, and warns of what its patterns do not know.
logging.getLogger("papermill").setLevel(logging.ERROR)
papermill_engines.register(ENGINE, _Engine)
papermill_io.register(SCHEME, _AtomicHandler())


def execute(notebook: Path, output: Path, log: Path, parameters: Mapping[str, Any], working_folder: Path) -> None:
    """Execute ``notebook`` with ``parameters`` and keep the executed notebook at ``output``.

    Args:
        notebook: a notebook whose parameters have been checked.
        output: where the executed notebook is saved after every cell, atomically.
        log: receives what the kernel writes to stdout and stderr, as it comes.
        parameters: plain literals.
        working_folder: the kernel's working directory.

    Raises:
        RunError: when a cell raised (``state="failed"``) or the kernel died (``state="crashed"``).
        BaseException: what interrupted this process, after the kernel has saved or GRACE_S have passed.
    """
    with log.open("a", encoding="utf-8") as stream:
        try:
            execute_notebook(
                str(notebook),
                f"{SCHEME}{output}",
                parameters=dict(parameters),
                engine_name=ENGINE,
                kernel_name="python3",
                progress_bar=False,
                autosave_cell_every=AUTOSAVE_S,
                stdout_file=stream,
                stderr_file=stream,
                cwd=str(working_folder),
            )
        except PapermillExecutionError as error:
            raise RunError(
                f"{error.ename}: {error.evalue}",
                todo=f"The executed notebook shows where: {output}",
                state="failed",
                cell=error.exec_count,
            ) from error
        except DeadKernelError as error:
            raise RunError(
                "The kernel that ran the notebook died.",
                "A kernel that lives to the last cell.",
                f"It may have run out of memory; its last words are in {log}.",
                state="crashed",
            ) from error
