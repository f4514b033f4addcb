"""What is said of a notebook that did not run to its end.

What lives here: the errors. What does not: noticing them (``cells``), and what becomes of the run (``retry``).
"""

from __future__ import annotations

import signal
from functools import cache
from pathlib import Path

from workbench.errors import RequestError, RunError
from workbench.runs.notebook.outputs import shorten
from workbench.runs.stop import StoppedError

_MESSAGE_CHARS = 2000
_WORDS_CHARS = 400
_PORT_TAKEN = "Address already in use"
_DUMP = "Fatal Python error"  # how Python's faulthandler begins
_CURRENT = "Current thread"


@cache
def refusals() -> frozenset[str]:
    """Return the names of the errors that refuse a request: the same request is refused again."""
    found: set[type[RequestError]] = set()
    new: set[type[RequestError]] = {RequestError}
    while new:
        found |= new
        new = {child for kind in new for child in kind.__subclasses__()} - found
    return frozenset(kind.__name__ for kind in found)


def cell_raised(name: str, message: str, cell: int, output: Path) -> RunError:
    """Return the error for a cell that raised.

    Args:
        name: the name of the exception's class, which is all that a kernel tells of it.
        message: what it said.
        cell: the number that the notebook shows beside the cell.
        output: the executed notebook.
    """
    stopped = name == StoppedError.__name__
    said = shorten(message, _MESSAGE_CHARS)
    if name == SystemExit.__name__:
        said = f"{said or 0}. Cell [{cell}] left the notebook with sys.exit, and the cells after it did not run."
    return RunError(
        f"{name}: {said}",
        todo=f"The executed notebook shows where: {output}",
        state="cancelled" if stopped else "failed",
        cell=cell,
        error_name=name,
        refused=name in refusals(),
        stopped=stopped,
    )


def kernel_died(status: int | None, cell: int, words: str, log: Path) -> RunError:
    """Return the error for a kernel whose process ended in the middle of a cell.

    Args:
        status: its exit status; negative for the number of the signal that killed it; None when nobody knows.
        cell: the number that the notebook shows beside the cell.
        words: the kernel's last words, if there were any.
        log: the attempt's log.
    """
    memory = " It may have run out of memory." if status == -signal.SIGKILL else ""
    return RunError(
        f"The kernel that ran the notebook died in cell [{cell}]: {_end_of(status)}.{memory}",
        "A kernel that lives to the last cell.",
        f"{_quoted(words)}See {log}.",
        state="crashed",
        cell=cell,
        exit_status=status,
    )


def kernel_not_started(error: Exception, words: str) -> RunError:
    """Return the error for a kernel that could not be started, or did not answer.

    Its field ``port_taken`` says that another kernel, started at the same moment, was given the same port: that says
    nothing about the notebook, and is no attempt at it.
    """
    return RunError(
        f"The kernel did not start: {shorten(str(error), _MESSAGE_CHARS).rstrip('.')}.",
        "A Python in which `python -m ipykernel_launcher` starts.",
        f"{_quoted(words)}`workbench doctor` looks at the installation.",
        state="crashed",
        port_taken=_PORT_TAKEN in words,
    )


def _quoted(words: str) -> str:
    """Return the part of a kernel's last words that says most: where it crashed, or else the last lines."""
    dump = words.find(_DUMP)
    if dump < 0:
        told = words[-_WORDS_CHARS:]
    else:
        what = words[dump:].partition("\n")[0]
        where = words.find(_CURRENT, dump)
        told = what if where < 0 else f"{what}\n{words[where : where + _WORDS_CHARS]}"
    return f"Its last words: {told} " if told else ""


def _end_of(status: int | None) -> str:
    if status is None:
        return "its end was not seen"
    if status >= 0:
        return f"it ended itself with exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:  # a real-time signal
        name = f"signal {-status}"
    return f"{name} ({signal.strsignal(-status) or 'unknown'}) ended it"
