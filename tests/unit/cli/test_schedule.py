"""``workbench schedule`` over a scheduler in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.runs.supervision.memory import MemoryLauncher
from workbench.schedules.memory import MemoryScheduler
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow

CELL = 'epochs: int = 10  # how long\nname: str = ""  # whose'
CRON = ("--cron", "0 2 * * *", "--timezone", "Asia/Seoul")


@pytest.fixture
def scheduler(monkeypatch: pytest.MonkeyPatch) -> MemoryScheduler:
    made = MemoryScheduler()
    monkeypatch.setattr("workbench.schedules.collection.load_scheduler", lambda _settings: made)
    return made


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    cell = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": CELL, "outputs": []}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = {"cells": [{**cell, "execution_count": None}], "metadata": {"kernelspec": kernel}}
    path = tmp_path / "My report.ipynb"
    path.write_text(json.dumps({**content, "nbformat": 4, "nbformat_minor": 4}))
    return path


def test_a_notebook_is_added_listed_shown_and_removed(
    say: Any, scheduler: MemoryScheduler, workspace: Workspace, notebook: Path
) -> None:
    made = say("schedule", "add", str(notebook), "name=x", *CRON, "-p", "epochs=5", "--json").json
    assert (made["name"], made["parameters"], made["timezone"]) == (
        "my-report",
        {"name": "x", "epochs": 5},
        "Asia/Seoul",
    )
    assert len(made["next"]) == 5
    assert all(time.endswith("T02:00:00+09:00") for time in made["next"])
    assert made["met"] is True
    listed = say("schedule", "list", "--json").json
    assert [row["name"] for row in listed["schedules"]] == ["my-report"]
    assert listed["outlook"]["next"] == made["next"][0]
    text = say("schedule", "list").out
    assert "My report.ipynb" in text
    assert "will be met unless the machine is restarted" in text
    assert "epochs=5" in say("schedule", "show", "my-report").out
    assert say("schedule", "remove", "my-report", "--json").json == {"removed": "my-report"}
    assert say("schedule", "list").out.startswith("No schedules yet.")
    assert scheduler.entries == {}
    assert list(workspace.paths.schedules.iterdir()) == []


def test_adding_tells_the_next_five_times_and_what_would_make_them_sure(
    say: Any, scheduler: MemoryScheduler, notebook: Path
) -> None:
    lines = say("schedule", "add", str(notebook), *CRON).out.splitlines()
    assert lines[0] == "Schedule 'my-report' runs My report.ipynb. Its next times, Asia/Seoul:"
    assert len([line for line in lines if line.endswith(" 02:00")]) == 5
    assert lines[-1] == "Nobody starts it with the machine."


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--cron", "0 0 30 2 *"), "never fires"),
        (("--cron", "61 * * * *"), "has '61' for its minute"),
        ((), "Missing option '--cron'"),
        ((*CRON, "--timezone", "Asia/Soul"), "Did you mean 'Asia/Seoul'?"),
        ((*CRON, "-p", "epohcs=5"), "Did you mean 'epochs'?"),
        ((*CRON, "-p", "epochs=five"), "five"),
        ((*CRON, "-p", "epochs"), "'epochs' is no setting."),
        ((*CRON, "--name", "../x"), "no name for a schedule"),
        ((*CRON, "--project", "no-such"), "no-such"),
        ((*CRON, "--attempts", "0"), "attempts"),
        ((*CRON, "--max-hours", "-1"), "max_hours"),
    ],
)
def test_what_is_wrong_is_refused_in_words_and_nothing_is_stored(
    say: Any,
    scheduler: MemoryScheduler,
    workspace: Workspace,
    notebook: Path,
    words: tuple[str, ...],
    says: str,
) -> None:
    answer = say("schedule", "add", str(notebook), *words)
    assert answer.status == 2
    assert says in answer.err
    assert scheduler.entries == {}
    assert list(workspace.paths.schedules.glob("*")) == []


def test_a_missing_notebook_is_refused(say: Any, scheduler: MemoryScheduler, tmp_path: Path) -> None:
    answer = say("schedule", "add", str(tmp_path / "no.ipynb"), *CRON, "--json")
    assert (answer.status, answer.json["error"]) == (2, "RequestError")


def test_a_taken_name_is_refused(say: Any, scheduler: MemoryScheduler, notebook: Path) -> None:
    assert say("schedule", "add", str(notebook), *CRON).status == 0
    answer = say("schedule", "add", str(notebook), *CRON)
    assert answer.status == 2
    assert "Choose another one with --name" in answer.err


def test_a_schedule_is_run_once_by_hand(
    say: Any, scheduler: MemoryScheduler, launcher: MemoryLauncher, notebook: Path
) -> None:
    say("schedule", "add", str(notebook), *CRON, "-p", "epochs=5")
    started = say("schedule", "run", "my-report", "--json").json
    spec = say("runs", "show", started["run"], "--json").json
    assert (spec["name"], spec["parameters"], spec["policy"]["attempts"]) == ("my-report", {"epochs": 5}, 1)
    assert say("schedule", "show", "my-report", "--json").json["last"] is None


def test_a_training_on_a_dataset_that_is_not_there_is_refused(say: Any, scheduler: MemoryScheduler) -> None:
    answer = say("schedule", "add", "train", "data=no-such", "epochs=5", *CRON)
    assert answer.status == 2
    assert "no-such" in answer.err
    assert scheduler.entries == {}


def test_starting_wakes_what_nobody_would_wake(say: Any, scheduler: MemoryScheduler, notebook: Path) -> None:
    say("schedule", "add", str(notebook), *CRON)
    scheduler.entries.clear()
    assert "will not be woken" in say("schedule", "list").out
    assert say("schedule", "start", "--json").json["outlook"]["met"] is True


def test_the_unit_is_printed_and_written_where_systemd_looks(
    say: Any, scheduler: MemoryScheduler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    file = tmp_path / "config" / "systemd" / "user" / "workbench-engine.service"
    assert "ExecStart=" in say("schedule", "unit").out
    assert not file.exists()
    found = say("schedule", "unit", "--install", "--json").json
    assert (found["file"], found["installed"]) == (str(file), True)
    assert file.read_text() == found["unit"]
    assert str(tmp_path / "engine") in found["unit"]
