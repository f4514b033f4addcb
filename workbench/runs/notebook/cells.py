"""Running the cells of a notebook in a kernel, one after the other.

What lives here: the client that nbclient and papermill drive, and what it knows of the attempt. What does not: the
notebook's file and papermill's engine (``notebook``), the kernel's process (``kernel``), how much of the outputs is
kept (``outputs``), what is said when it goes wrong (``failures``).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from jupyter_core.utils import run_sync
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient

from workbench.errors import RunError, StorageError
from workbench.paths import RunPaths
from workbench.processes import kill
from workbench.runs.heartbeat import read_beat
from workbench.runs.notebook import failures, kernel
from workbench.runs.notebook.interruption import Interruption
from workbench.runs.notebook.outputs import KeptOutputs, Log, shorten, size_of
from workbench.runs.stop import Stop, ask, take_back
from workbench.runs.supervision.remains import sweep

PATIENCE_S = 8.0  # of GRACE_S: for work that looks for the wish to stop, and saves before it ends
GRACE_S = 20.0  # Prefect kills the process 30 s after it asked it to end
_POLL_S = 0.1
_LEAVE_S = 1.0  # for processes that end by themselves when their kernel is gone
_SWEEP_S = 2.0
_SWEEP_HURRIED_S = 0.5
_WIDGETS_CHARS = 16 << 20


class Watched(TypedDict, total=False):
    """What else is known of the attempt.

    Attributes:
        stop: the run's file for a wish to stop.
        heartbeat: the attempt's file for signs of life.
        mark: see ``remains.mark_of``.
    """

    stop: Path
    heartbeat: Path
    mark: str


@dataclass
class Execution:
    """One execution of a notebook, shared by the parts of the engine."""

    output: Path
    log: Log
    log_path: Path
    working_folder: Path
    watched: Watched
    interruption: Interruption = field(default_factory=Interruption)
    words: kernel.LastWords = field(default_factory=kernel.LastWords)
    kernel_pid: int | None = None
    failure: RunError | None = None
    complete: bool = False
    wished: bool = False

    @property
    def mark(self) -> str:
        """What the kernel and all that it starts carry in their environment."""
        return self.watched.get("mark") or str(self.output)

    def leave_wish(self) -> bool:
        """Leave a wish to stop, and return whether the kernel promised to look for it."""
        if not self.watched.keys() >= {"stop", "heartbeat"}:
            return False
        beat = read_beat(self.watched["heartbeat"])
        if beat is None or not (beat.polls and beat.here and kernel.belongs(beat.pid, self.kernel_pid)):
            return False
        stop = self.watched["stop"]
        with suppress(StorageError):
            if not stop.exists():
                ask(RunPaths(stop.parent), Stop("interrupt", "Its process was asked to end.", time.time()))
                self.wished = True
        return stop.exists()

    def close(self) -> None:
        """End what the notebook has left running; take back a wish of ours, which is no wish to cancel the run."""
        hurry = bool(self.interruption)
        deadline = time.monotonic() + (0.0 if hurry else _LEAVE_S)
        while (found := kernel.remaining(self.mark, self.kernel_pid)) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        swept = sweep(self.mark, *found, grace_s=_SWEEP_HURRIED_S if hurry else _SWEEP_S)
        if swept.ended:
            self.log.note(f"Processes that the notebook had left running were ended: {swept.ended}.")
        if not swept.clean:
            self.log.note(f"These processes could not be ended, or hold GPU memory: {swept.left} {swept.gpu_left}.")
        if self.wished:
            take_back(RunPaths(self.watched["stop"].parent))


class CellClient(PapermillNotebookClient):  # type: ignore[misc]
    """Runs the cells; an interruption is passed to the kernel, which may finish what it is saving."""

    def __init__(self, nb_man: Any, execution: Execution, **options: Any) -> None:
        self.execution = execution
        self.kept: KeptOutputs | None = None
        self.clear_before_next_output: bool = False
        super().__init__(nb_man, raise_on_iopub_timeout=False, **options)

    def execute(self, **_options: Any) -> Any:
        """Start a kernel, run the cells, end the kernel."""
        self.reset_execution_trackers()
        execution = self.execution
        options = kernel.start_options(
            execution.words, execution.mark, execution.output.parent, str(execution.working_folder)
        )
        with ExitStack() as stack:
            try:
                stack.enter_context(self.setup_kernel(**options))
            except Exception as error:  # an OSError, one of ZeroMQ's, a bare RuntimeError: all mean the same
                self._skip_from(0)
                raise failures.kernel_not_started(error, self._last_words()) from error
            self.papermill_execute_cells()
            self.set_widgets_metadata()
        return self.nb

    def papermill_execute_cells(self) -> None:
        """Run the cells until one fails or the process is interrupted."""
        for index, cell in enumerate(self.nb.cells):
            if self.execution.interruption:
                self._skip_from(index)
                return
            try:
                self.nb_man.cell_start(cell, index)
                self.execute_cell(cell, index)
            except (CellExecutionError, DeadKernelError) as error:
                self._give_up(index, error)
                self.execution.failure = self._failure(error)
                return
            except BaseException as error:
                self._give_up(index, error)
                raise
            finally:
                if self.kept is not None:
                    self.kept.refresh()
                self.nb_man.cell_complete(self.nb.cells[index], cell_index=index)
        self.execution.complete = True

    async def async_start_new_kernel(self, **options: Any) -> None:
        """Start the kernel's process."""
        try:
            await super().async_start_new_kernel(**options)
        finally:
            self.execution.words.kernel_started()
        self.execution.kernel_pid = getattr(self.km.provisioner, "pid", None)

    async def async_start_new_kernel_client(self) -> Any:
        """Wait until the kernel answers; when the process is interrupted meanwhile, kill it."""
        async with self._attended(self._kill):
            client = await super().async_start_new_kernel_client()
            try:
                reply = await self.async_wait_for_reply(client.kernel_info())
            except DeadKernelError:
                await self._async_cleanup_kernel()
                raise
            self.nb.metadata["language_info"] = reply["content"]["language_info"]
            return client

    async def async_execute_cell(self, *arguments: Any, **options: Any) -> Any:
        """Run one cell, and end it when the process is interrupted."""
        async with self._attended(self._end_cell):
            return await super().async_execute_cell(*arguments, **options)

    start_new_kernel = run_sync(async_start_new_kernel)
    start_new_kernel_client = run_sync(async_start_new_kernel_client)
    execute_cell = run_sync(async_execute_cell)

    @asynccontextmanager
    async def _attended(self, end: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
        """Call ``end`` when the process is interrupted in the block, until the block is left."""

        async def attend() -> None:
            while not self.execution.interruption:
                await asyncio.sleep(_POLL_S)
            await end()

        attending = asyncio.ensure_future(attend())
        try:
            yield
        finally:
            attending.cancel()

    async def _end_cell(self) -> None:
        """Have the cell end: by itself when it looks for a wish to stop, then by SIGINT, then by SIGKILL."""
        if self.execution.leave_wish():
            await self._until(PATIENCE_S)
        if self.execution.kernel_pid is not None:
            kernel.interrupt(self.execution.kernel_pid)
        await self._until(GRACE_S)
        await self._kill()

    async def _until(self, age_s: float) -> None:
        interruption = self.execution.interruption
        while interruption.age_s() < age_s and not interruption.urgent:
            await asyncio.sleep(_POLL_S)

    async def _kill(self) -> None:
        await asyncio.to_thread(lambda: kill(kernel.remaining(self.execution.mark, self.execution.kernel_pid)))

    def _give_up(self, index: int, error: BaseException) -> None:
        self.nb_man.cell_exception(self.nb.cells[index], cell_index=index, exception=error)
        self._skip_from(index + 1)

    def _skip_from(self, index: int) -> None:
        for cell in self.nb.cells[index:]:
            cell.metadata.papermill["status"] = "skipped"

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> Any:
        """Take in one message of the kernel."""
        content = msg["content"]
        if msg["msg_type"] == "update_display_data" and not self._kept(cell.outputs).has_room(size_of(content)):
            return None
        try:
            return super().process_message(msg, cell, cell_index)
        except StorageError as error:  # of saving the notebook in between; at the cell's end it is tried again
            self.execution.log.note(f"The notebook could not be saved: {error}")
            self.nb_man.last_save_time = self.nb_man.now()
            return None

    def output(self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str | None, cell_index: int) -> Any:
        """Keep an output of the running cell, within its limits."""
        kind, content, kept = msg["msg_type"], msg["content"], self._kept(outs)
        if kind == "stream":
            self.execution.log.write(content["text"])
        in_widget = bool(self.output_hook_stack[msg["parent_header"].get("msg_id")])
        if self.clear_before_next_output and not in_widget:
            self.clear_before_next_output = False
            self.clear_display_id_mapping(cell_index)
            kept.clear()
        if kind == "stream" and not in_widget:
            kept.text(content["name"], content["text"])
            return None
        if kind == "error":
            content["evalue"] = shorten(content["evalue"])
            content["traceback"] = shorten("\n".join(content["traceback"])).split("\n")
        elif not kept.admit(size_of(content)):
            return None
        return super().output(outs, msg, display_id, cell_index)

    def clear_output(self, outs: list[NotebookNode], msg: dict[str, Any], cell_index: int) -> None:
        """Clear the outputs of the running cell, now or before its next one."""
        super().clear_output(outs, msg, cell_index)
        if not outs:
            self._kept(outs).clear()

    def _kept(self, outs: list[NotebookNode]) -> KeptOutputs:
        if self.kept is None or self.kept.outputs is not outs:  # nbclient gives each cell a new list
            self.kept = KeptOutputs(outs)
        return self.kept

    def set_widgets_metadata(self) -> None:
        """Put the state of the widgets into the notebook."""
        if size_of(self.widget_state) <= _WIDGETS_CHARS:
            super().set_widgets_metadata()
        else:
            self.execution.log.note("The widgets were left out of the executed notebook: they are too large.")

    def _failure(self, error: CellExecutionError | DeadKernelError) -> RunError:
        cell = self.code_cells_executed  # the number beside the cell, which a kernel that dies at once does not tell
        if isinstance(error, CellExecutionError):
            return failures.cell_raised(str(error.ename), str(error.evalue), cell, self.execution.output)
        process = getattr(self.km.provisioner, "process", None)
        status = getattr(process, "returncode", None)
        return failures.kernel_died(status, cell, self._last_words(), self.execution.log_path)

    def _last_words(self) -> str:
        """Return the kernel's last words, and write them into the log."""
        said = self.execution.words.close()
        if said:
            self.execution.log.note(f"The kernel's last words:\n{said}")
        return said
