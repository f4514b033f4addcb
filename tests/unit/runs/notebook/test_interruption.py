"""Work is brought to an orderly end when the process is interrupted, whatever interrupts it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from workbench.runs.notebook import interruption
from workbench.runs.notebook.interruption import Interruption, run_interruptibly


class Terminated(BaseException):
    """What a signal handler raises."""


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    def terminate(_number: int, _frame: object) -> None:
        raise Terminated

    former = [(number, signal.signal(number, terminate)) for number in (signal.SIGUSR1, signal.SIGTERM)]
    former.append((signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler)))
    yield
    for number, handler in former:
        signal.signal(number, handler)


def interrupted_by(*numbers: int, seen: Interruption, done: list[str], complete: bool = False) -> Callable[[], bool]:
    """Return work that has this process sent signals, and goes on for a while after that."""

    def work() -> bool:
        for number in numbers:
            os.kill(os.getpid(), number)
            time.sleep(0.01)
        while not seen:
            time.sleep(0.005)
        time.sleep(0.05)
        done.append("saved")
        return complete

    return work


def test_work_that_nobody_interrupts_just_ends() -> None:
    done: list[int] = []
    run_interruptibly(lambda: bool(done.append(1)) or True, Interruption(), 5)
    assert done == [1]


def test_what_the_work_raises_is_raised() -> None:
    def work() -> bool:
        raise ValueError("of the work")

    with pytest.raises(ValueError, match="of the work"):
        run_interruptibly(work, Interruption(), 5)


@pytest.mark.parametrize(
    ("number", "kind"), [(signal.SIGUSR1, Terminated), (signal.SIGTERM, Terminated), (signal.SIGINT, KeyboardInterrupt)]
)
def test_an_interruption_is_raised_when_the_work_has_ended(number: int, kind: type[BaseException]) -> None:
    seen, done = Interruption(), []
    with pytest.raises(kind):
        run_interruptibly(interrupted_by(number, seen=seen, done=done), seen, 5)
    assert done == ["saved"]
    assert isinstance(seen.error, kind)


def test_a_storm_of_signals_does_not_cut_the_work_short() -> None:
    seen, done = Interruption(), []
    storm = interrupted_by(*[signal.SIGTERM, signal.SIGUSR1] * 5, seen=seen, done=done)
    with pytest.raises(Terminated):
        run_interruptibly(storm, seen, 5)
    assert done == ["saved"]


def test_work_that_is_complete_is_not_undone_by_a_signal() -> None:
    seen, done = Interruption(), []
    run_interruptibly(interrupted_by(signal.SIGTERM, seen=seen, done=done, complete=True), seen, 5)
    assert done == ["saved"]


def test_a_person_who_pressed_ctrl_c_is_heard_also_when_the_work_is_complete() -> None:
    seen, done = Interruption(), []
    with pytest.raises(KeyboardInterrupt):
        run_interruptibly(interrupted_by(signal.SIGINT, seen=seen, done=done, complete=True), seen, 5)
    assert done == ["saved"]


def test_a_second_ctrl_c_makes_it_urgent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "_AGAIN_S", 0.02)
    seen = Interruption()

    def work() -> bool:
        while not seen.urgent:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
        time.sleep(0.05)
        return False

    with pytest.raises(KeyboardInterrupt):
        run_interruptibly(work, seen, 5)


def test_work_that_never_ends_is_left_alone_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "_POLL_S", 0.05)
    release = threading.Event()

    def work() -> bool:
        os.kill(os.getpid(), signal.SIGTERM)
        return release.wait(10)

    with pytest.raises(Terminated):
        run_interruptibly(work, Interruption(), 0.1)
    release.set()
