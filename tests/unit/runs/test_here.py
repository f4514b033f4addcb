"""Noting metrics from code that was not handed its job."""

from __future__ import annotations

from pathlib import Path

import pytest

import workbench as wb
from workbench.errors import ParameterError
from workbench.metrics.rows import current
from workbench.metrics.tail import read_events
from workbench.runs import here
from workbench.settings import ATTEMPT


def test_a_process_of_a_run_notes_metrics_of_that_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ATTEMPT, str(tmp_path / "runs" / "mine" / "attempts" / "2"))
    here._writer.cache_clear()
    wb.log(3, {"loss": 0.5}, scope="epoch", epoch=3)
    here._writer().close()
    here._writer.cache_clear()
    events = read_events(tmp_path / "runs" / "mine" / "events")
    assert [(row["step"], row["values"], row["epoch"]) for row in current(events)] == [(3, {"loss": 0.5}, 3)]
    assert events[0]["writer"].startswith("log-2.")


def test_a_process_outside_of_a_run_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ATTEMPT, raising=False)
    with pytest.raises(ParameterError, match="part of no run"):
        wb.log(1, {"loss": 1.0})
