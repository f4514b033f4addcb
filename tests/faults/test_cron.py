"""A schedule over two real minutes: real server, worker and kernel, and a notebook of a person's own."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines import engine, entries, timetable, variables
from pipelines.api import Api
from pipelines.timetable import PrefectScheduler
from tests.waiting import until
from workbench.processes import members
from workbench.runs.model import RunState
from workbench.schedules.collection import Schedules
from workbench.schedules.cron import Cron
from workbench.schedules.model import Schedule
from workbench.schedules.outlook import outlook
from workbench.settings import Settings
from workbench.workspace import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.heavy, pytest.mark.timeout(400)]

LATE_S = 3.0
CELLS = ('diary: str = ""  # where to write', "import time\nprint(time.time(), file=open(diary, 'a'))")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setenv("WORKBENCH_ENGINE_HOME", str(tmp_path / "engine"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    settings = Settings(workbench_engine_home=tmp_path / "engine", prefect_api_url=None)
    yield Workspace(tmp_path / "ws", settings=settings)
    engine.stop(settings, grace_s=10)
    assert members({variables.MEMBER: str(settings.engine.root)}) == []


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    cells = [
        {"cell_type": "code", "metadata": {"tags": tags}, "source": source, "outputs": [], "execution_count": None}
        for source, tags in zip(CELLS, (["parameters"], []), strict=True)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 4}
    path = tmp_path / "report.ipynb"
    path.write_text(json.dumps(content))
    return path


def test_a_cron_of_every_minute_fires_on_time_twice_is_listed_removed_and_leaves_nothing(
    workspace: Workspace, notebook: Path, tmp_path: Path
) -> None:
    settings, diary = workspace.settings, tmp_path / "diary.txt"
    engine.ensure(settings)
    if time.time() % 60 > 40:  # the first time is to be a usual one, not one that is added when it is nearly over
        time.sleep(60 - time.time() % 60)
    begun = datetime.now(UTC)
    schedules = Schedules(workspace, PrefectScheduler(settings))
    every_minute = Schedule(
        name="report",
        notebook=str(notebook),
        parameters={"diary": str(diary)},
        cron="* * * * *",
        timezone="Asia/Seoul",
    )
    schedules.add(every_minute)
    assert [schedule.name for schedule in schedules.all()] == ["report"]
    assert outlook(schedules).met
    until(lambda: diary.exists() and len(diary.read_text().splitlines()) >= 2, 180)

    fired = sorted(datetime.fromisoformat(run.spec.created_at) for run in workspace.runs())
    due = [one.astimezone(UTC) for one in Cron("* * * * *", "UTC").after(begun, 4)]
    lateness = [(at - one).total_seconds() for at, one in zip(fired, due, strict=False)]
    print("recorded after", lateness, "s; the notebook's cells ran at", diary.read_text().split())
    assert all(0 <= late < LATE_S for late in lateness)

    file = entries.file_of(settings.engine, entries.key(workspace.paths.root, "report"))
    assert file.is_file()
    schedules.remove("report")
    count = len(workspace.runs())
    assert schedules.all() == []
    assert list(workspace.paths.schedules.iterdir()) == []
    assert not file.exists()
    with Api(engine.ensure(settings).api_url) as api:
        assert api.deployments(timetable.FLOW) == {}
    until(lambda: all(run.state is RunState.COMPLETED for run in workspace.runs()), 60)
    time.sleep(60 - time.time() % 60 + 5)
    assert len(workspace.runs()) == count
    left = members({variables.MEMBER: str(settings.engine.root)})
    assert [process for process in left if "pipelines.due" in process.cmdline()] == []
