"""The kernel that a notebook is executed in: which Python it is, how it is ended, and what it said last.

What lives here: the process. What does not: what is executed in it (``notebook``).
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

from workbench.processes import alive, family, members
from workbench.runs.supervision.remains import MARK
from workbench.settings import ATTEMPT, environment

_WORDS_BYTES = 16 * 1024
_JOIN_S = 1.0
# ipykernel puts a pipe of its own in the place of stderr, which a dying process does not empty any more: a dump goes to
# ours. And one kernel in four waits 10 s at its end to flush what nobody reads any more, and is killed meanwhile
# before its exit handlers have run.
_FIRST_LINE = (
    "if __import__('faulthandler').enable({file}) or any(setattr(stream, 'flush_timeout', 0.5) "
    "for stream in (__import__('sys').stdout, __import__('sys').stderr)): pass"
)


class _KernelSpecs(KernelSpecManager):
    """Finds ``python3`` in this very environment, whatever kernels the user has installed elsewhere."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        if kernel_name != "python3":
            return super().get_kernel_spec(kernel_name)
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")


class KernelManager(AsyncKernelManager):
    """A kernel of this environment, without the user's IPython history or start-up files."""

    def _kernel_spec_manager_default(self) -> KernelSpecManager:
        return _KernelSpecs(parent=self)


class LastWords:
    """What a kernel writes past its channels: why it did not start, or where it was when it crashed.

    Its own stdout and stderr are a pipe that is read here. Nobody waits for the pipe's end: whatever the notebook
    started holds it open too.
    """

    def __init__(self) -> None:
        self._read_end, self.write_end = os.pipe()
        self._said, self._open = bytearray(), True
        self._reader = threading.Thread(target=self._read, name="last words", daemon=True)
        self._reader.start()

    def kernel_started(self) -> None:
        """Close this process's copy of the writing end, once."""
        if self._open:
            self._open = False
            os.close(self.write_end)

    def close(self) -> str:
        """Stop listening and return the last words; empty when there were none."""
        self.kernel_started()
        self._reader.join(_JOIN_S)
        return bytes(self._said).decode("utf-8", "replace").strip()

    def _read(self) -> None:
        while data := os.read(self._read_end, 65536):
            self._said += data
            del self._said[:-_WORDS_BYTES]
        os.close(self._read_end)


def start_options(words: LastWords, mark: str, attempt: Path, working_folder: str) -> dict[str, Any]:
    """Return how the kernel's process is started; ``attempt`` is the attempt's folder."""
    return {
        "env": environment(**{MARK: mark, ATTEMPT: str(attempt)}),
        "cwd": working_folder,
        "stdout": words.write_end,
        "stderr": words.write_end,
        "pass_fds": (words.write_end,),
    }


def arguments(words: LastWords) -> list[str]:
    """Return the kernel's arguments: no history, a word on stderr when it crashes in native code, a prompt end."""
    return [
        "--HistoryManager.enabled=False",
        "--log-level=ERROR",
        f"--IPKernelApp.exec_lines={_FIRST_LINE.format(file=words.write_end)}",
    ]


def interrupt(pid: int) -> None:
    """Send SIGINT to the kernel and to what it started in its own process group."""
    with suppress(ProcessLookupError):
        os.killpg(os.getpgid(pid), signal.SIGINT)


def belongs(pid: int, kernel: int | None) -> bool:
    """Return whether process ``pid`` is the kernel or one of its descendants."""
    if kernel is None:
        return False
    try:
        return pid in {member.pid for member in family(psutil.Process(kernel))}
    except psutil.NoSuchProcess:
        return False


def remaining(mark: str, kernel: int | None) -> list[psutil.Process]:
    """Return the living processes that the kernel started, and the kernel itself.

    Most are found by the mark in their environment; those that replaced it, by the session that the kernel leads.
    What leaves both, as the engine and an endpoint do, is meant to stay.
    """
    session = [process for process in psutil.process_iter() if kernel is not None and _session(process.pid) == kernel]
    return alive({*members({MARK: mark}), *session})


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None
