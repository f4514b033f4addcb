"""Where a conversion runs and an export is asked: in this process, or in one of its own, maybe of another environment.

What lives here: calling a function in a process of its own, with its words passed on, within a time, and ended when it
hangs. What does not: making environments (``environments``), what is called (``exporter``, ``answers``).
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, ParamSpec, Protocol, TypeVar

from workbench import settings
from workbench.errors import ExportError, WorkbenchError

P = ParamSpec("P")
T = TypeVar("T")

TIMEOUT_S: Final = 1800.0
"""A conversion that takes longer hangs: the longest measured one, ExecuTorch's, takes minutes."""
_KEPT: Final = 15
_READ_S: Final = 5.0
_CALL: Final = "from workbench.exports.place import answer; answer()"


class Place(Protocol):
    """Somewhere to call a function."""

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the function returns, or raise what it raises."""


class Here:
    """This process."""

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function."""
        return function(*args, **kwargs)


@dataclass(frozen=True)
class Apart:
    """A process of its own for each call.

    Attributes:
        python: that runs it; of a private environment, or this one.
        told: is handed each line that it prints.
        timeout_s: after so many seconds it is ended.
        environ: what it is told by environment variables beside those of this process.
    """

    python: Path = field(default_factory=lambda: Path(sys.executable))
    told: Callable[[str], object] = str.strip  # nobody listens
    timeout_s: float = TIMEOUT_S
    environ: dict[str, str] = field(default_factory=dict)

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function of a module, with what can be pickled, and return what it returns.

        Raises:
            ExportError: when the process dies or takes too long, or the function raises what nobody foresaw.
            WorkbenchError: that the function raises.
        """
        with tempfile.TemporaryDirectory(prefix="workbench-apart-") as scratch:
            asked, said = Path(scratch) / "asked", Path(scratch) / "said"
            asked.write_bytes(pickle.dumps((function, args, kwargs)))
            lines, code = self._run([str(self.python), "-c", _CALL, str(asked), str(said)])
            if code == 0 and said.is_file():
                found = pickle.loads(said.read_bytes())  # noqa: S301  of our own process
                if isinstance(found, WorkbenchError):
                    raise found
                result: T = found
                return result
        last = "\n".join(lines) or "(nothing)"
        how = "was still running after its time" if code is None else f"ended with {_ending(code)}"
        raise ExportError(
            f"The process that ran {function.__name__} {how}. It said last:\n{last}",
            f"An answer within {self.timeout_s:.0f} s.",
            "Read what it said; another format, or another version of its packages, may do.",
            code=code,
        )

    def _run(self, command: list[str]) -> tuple[list[str], int | None]:
        environ = settings.environment(**self.environ, PYTHONUNBUFFERED="1", YOLO_AUTOINSTALL="False")
        # A group of its own: converters start programs, which are ended with it
        process = subprocess.Popen(
            command,
            env=environ,
            stdin=subprocess.PIPE,  # closes when this process dies, however that comes
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
            errors="replace",
        )
        kept: deque[str] = deque(maxlen=_KEPT)
        reader = threading.Thread(target=self._read, args=(process, kept), daemon=True)
        reader.start()
        code: int | None = None
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(self.timeout_s)
        finally:
            _end(process)
            reader.join(_READ_S)
        return list(kept), code

    def _read(self, process: subprocess.Popen[str], kept: deque[str]) -> None:
        for line in process.stdout or ():
            if text := line.rstrip():
                kept.append(text)
                self.told(text)


def answer() -> None:
    """Do what a parent process asks: the entry of the other side of ``Apart.call``."""
    asked, said = map(Path, sys.argv[1:3])
    threading.Thread(target=_leave_with_parent, args=(os.dup(0),), daemon=True).start()
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123  what converters start reads nothing
        os.dup2(nothing.fileno(), 0)
    function, args, kwargs = pickle.loads(asked.read_bytes())  # noqa: S301  of our own parent
    try:
        found: Any = function(*args, **kwargs)
    except WorkbenchError as error:
        found = error
    said.write_bytes(pickle.dumps(found))


def _leave_with_parent(held: int) -> None:
    os.read(held, 1)  # returns when the parent is gone
    os.killpg(0, signal.SIGKILL)


def _end(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
