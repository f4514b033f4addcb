"""``workbench runs metrics``, ``compare`` and ``query``."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench.metrics.writer import Writer
from workbench.runs.model import RunState
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow
Record = Callable[..., str]


@pytest.fixture
def run(workspace: Workspace, record: Record) -> str:
    made = record(name="first", config={"epochs": 2})
    with Writer(workspace.paths.run(made).events, "train-1") as log:
        log.log(1, {"metrics/mAP50(B)": 0.25, "loss": float("nan")}, scope="epoch", epoch=1)
        log.log(2, {"metrics/mAP50(B)": 0.5, "loss": 1.0}, scope="epoch", epoch=2)
        log.log(1, {"loss": 3.0})
    return made


def test_metrics_are_a_row_each(say: Any, run: str) -> None:
    answer = say("runs", "metrics", "first")
    assert answer.status == 0
    assert "metrics/mAP50(B)" in answer.out
    found = say("runs", "metrics", "first", "--scope", "epoch", "--json").json
    assert found["run"] == "first"
    assert [row[1] for row in found["rows"]] == ["loss", "metrics/mAP50(B)"]


def test_a_named_metric_is_printed_point_by_point(say: Any, run: str) -> None:
    answer = say("runs", "metrics", "first", "metrics/mAP50(B)", "--csv")
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    assert [(row["step"], row["value"]) for row in rows] == [("1", "0.25"), ("2", "0.5")]


def test_nan_is_a_word_in_json(say: Any, run: str) -> None:
    found = say("runs", "metrics", "first", "loss", "--scope", "epoch", "--json").json
    assert [row[3] for row in found["rows"]] == ["NaN", 1.0]


def test_a_run_without_metrics_says_so(say: Any, record: Record) -> None:
    made = record()
    assert "has measured nothing yet" in say("runs", "metrics", made).out


def test_an_unknown_metric_is_told_with_the_known_ones(say: Any, run: str) -> None:
    answer = say("runs", "metrics", "first", "los", "--scope", "epoch")
    assert answer.status == 2
    assert "Did you mean 'loss'?" in answer.err


def test_runs_are_put_side_by_side(say: Any, run: str, workspace: Workspace, record: Record) -> None:
    other = record(name="second", config={"epochs": 5})
    with Writer(workspace.paths.run(other).events, "train-1") as log:
        log.log(1, {"metrics/mAP50(B)": 0.75}, scope="epoch")
    found = say("runs", "compare", "first", "second", "--json").json
    assert found["settings"] == {run: {"epochs": 2}, other: {"epochs": 5}}
    assert found["metrics"][other] == {"metrics/mAP50(B)": 0.75}
    text = say("runs", "compare", "first", "second", "--metric", "metrics/mAP50(B)").out
    assert "0.75" in text
    assert "epochs" in text
    assert "loss" not in text
    assert say("runs", "compare", "first", "second", "--csv").out.splitlines()[0] == f",{run},{other}"


def test_a_run_that_has_ended_is_archived_and_read_there(
    say: Any, run: str, workspace: Workspace, tmp_path: Path
) -> None:
    uri = (tmp_path / "bucket" / "first").as_uri()
    refused = say("runs", "archive", "first", uri)
    assert (refused.status, "is queued" in refused.err) == (2, True)
    workspace.ledger.move(run, RunState.FAILED, "attempt-1")
    assert say("runs", "archive", "first", uri, "--json").json == {"run": run, "archive": uri}
    shutil.rmtree(workspace.paths.run(run).root)
    there = say("runs", "metrics", uri, "metrics/mAP50(B)", "--json").json
    assert [row[3] for row in there["rows"]] == [0.25, 0.5]
    assert say("runs", "metrics", (tmp_path / "nowhere").as_uri()).status == 1


def test_sql_answers_over_all_runs(say: Any, run: str) -> None:
    statement = "select name, max from summary where scope = 'epoch' order by name"
    found = say("runs", "query", statement, "--json").json
    assert (found["columns"], found["cut"]) == (["name", "max"], False)
    assert found["rows"][1] == ["metrics/mAP50(B)", 0.5]
    assert say("runs", "query", "select 1 where false").out.startswith("No row fits.")


def test_more_rows_than_the_limit_are_told(say: Any, run: str) -> None:
    answer = say("runs", "query", "select * from metrics", "--limit", "2", "--csv")
    assert len(answer.out.splitlines()) == 3
    assert "more than 2 rows" in answer.err


@pytest.mark.parametrize("statement", ["select * from nothing", "drop table metrics", "selec 1", ""])
def test_a_wrong_statement_is_the_requests_fault(say: Any, run: str, statement: str) -> None:
    answer = say("runs", "query", statement)
    assert answer.status == 2
    assert answer.err.startswith("Error: ")
