"""Executing a run: tiny job notebooks, a real kernel, every way to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.waiting import until
from workbench import paths
from workbench.errors import ConflictError, LeaseError, RunError
from workbench.metrics.store.compact import is_complete
from workbench.runs.execute import execute
from workbench.runs.lease import Lease, is_held
from workbench.runs.model import Policy, RunState
from workbench.runs.run import Run
from workbench.storage import sha256
from workbench.workspace import Workspace

Job = Callable[..., str]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

FINISH = """
import json
from pathlib import Path
folder = Path(run_dir)
draft = json.dumps({"run": folder.name, "attempt": 1, "images": count})
(sorted((folder / "attempts").iterdir())[-1] / "result.json").write_text(draft)
"""
# Another process executes the run, as a launcher's would; it finds the notebook of the test.
CHILD = """
import signal, sys
from pathlib import Path
from workbench import paths
from workbench.runs.execute import execute
paths.notebook = lambda folder, name: Path(sys.argv[3])
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that runs this in the background has it ignored
if sys.argv[4:]:  # as Prefect turns SIGTERM into an exception
    def end(*_):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, end)
execute(Path(sys.argv[1]), sys.argv[2])
"""


def write_notebook(path: Path, *cells: str) -> None:
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    book.cells[0].metadata["tags"] = ["parameters"]
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(book, path)


@pytest.fixture
def job(
    workspace: Workspace, record: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Return a maker of a recorded run whose notebook holds the given cells after its parameters."""
    path = tmp_path / "job.ipynb"
    monkeypatch.setattr(paths, "notebook", lambda _folder, _name: path)
    for name in ("IPYTHONDIR", "MPLCONFIGDIR", "YOLO_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))  # what a run exports is put back after the test

    def make(*cells: str, attempts: int = 1, **parameters: Any) -> str:
        write_notebook(path, 'run_dir: str = ""\ncount: int = 1', *cells)
        return record("notebook", parameters=parameters, policy=Policy(attempts=attempts))

    return make


@pytest.fixture
def child(workspace: Workspace, tmp_path: Path) -> Any:
    """Return a starter of a process that executes a run."""
    started: list[subprocess.Popen[bytes]] = []

    def start(run_id: str, *extra: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", CHILD, str(workspace.paths.root), run_id, str(tmp_path / "job.ipynb"), *extra]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def cells_of(run: Run) -> list[dict[str, Any]]:
    assert run.notebook is not None
    found: list[dict[str, Any]] = json.loads(run.notebook.read_text())["cells"]
    return found


def statuses(run: Run) -> list[str]:
    """Return what the executed notebook says of its last three cells."""
    metadata = [cell["metadata"] for cell in cells_of(run)]  # papermill adds cells of its own that point at an error
    return [found["papermill"]["status"] for found in metadata if "papermill" in found][-3:]


def reason(run: Run) -> str:
    return str([event for event in run.events() if event["kind"] == "state"][-1].get("reason"))


def test_a_run_that_finishes_is_complete_with_its_notebook_and_log(workspace: Workspace, job: Job) -> None:
    run = workspace.run(job("print('seen by the log')", FINISH, count=7))
    result = execute(workspace.paths.root, run.id)
    assert (run.state, result.images, run.result.images) == (RunState.COMPLETED, 7, 7)
    assert run.notebook is not None
    assert result.notebook_sha256 == sha256(run.notebook)
    assert "seen by the log" in run.paths.attempt(1).log.read_text()
    assert not run.paths.attempt(1).scratch.exists()
    assert not is_held(run.paths.lease)
    with pytest.raises(ConflictError, match="it is completed"):
        execute(workspace.paths.root, run.id)


def test_a_notebook_and_what_it_starts_note_metrics_that_are_sorted_when_it_has_ended(
    workspace: Workspace, job: Job
) -> None:
    code = "import workbench as wb; wb.log(2, {'loss': 0.25})"
    run_id = job(
        "import workbench as wb\nwb.log(1, {'loss': 0.5})",
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {code!r}], check=True)",
        FINISH,
    )
    execute(workspace.paths.root, run_id)
    run = workspace.run(run_id)
    assert is_complete(run.paths.events, run.paths.metrics), "sorted, without anybody having asked"
    found = run.history.series("loss", "batch")
    assert (found.steps.tolist(), found.values.tolist()) == ([1, 2], [0.5, 0.25])
    assert "system" in {key.scope for key in run.history.summary()}


def test_a_cell_that_raises_fails_the_run_and_the_notebook_tells_the_truth(workspace: Workspace, job: Job) -> None:
    run = workspace.run(job("ready = 1", "raise ValueError('no such layer')", FINISH))
    with pytest.raises(RunError, match="ValueError: no such layer"):
        execute(workspace.paths.root, run.id)
    assert run.state is RunState.FAILED
    assert reason(run).startswith("ValueError: no such layer")
    assert statuses(run) == ["completed", "failed", "skipped"]
    assert "no such layer" in json.dumps(cells_of(run))


def test_a_notebook_that_leaves_no_result_fails_the_run(workspace: Workspace, job: Job) -> None:
    run = workspace.run(job("ready = 1"))
    with pytest.raises(RunError, match="without a result"):
        execute(workspace.paths.root, run.id)
    assert run.state is RunState.FAILED


def test_a_kernel_that_is_killed_crashes_the_run(workspace: Workspace, job: Job) -> None:
    run = workspace.run(job("ready = 1", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", FINISH))
    with pytest.raises(RunError, match="kernel that ran the notebook died"):
        execute(workspace.paths.root, run.id)
    assert run.state is RunState.CRASHED
    assert statuses(run) == ["completed", "failed", "skipped"]


def test_a_kernel_that_dies_while_its_run_is_cancelling_was_cancelled(workspace: Workspace, job: Job) -> None:
    asked = (
        "from workbench.metrics.log import EventLog\nfrom pathlib import Path\n"
        "EventLog(Path(run_dir, 'events'), 'ledger').append('state', state='cancelling')"
    )
    run = workspace.run(job(asked, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", FINISH))
    with pytest.raises(RunError, match="kernel that ran the notebook died"):
        execute(workspace.paths.root, run.id)
    assert run.state is RunState.CANCELLED


SAVING = """
import time
from pathlib import Path
Path(run_dir, "begun").touch()
try:
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(4)  # longer than a kernel gets to live when it is merely shut down
    Path(run_dir, "saved").touch()
    print("has", "saved")
    raise
"""


@pytest.mark.parametrize(("number", "extra"), [(signal.SIGINT, ()), (signal.SIGTERM, ("raises",))])
def test_an_interrupted_run_is_cancelled_after_its_cell_has_saved(
    workspace: Workspace, job: Job, child: Any, number: signal.Signals, extra: tuple[str, ...]
) -> None:
    run = workspace.run(job("ready = 1", SAVING, FINISH))
    process = child(run.id, *extra)
    until((run.paths.root / "begun").exists)
    process.send_signal(number)
    assert process.wait(30) != 0
    assert run.state is RunState.CANCELLED
    assert (run.paths.root / "saved").exists()
    assert statuses(run) == ["completed", "failed", "skipped"]
    assert "has saved" in json.dumps(cells_of(run))
    assert not run.paths.attempt(1).scratch.exists()


def test_while_a_run_goes_its_notebook_can_be_read_and_nobody_else_executes_it(
    workspace: Workspace, job: Job, child: Any
) -> None:
    go = "import time\nfrom pathlib import Path\nprint('x' * 100_000)\ntime.sleep(0.02)"
    waits = "while not Path(run_dir, 'go').exists():\n    time.sleep(0.02)"
    run = workspace.run(job(*[go] * 10, waits, FINISH))
    process = child(run.id)
    until(lambda: run.notebook)
    with pytest.raises(LeaseError, match=f"process {process.pid}"):
        execute(workspace.paths.root, run.id)
    read = 0
    until(lambda: is_held(run.paths.lease))
    (run.paths.root / "go").touch()
    while process.poll() is None:
        nbformat.reads(run.notebook.read_text(), as_version=4)
        read += 1
    assert process.returncode == 0
    assert read > 0
    assert run.state is RunState.COMPLETED


def test_a_killed_executor_leaves_a_run_that_can_be_settled(workspace: Workspace, job: Job, child: Any) -> None:
    run = workspace.run(job(SAVING, FINISH))
    process = child(run.id)
    until((run.paths.root / "begun").exists)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert run.state is RunState.RUNNING
    assert not is_held(run.paths.lease)
    run.settle()
    assert run.state is RunState.CRASHED


def test_a_run_whose_kernel_dies_is_queued_again_and_its_second_attempt_has_a_notebook_and_log_of_its_own(
    workspace: Workspace, job: Job
) -> None:
    dies_once = "import os\nfrom pathlib import Path\nonce = Path(run_dir, 'once')\n"
    dies_once += "if not once.exists():\n    once.touch()\n    os._exit(1)"
    run = workspace.run(job("print('attempt')", dies_once, FINISH, attempts=2))
    with pytest.raises(RunError, match="died"):
        execute(workspace.paths.root, run.id)
    assert run.state is RunState.QUEUED
    execute(workspace.paths.root, run.id)
    assert run.state is RunState.COMPLETED
    assert [attempt["attempt"] for attempt in run.attempts()] == [1, 2]
    assert all("attempt" in Path(attempt["log"]).read_text() for attempt in run.attempts())


def test_a_run_cancelled_before_it_begins_is_not_executed(workspace: Workspace, job: Job) -> None:
    run = workspace.run(job("from pathlib import Path\nPath(run_dir, 'ran').touch()", FINISH))
    workspace.ledger.move(run.id, RunState.CANCELLING, "ledger")
    with pytest.raises(RunError, match="before it began"):
        execute(workspace.paths.root, run.id)
    assert run.state is RunState.CANCELLED
    assert not (run.paths.root / "ran").exists()


def test_parameters_that_do_not_fit_fail_the_run_before_a_kernel_starts(workspace: Workspace, job: Job) -> None:
    from workbench.errors import ParameterError

    run = workspace.run(job(FINISH, count=True))
    with pytest.raises(ParameterError, match="'count'"):
        execute(workspace.paths.root, run.id)
    assert run.state is RunState.FAILED
    assert run.notebook is None


def test_a_lease_that_is_held_leaves_the_run_untouched(workspace: Workspace, job: Job) -> None:
    run = workspace.run(job(FINISH))
    with Lease(run.paths.lease), pytest.raises(LeaseError):
        execute(workspace.paths.root, run.id)
    assert run.state is RunState.QUEUED
