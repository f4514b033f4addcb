"""Schedules put to a server and taken away, over a server in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines import engine, entries, timetable
from pipelines.timetable import PrefectScheduler
from workbench.errors import EngineError
from workbench.paths import WorkspacePaths
from workbench.schedules import files
from workbench.schedules.cron import Cron, Rule
from workbench.schedules.model import Schedule
from workbench.schedules.scheduler import Entry
from workbench.settings import Settings


class Server:
    """Keeps deployments and flow runs in memory; refuses the deployments in ``refused``."""

    def __init__(self) -> None:
        self.kept: dict[str, Mapping[str, Any]] = {}
        self.made: list[tuple[str, datetime | None]] = []
        self.cleared: list[tuple[str, tuple[str, ...]]] = []
        self.refused: set[str] = set()

    def ensure_work_pool(self, name: str) -> None:
        assert name == "workbench"

    def put_deployment(self, flow: str, name: str, fields: Mapping[str, Any]) -> str:
        assert flow == timetable.FLOW
        if name in self.refused:
            raise EngineError("The Prefect server answered 422.")
        self.kept[name] = fields
        return name

    def schedule_runs(self, deployment_id: str) -> None:
        assert deployment_id in self.kept

    def deployments(self, _flow: str) -> dict[str, str]:
        return {name: name for name in self.kept}

    def delete_deployment(self, deployment_id: str) -> None:
        del self.kept[deployment_id]

    def delete_flow_runs(self, deployment_id: str, states: Sequence[str] = ()) -> None:
        self.cleared.append((deployment_id, tuple(states)))

    def flow_runs(self, _deployment_id: str, _states: Sequence[str]) -> list[dict[str, Any]]:
        return []

    def create_flow_run(self, deployment: str, *_rest: object) -> None:
        due = _rest[-1]
        assert isinstance(due, datetime)
        self.made.append((deployment, due))


class Stage:
    """An engine's folder, a workspace and a server."""

    def __init__(self, root: Path) -> None:
        self.settings = Settings(workbench_engine_home=root / "engine", prefect_api_url=None)
        self.paths = WorkspacePaths(root / "ws")
        self.paths.schedules.mkdir(parents=True)
        self.server: Any = Server()

    def keep(self, name: str, cron: str = "0 2 * * *", age: timedelta = timedelta()) -> str:
        """Keep a schedule that is so old, in the workspace and in the engine's folder; return its key."""
        created = (datetime.now(UTC) - age).isoformat()
        files.write(self.paths, Schedule(name=name, notebook="/n", cron=cron, timezone="UTC", created_at=created))
        entries.write(self.settings.engine, entries.Kept(self.entry(name, cron), {}))
        return entries.key(self.paths.root, name)

    def entry(self, name: str, cron: str = "0 2 * * *") -> Entry:
        return Entry(self.paths.root, name, tuple(Cron(cron, "UTC").rules()), "UTC")

    def restore(self) -> None:
        timetable.restore(self.server, self.settings.engine)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_schedule_is_one_deployment_with_a_rule_for_each_length_of_month(stage: Stage) -> None:
    file = entries.file_of(stage.settings.engine, "k")
    timetable.publish(stage.server, stage.entry("nightly", "0 2 */10 * *"), file)
    (fields,) = stage.server.kept.values()
    assert [one["schedule"]["cron"] for one in fields["schedules"]] == [
        "0 2 1,11,21 2 *",
        "0 2 1,11,21 4,6,9,11 *",
        "0 2 1,11,21,31 1,3,5,7,8,10,12 *",
    ]
    assert fields["parameters"] == {"workspace": str(stage.paths.root), "name": "nightly"}
    assert fields["job_variables"]["command"].endswith(f"-m pipelines.due {file}")


def test_a_server_that_others_run_gets_no_command_of_this_machine(stage: Stage) -> None:
    timetable.publish(stage.server, stage.entry("nightly"), None)
    (fields,) = stage.server.kept.values()
    assert fields["job_variables"] == {}


def test_nothing_is_kept_of_a_schedule_when_the_engine_does_not_start(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_settings: Settings) -> None:
        raise EngineError("It does not start.")

    monkeypatch.setattr(engine, "ensure", refuse)
    with pytest.raises(EngineError):
        PrefectScheduler(stage.settings).put(stage.entry("nightly"))
    assert entries.everything(stage.settings.engine) == []


def test_removing_while_the_engine_is_down_starts_nothing_and_is_made_up_for_later(stage: Stage) -> None:
    known = stage.keep("nightly")
    stage.restore()
    assert set(stage.server.kept) == {known}
    PrefectScheduler(stage.settings).remove(stage.paths.root, "nightly")
    assert entries.everything(stage.settings.engine) == []
    stage.restore()
    assert stage.server.kept == {}


def test_an_engine_that_is_down_wakes_nothing(stage: Stage) -> None:
    watch = PrefectScheduler(stage.settings).watch(stage.paths.root)
    assert (watch.alive, watch.names) == (False, frozenset())


def test_what_was_missed_for_days_is_made_up_for_once(stage: Stage) -> None:
    known = stage.keep("nightly", age=timedelta(days=5))
    stage.restore()
    ((deployment, due),) = stage.server.made
    assert deployment == known
    assert due == Cron("0 2 * * *", "UTC").before(datetime.now(UTC))


def test_what_waited_at_the_server_gives_way_to_what_is_made_up_for(stage: Stage) -> None:
    known = stage.keep("nightly", age=timedelta(days=5))
    stage.restore()
    stage.restore()
    assert stage.server.cleared == [(known, ("SCHEDULED",))]


def test_nothing_is_made_up_for_when_nothing_was_missed(stage: Stage) -> None:
    stage.keep("new")
    stage.restore()
    assert stage.server.made == []


def test_a_schedule_whose_record_was_deleted_by_hand_is_taken_away(stage: Stage) -> None:
    known = stage.keep("nightly")
    stage.restore()
    files.file_of(stage.paths, "nightly").unlink()
    stage.restore()
    assert known not in stage.server.kept
    assert entries.everything(stage.settings.engine) == []


def test_a_schedule_of_a_workspace_that_is_not_mounted_is_kept(stage: Stage, tmp_path: Path) -> None:
    known = stage.keep("nightly", age=timedelta(days=5))
    stage.paths.root.rename(tmp_path / "away")
    stage.restore()
    assert known in stage.server.kept
    assert stage.server.made == []


def test_one_schedule_that_is_refused_does_not_keep_the_others_from_being_woken(stage: Stage) -> None:
    bad, good = stage.keep("bad"), stage.keep("good")
    stage.server.refused = {bad}
    stage.restore()
    assert set(stage.server.kept) == {good}


def test_a_damaged_record_does_not_keep_the_others_from_being_woken(stage: Stage) -> None:
    stage.keep("bad"), stage.keep("good", age=timedelta(days=2))
    files.file_of(stage.paths, "bad").write_text("{")
    stage.restore()
    assert len(stage.server.kept) == 2
    assert len(stage.server.made) == 1


def test_rules_survive_the_engines_folder(stage: Stage) -> None:
    stage.keep("nightly", "0 0 13 * fri")
    ((_, one),) = entries.everything(stage.settings.engine)
    assert one.entry.rules == (Rule("0 0 13 * 5", day_or=True),)
