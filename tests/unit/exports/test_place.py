"""A function in a process of its own: its answer, its words, its errors, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from workbench.errors import ExportError, ModelError
from workbench.exports.place import Apart, Here

pytestmark = pytest.mark.slow  # processes and environments of their own


def pid_and_words(word: str, times: int = 1) -> tuple[int, str]:
    for _ in range(times):
        print(word)
    return os.getpid(), word


def refuse() -> None:
    raise ModelError("no", "yes", "try", name="n")


def die() -> None:
    print("a last word")
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(noted: str) -> None:
    started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(noted).write_text(f"{os.getpid()} {started.pid}")
    time.sleep(600)


def gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids):
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(autouse=True)
def found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other process imports this file's functions by the name that pytest gave it."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))


def test_here_is_this_process() -> None:
    assert Here().call(pid_and_words, "w") == (os.getpid(), "w")


def test_apart_answers_from_another_process_and_passes_its_words_on() -> None:
    told: list[str] = []
    pid, word = Apart(told=told.append).call(pid_and_words, "말", times=2)
    assert (word, pid != os.getpid(), told) == ("말", True, ["말", "말"])


def test_what_is_raised_on_purpose_arrives_as_it_is() -> None:
    with pytest.raises(ModelError) as caught:
        Apart().call(refuse)
    assert caught.value.fields == {"name": "n"}


def test_a_process_that_dies_is_told_with_its_last_words() -> None:
    with pytest.raises(ExportError, match=r"die ended with signal SIGSEGV(.|\n)*a last word"):
        Apart().call(die)


def test_what_nobody_foresaw_is_told_with_its_traceback() -> None:
    with pytest.raises(ExportError, match=r"exit code 1(.|\n)*ValueError"):
        Apart().call(int, "no number")


def test_a_process_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    noted = tmp_path / "pids"
    with pytest.raises(ExportError, match="still running after its time"):
        Apart(timeout_s=4).call(hang, str(noted))
    assert gone([int(pid) for pid in noted.read_text().split()])


def test_it_leaves_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    noted = tmp_path / "pids"
    code = f"from workbench.exports.place import Apart; from {__name__} import hang; Apart().call(hang, {str(noted)!r})"
    parent = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 30
    while not (noted.is_file() and noted.read_text().count(" ")) and time.monotonic() < deadline:
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    assert gone([int(pid) for pid in noted.read_text().split()[:1]])
