"""The short forms of the fault suites: one kill of each kind, a few cancels, a few healthy runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import cancels, kills, quiet
from tests.faults.stage import Stage
from tests.faults.suite import read

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PREFECT_API_URL", raising=False)
        patch.delenv("DATABASE_URL", raising=False)
        stage = Stage(tmp_path_factory.mktemp("stage"), patch.setenv)
        yield stage
        stage.close()


@pytest.mark.parametrize("number", range(7))
def test_a_run_survives_kill_9(stage: Stage, number: int) -> None:
    case = kills.draw(number)
    assert case.trainer == "light"
    seen = kills.play(stage, case)
    assert seen["killed"], "there was something to kill"


@pytest.mark.parametrize("number", range(3))
def test_a_cancelled_run_ends_soon_saves_and_leaves_nothing(stage: Stage, number: int) -> None:
    case = cancels.draw(number)
    assert case.way == cancels.WAYS[number]
    cancels.play(stage, case)


def test_healthy_runs_are_left_alone(stage: Stage, tmp_path: Path) -> None:
    results = tmp_path / "quiet.jsonl"
    quiet.play(stage, [1, 2, 3, 9], results)
    assert [row.get("problem") for row in read(results)] == [None] * 4
