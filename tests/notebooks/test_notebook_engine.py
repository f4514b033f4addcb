"""Executing any notebook: real kernels, bad input, and interruptions at every moment."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from workbench.errors import RunError
from workbench.processes import members
from workbench.runs.notebook import cells, outputs
from workbench.runs.notebook import engine as notebook
from workbench.runs.supervision.remains import MARK

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


class Interrupted(BaseException):
    """What a scheduler's signal handler raises."""


@dataclass
class Executed:
    """What became of a notebook."""

    folder: Path
    error: BaseException | None
    seconds: float

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text()

    @property
    def cells(self) -> list[dict[str, Any]]:
        """The notebook's own cells; papermill adds some that point at an error."""
        book = nbformat.reads((self.folder / "output.ipynb").read_text(), as_version=4)
        nbformat.validate(book)
        return [cell for cell in book.cells if "papermill" in cell.metadata]

    @property
    def statuses(self) -> list[str]:
        return [cell["metadata"]["papermill"]["status"] for cell in self.cells]

    @property
    def fields(self) -> dict[str, Any]:
        assert isinstance(self.error, RunError), self.error
        return self.error.fields

    def text(self, cell: int) -> str:
        return "".join(output.get("text", "") for output in self.cells[cell]["outputs"])


Execute = Callable[..., Executed]


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[str]:
    """Return a mark of this test alone; nothing that carries it may be left."""
    value = f"test/{tmp_path.name}/{os.getpid()}"
    yield value
    left = members({MARK: value})
    for process in left:
        process.kill()
    assert left == []


@pytest.fixture
def execute(tmp_path: Path, mark: str) -> Execute:
    def run(*sources: str, parameters: dict[str, Any] | None = None, tag: bool = False, **extra: Any) -> Executed:
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        if tag:
            book.cells[0].metadata["tags"] = ["parameters"]
        nbformat.write(book, tmp_path / "job.ipynb")
        (tmp_path / "scratch").mkdir(exist_ok=True)
        files = [tmp_path / name for name in ("job.ipynb", "output.ipynb", "log.txt")]
        begun, error = time.monotonic(), None
        try:
            notebook.execute(*files, parameters or {}, tmp_path / "scratch", mark=mark, **extra)
        except (RunError, Interrupted) as raised:
            error = raised
        return Executed(tmp_path, error, time.monotonic() - begun)

    return run


@pytest.fixture
def interrupt(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Return a function that has this process interrupted once a file is there, as a scheduler would."""

    def raise_it(_number: int, _frame: object) -> None:
        raise Interrupted

    former = signal.signal(signal.SIGUSR1, raise_it)
    given_up = threading.Event()

    def when(name: str, times: int = 1) -> None:
        def wait() -> None:
            while not (tmp_path / "scratch" / name).exists() and not given_up.wait(0.02):
                pass
            for _ in range(times if not given_up.is_set() else 0):
                os.kill(os.getpid(), signal.SIGUSR1)

        threading.Thread(target=wait, daemon=True).start()

    yield when
    given_up.set()
    signal.signal(signal.SIGUSR1, former)


def alive(pid_file: Path) -> bool:
    pid = int(pid_file.read_text())
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_notebook_without_parameters_runs_as_it_is(execute: Execute) -> None:
    done = execute("print('plain')")
    assert done.error is None
    assert (done.statuses, done.text(0), done.log) == (["completed"], "plain\n", "plain\n")


def test_a_folder_with_braces_and_korean_is_only_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    folder = tmp_path / "{노트북}"
    folder.mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print(1)")]), folder / "{a}.ipynb")
    notebook.execute(folder / "{a}.ipynb", folder / "{b}.ipynb", folder / "log.txt", {}, folder, mark=mark)
    assert (folder / "{b}.ipynb").is_file()


def test_parameters_reach_the_cells(execute: Execute) -> None:
    text = 'quote " backslash \\ newline \n return \r tab \t 한국어 {brace}'
    done = execute("text = ''", f"print(text == {text!r})", parameters={"text": text}, tag=True)
    assert done.error is None
    assert done.text(2) == "True\n"


def test_a_first_cell_that_raises_fails_the_notebook_and_the_others_are_skipped(execute: Execute) -> None:
    done = execute("raise ValueError('no such layer')", "x = 1")
    assert done.fields == {
        "state": "failed",
        "cell": 1,
        "error_name": "ValueError",
        "refused": False,
        "stopped": False,
    }
    assert str(done.error).startswith("ValueError: no such layer")
    assert done.statuses == ["failed", "skipped"]
    assert done.cells[0]["outputs"][0]["ename"] == "ValueError"


def test_a_cell_that_may_raise_fails_nothing(execute: Execute, tmp_path: Path) -> None:
    cell = nbformat.v4.new_code_cell("1 / 0")
    cell.metadata["tags"] = ["raises-exception"]
    nbformat.write(nbformat.v4.new_notebook(cells=[cell, nbformat.v4.new_code_cell("x = 1")]), tmp_path / "a.ipynb")
    notebook.execute(tmp_path / "a.ipynb", tmp_path / "output.ipynb", tmp_path / "log.txt", {}, tmp_path)
    assert Executed(tmp_path, None, 0).statuses == ["completed", "completed"]


def test_an_error_tells_whether_it_refused_the_request_or_heeded_a_wish(execute: Execute) -> None:
    refused = execute("from workbench.errors import DatasetError", "raise DatasetError('No images.', 'Some.')")
    assert (refused.fields["refused"], refused.fields["state"]) == (True, "failed")
    stopped = execute("from workbench.runs.stop import StoppedError\nraise StoppedError('enough')")
    assert (stopped.fields["stopped"], stopped.fields["state"]) == (True, "cancelled")


def test_an_endless_error_message_is_cut(execute: Execute) -> None:
    done = execute("raise ValueError('x' * 3_000_000)")
    assert len(str(done.error)) < 4000
    assert (done.folder / "output.ipynb").stat().st_size < 400_000


NOISE = """
import sys
from IPython.display import HTML, display, update_display
for number in range(60_000):
    print(f"line {number:06d} " + "x" * 40)
print("y" * 3_000_000)
for number in range(5_000):
    sys.stdout.write(f"\\r{number:4d} " + "#" * 60)
print("\\nthe last line")
for number in range(40):
    display(HTML("z" * 10_000))
handle = display(HTML("small"), display_id=True)
for number in range(40):
    handle.update(HTML("w" * 200_000))
"""


def test_what_is_printed_endlessly_is_kept_at_both_ends(execute: Execute, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "RICH_CHARS", 150_000)
    done = execute(NOISE, "print('next cell')")
    assert done.error is None
    text = done.text(0)
    assert len(text) < 2 * outputs.TEXT_CHARS + 1000
    assert "line 000000 " in text
    assert "the last line" in text
    assert "MB more are in log.txt" in text
    assert "####\n\nthe last line" not in text
    assert text.count("#" * 60) <= 1, "a progress bar is its last state"
    assert "outputs (" in text
    assert (done.folder / "output.ipynb").stat().st_size < 1_500_000
    assert done.text(1) == "next cell\n"
    log = done.log
    assert "line 030000 " in log
    assert "y" * 3_000_000 in log
    assert log.count("#" * 60) <= 3
    assert log.endswith("the last line\nnext cell\n")


def test_a_cell_that_clears_its_output_starts_anew(execute: Execute) -> None:
    clears = (
        "from IPython.display import clear_output\nfor n in range(50):\n    print(n, flush=True)\n    clear_output({})"
    )
    done = execute("print('kept')", clears.format("wait=True") + "\nprint('end')", clears.format("") + "\nprint('end')")
    assert [done.text(number) for number in range(3)] == ["kept\n", "end\n", "end\n"]


def test_half_a_character_harms_neither_notebook_nor_log(execute: Execute, tmp_path: Path, mark: str) -> None:
    assert execute("print('a\\udc80b')").statuses == ["completed"]
    (tmp_path / "b.ipynb").write_text(
        json.dumps({**json.loads((tmp_path / "job.ipynb").read_text()), "metadata": {"title": "a\ud800b"}})
    )
    notebook.execute(tmp_path / "b.ipynb", tmp_path / "output.ipynb", tmp_path / "log.txt", {}, tmp_path, mark=mark)
    assert "a\\ud800b" in (tmp_path / "output.ipynb").read_text()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import os\nos._exit(0)", "it ended itself with exit status 0"),
        ("import ctypes\nctypes.string_at(0)", "SIGSEGV"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "run out of memory"),
    ],
)
def test_a_kernel_that_dies_crashes_the_notebook_and_says_how(execute: Execute, source: str, said: str) -> None:
    done = execute("x = 1", source, "y = 1")
    assert done.fields["state"] == "crashed"
    assert "The kernel that ran the notebook died in cell [2]" in str(done.error)
    assert said in str(done.error)
    assert done.statuses == ["completed", "failed", "skipped"]
    if "SIGSEGV" in said:
        assert "Fatal Python error: Segmentation fault" in str(done.error)
        assert "Segmentation fault" in done.log


def test_a_cell_that_leaves_with_sys_exit_fails_the_notebook(execute: Execute) -> None:
    done = execute("import sys\nsys.exit()", "y = 1")
    assert (done.fields["state"], done.fields["error_name"]) == ("failed", "SystemExit")
    assert "left the notebook with sys.exit" in str(done.error)
    assert done.statuses == ["failed", "skipped"]


FORKS = """
import os, subprocess, time
def stay(name):
    open(name, "w").write(str(os.getpid()))
    while True:
        time.sleep(1)
if os.fork() == 0:
    stay("forked")
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        stay("orphan")
    os._exit(0)
code = "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
code += "open({!r}, 'w').write(str(os.getpid())); time.sleep(1000)"
import sys
subprocess.Popen([sys.executable, "-c", code.format("session")], start_new_session=True)
if os.fork() == 0:
    subprocess.Popen([sys.executable, "-c", code.format("nameless")], env={})
    os._exit(0)
while not all(os.path.exists(name) for name in ("forked", "orphan", "session", "nameless")):
    time.sleep(0.05)
"""


@pytest.mark.parametrize("last", ["x = 1", "import os\nos._exit(1)"])
def test_nothing_that_a_notebook_started_outlives_it(
    execute: Execute, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    monkeypatch.setattr(cells, "_SWEEP_S", 0.5)
    done = execute(FORKS, last)
    assert (done.error is None) == (last == "x = 1")
    for name in ("forked", "orphan", "session", "nameless"):
        assert not alive(done.folder / "scratch" / name), name
    assert "Processes that the notebook had left running were ended:" in done.log
    assert done.seconds < 15


def test_a_kernel_that_cannot_start_crashes_the_notebook_with_its_last_words(execute: Execute, tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    broken = "import sys\nsys.exit('No module named zmq, says this test')"
    (tmp_path / "scratch" / "ipykernel_launcher.py").write_text(broken)
    done = execute("x = 1")
    assert done.fields["state"] == "crashed"
    assert "The kernel did not start" in str(done.error)
    assert "No module named zmq, says this test" in str(done.error)
    assert "says this test" in done.log
    assert done.statuses == ["skipped"]


def test_a_python_that_is_not_there_crashes_the_notebook(execute: Execute, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    done = execute("x = 1")
    assert done.fields["state"] == "crashed"
    assert "/nowhere/python" in str(done.error)
    assert done.statuses == ["skipped"]


def test_an_interruption_while_the_kernel_starts_ends_it_at_once(
    execute: Execute, interrupt: Callable[..., None], tmp_path: Path
) -> None:
    (tmp_path / "scratch").mkdir()
    slow = "import pathlib, time\npathlib.Path('begun').touch()\ntime.sleep(1000)"
    (tmp_path / "scratch" / "ipykernel_launcher.py").write_text(slow)
    interrupt("begun")
    done = execute("x = 1")
    assert isinstance(done.error, Interrupted)
    assert done.statuses == ["skipped"]
    assert done.seconds < 10


SAVES = """
import pathlib, time
pathlib.Path("begun").touch()
try:
    while True:
        time.sleep(0.01)
        print("." * 100, flush=True)
except KeyboardInterrupt:
    time.sleep(1)
    print("has saved")
    raise
"""


def test_an_interrupted_cell_may_save_and_what_it_says_is_kept(
    execute: Execute, interrupt: Callable[..., None]
) -> None:
    interrupt("begun")
    done = execute("x = 1", SAVES, "y = 1")
    assert isinstance(done.error, Interrupted)
    assert done.statuses == ["completed", "failed", "skipped"]
    assert "has saved" in done.text(1)
    assert "has saved" in done.log
    assert done.seconds < 10


POLLS = """
import pathlib, time
from workbench.runs.heartbeat import Heart
from workbench.runs.stop import StoppedError, read_stop
heart = Heart(pathlib.Path(heartbeat), polls=True)
heart.beat("ready")
pathlib.Path("begun").touch()
try:
    while read_stop(pathlib.Path(stop)) is None:
        time.sleep(0.02)
    time.sleep(0.5)
    print("saved after", read_stop(pathlib.Path(stop)).why)
except KeyboardInterrupt:
    print("was interrupted")
raise StoppedError("asked")
"""


def test_a_kernel_that_looks_for_the_wish_to_stop_is_not_interrupted(
    execute: Execute, interrupt: Callable[..., None], tmp_path: Path
) -> None:
    files = {"stop": tmp_path / "stop.json", "heartbeat": tmp_path / "heartbeat.json"}
    interrupt("begun")
    values = {name: str(path) for name, path in files.items()}
    done = execute("stop = heartbeat = ''", POLLS, "y = 1", parameters=values, tag=True, **files)
    assert isinstance(done.error, Interrupted)
    assert isinstance(done.error.__cause__, RunError)
    assert done.error.__cause__.fields["stopped"]
    assert done.text(2) == "saved after interrupt\n"
    assert done.statuses[-2:] == ["failed", "skipped"]
    assert not files["stop"].exists(), "it said that this process was interrupted, not that the run is cancelled"


def test_a_heartbeat_of_an_older_attempt_delays_nothing(
    execute: Execute, interrupt: Callable[..., None], tmp_path: Path
) -> None:
    from workbench.runs.heartbeat import Heart

    files = {"stop": tmp_path / "stop.json", "heartbeat": tmp_path / "heartbeat.json"}
    with Heart(files["heartbeat"], polls=True) as heart:  # of this process, which is not the kernel
        heart.beat("ready")
    interrupt("begun")
    done = execute(SAVES, **files)
    assert isinstance(done.error, Interrupted)
    assert "has saved" in done.text(0)
    assert done.seconds < cells.PATIENCE_S
    assert not files["stop"].exists()


DEAF = """
import os, pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], start_new_session=True)
pathlib.Path("child").write_text(str(child.pid))
pathlib.Path("begun").touch()
print("going on", flush=True)
time.sleep(1000)
"""


def test_a_cell_that_does_not_end_is_killed_with_all_it_started(
    execute: Execute, interrupt: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "GRACE_S", 1.5)
    interrupt("begun", times=3)
    done = execute(DEAF, "y = 1")
    assert isinstance(done.error, Interrupted)
    assert done.statuses == ["failed", "skipped"]
    assert "going on" in done.text(0)
    assert not alive(done.folder / "scratch" / "child")
    assert done.seconds < 10


def test_a_disk_that_is_full_for_a_moment_ends_no_cell(execute: Execute, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench import storage
    from workbench.errors import StorageError

    put, times = storage.put, []

    def full(path: Path, data: bytes) -> Path:
        times.append(path)
        if 3 <= len(times) <= 5:
            raise StorageError("The disk is full.")
        return put(path, data)

    monkeypatch.setattr(storage, "put", full)
    monkeypatch.setattr(notebook, "AUTOSAVE_S", 0.2)
    done = execute("import time\nfor n in range(10):\n    print(n, flush=True)\n    time.sleep(0.2)")
    assert done.error is None
    assert len(times) > 5
    assert done.statuses == ["completed"]
    assert "The disk is full" in done.log
    assert json.loads((done.folder / "output.ipynb").read_text())["cells"]
