"""What is said of a notebook that did not run to its end."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from workbench import errors
from workbench.runs.notebook.failures import cell_raised, kernel_died, kernel_not_started, refusals

OUTPUT = Path("output.ipynb")


def test_every_request_error_is_a_refusal_and_nothing_else() -> None:
    family = {name for name, kind in vars(errors).items() if isinstance(kind, type) and kind.__mro__[-4:-3]}
    expected = {name for name in family if issubclass(getattr(errors, name), errors.RequestError)}
    assert {"RequestError", "ConfigError", "ParameterError"} <= expected
    assert expected <= refusals()
    assert not refusals() & {"WorkbenchError", "RunError", "StorageError", "ValueError"}


def test_an_error_of_a_cell_keeps_its_name_and_says_where_to_look() -> None:
    error = cell_raised("ConfigError", "lr0 is -1.", 3, OUTPUT)
    assert error.happened == "ConfigError: lr0 is -1."
    assert "output.ipynb" in error.todo
    assert error.fields == {
        "state": "failed",
        "cell": 3,
        "error_name": "ConfigError",
        "refused": True,
        "stopped": False,
    }


def test_a_long_message_is_cut() -> None:
    assert len(str(cell_raised("ValueError", "x" * 1_000_000, 1, OUTPUT))) < 3000


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (0, "it ended itself with exit status 0"),
        (3, "it ended itself with exit status 3"),
        (-signal.SIGSEGV, "SIGSEGV (Segmentation fault) ended it"),
        (-signal.SIGKILL, "SIGKILL (Killed) ended it. It may have run out of memory."),
        (-63, "signal 63"),
        (None, "its end was not seen"),
    ],
)
def test_the_end_of_a_kernel_is_told_in_words(status: int | None, said: str) -> None:
    error = kernel_died(status, 2, "", Path("log.txt"))
    assert f"The kernel that ran the notebook died in cell [2]: {said}" in error.happened
    assert (error.fields["state"], error.fields["exit_status"]) == ("crashed", status)


def test_of_the_last_words_the_part_that_says_most_is_quoted() -> None:
    threads = "Thread 0x1:\n" + "frame\n" * 500 + "Current thread 0x2:\n  File a.py line 3\n" + "frame\n" * 500
    dump = "noise\n" * 500 + "Fatal Python error: Segmentation fault\n\n" + threads
    told = kernel_died(-11, 1, dump, OUTPUT).todo
    assert told.startswith("Its last words: Fatal Python error: Segmentation fault\nCurrent thread 0x2:\n  File a.py")
    assert len(told) < 600
    words = "noise\n" * 500 + "No module named ipykernel"
    assert "No module named ipykernel `workbench doctor`" in kernel_not_started(RuntimeError("It died."), words).todo


def test_a_port_that_another_kernel_took_is_told_from_a_kernel_that_cannot_start() -> None:
    taken = kernel_not_started(
        RuntimeError("Kernel died"), "zmq.error.ZMQError: Address already in use (addr='tcp://…')"
    )
    assert taken.fields["port_taken"] is True
    assert kernel_not_started(RuntimeError("Kernel died"), "No module named ipykernel").fields["port_taken"] is False
