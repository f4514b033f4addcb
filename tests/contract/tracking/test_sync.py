"""Telling trackers what is left, by hand: which runs, which trackers, and what is said about those that fail."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contract.tracking.filed import Filed, filed_installed
from tests.contract.tracking.stage import Stage, stage
from workbench.errors import RequestError, UnknownNameError
from workbench.runs.model import RunState
from workbench.runs.tracking.forward import feeding
from workbench.runs.tracking.trackers import Trackers, failure
from workbench.settings import Settings
from workbench.tracking.delivery import state
from workbench.workspace import Workspace

__all__ = ["filed_installed", "stage"]
pytestmark = pytest.mark.usefixtures("filed_installed")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once: the wait between tries is shown elsewhere."""
    monkeypatch.setattr("workbench.tracking.delivery.forwarder.random.uniform", lambda _least, _most: 0.01)


def trackers(workspace: Workspace, *names: str) -> Trackers:
    return Trackers(workspace.ledger, Settings(observability_backends=names))


def ended(stage: Stage, told_to: str | None = "filed") -> None:
    stage.begin()
    stage.log(5)
    stage.end()
    if told_to:
        stage.paths.trackers.mkdir()
        state.save(stage.paths.trackers, told_to, state.Delivery())


@pytest.fixture
def second(workspace: Workspace, record: Callable[..., str]) -> Stage:
    return Stage(workspace, record())


def test_a_run_that_the_machine_cut_off_is_told_to_its_end(stage: Stage) -> None:
    """Its forwarder was gone before it had told anything."""
    ended(stage)
    front = trackers(stage.workspace, "filed")
    assert [(told.state, told.behind, told.success_at) for told in front.status()] == [("behind", 5, None)]
    seen: list[tuple[str, str, int]] = []
    told = front.sync(progress=lambda *said: seen.append(said))
    assert [(one.run, one.backend, one.state, one.behind, one.points) for one in told] == [
        (stage.run_id, "filed", "complete", 0, 5)
    ]
    assert failure(told) is None
    assert seen[-1] == (stage.run_id, "filed", 5)
    assert front.sync() == []
    assert sum(stage.filed.steps().values()) == 5


def test_a_run_from_before_the_tracker_was_configured_is_told_when_it_is_named(stage: Stage) -> None:
    ended(stage, None)
    front = trackers(stage.workspace, "filed")
    assert (front.status(), front.sync()) == ([], [])
    assert [told.state for told in front.sync(stage.run_id)] == ["complete"]
    assert len(stage.filed.steps()) == 5


def test_a_run_is_told_again_from_its_beginning_when_somebody_wants_that(stage: Stage) -> None:
    ended(stage)
    front = trackers(stage.workspace, "filed")
    front.sync()
    assert [told.points for told in front.sync(stage.run_id, again=True)] == [5]
    assert set(stage.filed.steps().values()) == {2}
    assert stage.filed.told("open")[1]["remote"] == f"filed-{stage.run_id}"


def test_one_that_fails_is_said_with_its_reason_and_the_other_is_told(stage: Stage) -> None:
    ended(stage)
    state.save(stage.paths.trackers, "other", state.Delivery())
    stage.filed.mood("open refuse")
    told = trackers(stage.workspace, "filed", "other").sync()
    assert [(one.backend, one.state, one.behind) for one in told] == [("filed", "stopped", 5), ("other", "complete", 0)]
    problem = failure(told)
    assert problem is not None
    assert "filed: The key is wrong." in problem.happened
    assert problem.todo == "Set FILED_KEY."
    assert [one["state"] for one in problem.fields["trackers"]] == ["stopped", "complete"]
    stage.filed.mood("")
    assert [one.state for one in trackers(stage.workspace, "filed", "other").sync()] == ["complete"]


def test_a_server_that_is_down_is_tried_three_times(stage: Stage) -> None:
    ended(stage)
    stage.filed.mood("open down 3")
    assert [one.state for one in trackers(stage.workspace, "filed").sync()] == ["failing"]
    assert [one.state for one in trackers(stage.workspace, "filed").sync()] == ["complete"]


def test_a_run_that_goes_on_is_told_what_there_is(stage: Stage) -> None:
    stage.begin()
    stage.log(5)
    assert [one.state for one in trackers(stage.workspace, "filed").sync(stage.run_id)] == ["following"]
    assert [call["state"] for call in stage.filed.told("close")] == [None]


def test_a_run_that_its_own_process_feeds_is_left_to_it(stage: Stage) -> None:
    ended(stage)
    with feeding(stage.paths) as alone:
        assert alone
        assert failure(trackers(stage.workspace, "filed").sync()) is None
    assert stage.filed.told("open") == []


def test_a_tracker_that_stopped_is_told_while_the_runs_own_process_feeds_the_others(stage: Stage) -> None:
    stage.begin()
    stage.log(5)
    stage.paths.trackers.mkdir()
    state.save(stage.paths.trackers, "filed", state.Delivery(stopped=True))
    with feeding(stage.paths) as alone:
        assert alone
        assert [one.state for one in trackers(stage.workspace, "filed").sync(stage.run_id)] == ["following"]
    assert len(stage.filed.steps()) == 5


def test_two_who_sync_at_once_do_not_tell_a_tracker_twice(stage: Stage) -> None:
    ended(stage)
    with feeding(stage.paths, backend="filed") as alone:
        assert alone
        trackers(stage.workspace, "filed").sync()
    assert stage.filed.told("open") == []


def test_a_damaged_run_keeps_no_other_from_being_told(stage: Stage, second: Stage) -> None:
    ended(stage)
    ended(second)
    second.paths.spec.write_text("{}")
    assert [told.run for told in trackers(stage.workspace, "filed").sync()] == [stage.run_id]


def test_a_cancelled_run_is_told_so(stage: Stage) -> None:
    stage.begin()
    stage.log(2)
    stage.end(RunState.CANCELLED)
    trackers(stage.workspace, "filed").sync(stage.run_id)
    assert [call["state"] for call in Filed(stage.paths.trackers).told("close")] == ["cancelled"]


def test_without_trackers_sync_says_how_to_configure_one(stage: Stage) -> None:
    with pytest.raises(RequestError, match=r"No tracker is configured.*Set it, e.g. OBSERVABILITY_BACKENDS=mlflow"):
        trackers(stage.workspace).sync()


def test_again_needs_the_names_of_runs(stage: Stage) -> None:
    with pytest.raises(RequestError, match="No run is named"):
        trackers(stage.workspace, "filed").sync(again=True)


def test_a_run_that_is_not_there_is_refused(stage: Stage) -> None:
    with pytest.raises(UnknownNameError):
        trackers(stage.workspace, "filed").sync("nobody")
