"""The short form of the suite that kills whoever writes a run's metrics."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import logs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_killed_writer_loses_nothing_that_it_acknowledged(tmp_path: Path, number: int) -> None:
    """Case 0 kills the writer alone; 1 and 3 also kill a process that compacts the run."""
    counted = logs.play(tmp_path / "case", number)
    assert counted["acknowledged"] > 0
    assert counted["looks"] > 0
    assert (counted["compactors_killed"] > 0) == (number > 0)
