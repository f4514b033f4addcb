"""What every launcher keeps. A launcher joins by a fixture ``<name>_stage`` and a line in ``LAUNCHERS``.

A stage has ``launcher``, ``workspace``, ``short_run()`` and ``long_run()`` (ids of runs that end by themselves, or go
on until cancelled), ``until_active(launch)`` and ``until_ended(launch)``.
"""

from __future__ import annotations

from typing import Any

import pytest

from workbench.settings import environment

LAUNCHERS = ["memory"]


@pytest.fixture(params=LAUNCHERS)
def stage(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(f"{request.param}_stage")


def start(stage: Any, run: str, launch: int = 1) -> str:
    return str(stage.launcher.start(stage.workspace, run, launch, environment()))


def test_a_start_gives_an_id_that_is_known_at_once(stage: Any) -> None:
    launch = start(stage, stage.short_run())
    assert launch
    assert stage.launcher.state(launch) in {"waiting", "active", "ended"}


def test_a_launch_that_nobody_made_is_unknown(stage: Any) -> None:
    assert stage.launcher.state("00000000-0000-4000-8000-000000000000") == "unknown"


def test_a_launch_is_active_while_its_run_goes_and_ended_after_it(stage: Any) -> None:
    launch = start(stage, stage.short_run())
    stage.until_active(launch)
    stage.until_ended(launch)
    assert stage.launcher.state(launch) == "ended"


def test_a_run_that_goes_is_active(stage: Any) -> None:
    launch = start(stage, stage.long_run())
    stage.until_active(launch)
    assert stage.launcher.state(launch) == "active"
    stage.launcher.cancel(launch)
    stage.until_ended(launch)


def test_a_cancelled_launch_ends(stage: Any) -> None:
    launch = start(stage, stage.long_run())
    stage.until_active(launch)
    stage.launcher.cancel(launch)
    stage.until_ended(launch)
    assert stage.launcher.state(launch) == "ended"


def test_cancelling_an_ended_launch_is_no_error_and_changes_nothing(stage: Any) -> None:
    launch = start(stage, stage.short_run())
    stage.until_active(launch)
    stage.until_ended(launch)
    stage.launcher.cancel(launch)
    assert stage.launcher.state(launch) == "ended"


def test_the_same_launch_of_a_run_is_not_started_twice(stage: Any) -> None:
    """Whoever started it was killed before it could note that."""
    run = stage.short_run()
    first = start(stage, run)
    assert start(stage, run) == first
    stage.until_active(first)
    stage.until_ended(first)
    assert start(stage, run) == first
    assert stage.launcher.state(first) == "ended"


def test_another_launch_of_a_run_is_another_start(stage: Any) -> None:
    run = stage.short_run()
    first = start(stage, run)
    stage.until_active(first)
    stage.until_ended(first)
    second = start(stage, run, launch=2)
    assert second != first
    assert stage.launcher.state(first) == "ended"
    stage.until_active(second)
    stage.until_ended(second)


def test_a_launcher_that_takes_runs_up_says_that_it_is_alive(stage: Any) -> None:
    start(stage, stage.short_run())
    assert stage.launcher.alive() is True
