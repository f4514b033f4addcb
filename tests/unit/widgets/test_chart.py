"""What a chart is answered: runs, metrics and points; and what of it can be set from Python."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.errors import ParameterError
from workbench.metrics.store.reader import RunMetrics
from workbench.metrics.writer import Writer
from workbench.runs.run import Run
from workbench.widgets.chart import Chart, watch
from workbench.widgets.state.chart import ChartModel, direction
from workbench.widgets.state.chart_series import smoothed
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow  # goes through much of the house

Record = Callable[..., str]
NAN = float("nan")


def measure(run: Run, losses: list[float], scope: str = "epoch", name: str = "train/loss") -> None:
    with Writer(run.paths.events, "train-1") as log:
        for step, loss in enumerate(losses, start=1):
            log.log(step, {name: loss}, scope=scope, epoch=1 + (step - 1) // 4, at=100.0 + step)


@pytest.fixture
def runs(workspace: Workspace, record: Record) -> list[Run]:
    """Two runs that differ in one setting."""
    ids = [record(config={"task": "detect", "lr0": rate, "epochs": 3}) for rate in (0.01, 0.02)]
    return [Run(workspace.ledger, workspace.dispatcher, run) for run in ids]


def ask(model: ChartModel, kind: str, **body: Any) -> Any:
    """Return data and buffers of an answer that strict JSON could say."""
    sent = model.answer({"v": 1, "id": "x", "kind": kind, "view": "v", **body})
    json.dumps(sent.content, allow_nan=False)
    assert sent.content["kind"] == "ok", sent.content
    return sent.content["data"], [np.frombuffer(part, "f8") if kind == "series" else part for part in sent.buffers]


def test_runs_are_told_by_the_settings_in_which_they_differ(runs: list[Run]) -> None:
    told, _ = ask(ChartModel(runs), "hello")
    assert [(run["id"], run["state"], run["differs"]) for run in told["runs"]] == [
        (runs[0].id, "queued", {"lr0": "0.01"}),
        (runs[1].id, "queued", {"lr0": "0.02"}),
    ]


def test_losses_and_the_headline_metric_are_shown_first(runs: list[Run]) -> None:
    with Writer(runs[0].paths.events, "train-1") as log:
        values = {"train/box_loss": 1.0, "metrics/mAP50-95(B)": 0.1, "metrics/recall(B)": 0.2, "lr/pg0": 0.01}
        log.log(1, values, scope="epoch")
        log.log(1, {"lr": 0.1}, scope="batch")
    told, _ = ask(ChartModel(runs), "hello")
    assert list(told["scopes"]) == ["epoch", "batch"]
    assert told["defaults"] == {"epoch": ["metrics/mAP50-95(B)", "train/box_loss"], "batch": ["lr"]}


@pytest.mark.parametrize(
    ("name", "best"),
    [("val/cls_loss", "min"), ("metrics/mAP50(B)", "max"), ("lr/pg0", ""), ("rmse", "min"), ("memory_gb", "")],
)
def test_the_best_of_a_loss_is_its_least(name: str, best: str) -> None:
    assert direction(name) == best


def test_points_of_several_runs_come_one_behind_the_other(runs: list[Run]) -> None:
    measure(runs[0], [3.0, 2.0, NAN])
    measure(runs[1], [5.0])
    told, (steps, at, values) = ask(ChartModel(runs), "series", scope="epoch", names=["train/loss"])
    assert [(one["run"], one["points"], one["total"]) for one in told["series"]] == [
        (runs[0].id, 3, 3),
        (runs[1].id, 1, 1),
    ]
    assert (steps.tolist(), at.tolist()) == ([1, 2, 3, 1], [101, 102, 103, 101])
    np.testing.assert_equal(values, [3.0, 2.0, NAN, 5.0])


def test_many_points_come_as_few_with_their_extremes(runs: list[Run]) -> None:
    measure(runs[0], [1.0] * 700 + [9.0] + [1.0] * 700 + [-9.0] + [1.0] * 700, scope="batch")
    told, (steps, _, values) = ask(ChartModel(runs), "series", scope="batch", names=["train/loss"], points=100)
    assert told["series"][0]["points"] <= 100
    assert (told["series"][0]["total"], values.min(), values.max()) == (2102, -9.0, 9.0)
    assert (steps[0], steps[-1]) == (1, 2102)


def test_a_part_in_view_has_its_own_detail(runs: list[Run]) -> None:
    measure(runs[0], [float(step) for step in range(1000)], scope="batch")
    body = {"scope": "batch", "names": ["train/loss"], "points": 50, "steps": {runs[0].id: [100, 120]}}
    _, (steps, _, _) = ask(ChartModel(runs[:1]), "series", **body)
    assert steps.tolist() == list(range(100, 121))


def test_the_average_is_taken_over_all_points_and_then_thinned(runs: list[Run]) -> None:
    values = np.random.default_rng(0).normal(size=3000)
    measure(runs[0], values.tolist(), scope="batch")
    body = {"scope": "batch", "names": ["train/loss"], "points": 100, "smoothing": 0.9}
    told, (steps, _, found) = ask(ChartModel(runs[:1]), "series", **body)
    raw, smooth = told["series"][0]["points"], told["series"][0]["smooth"]
    whole, _ = smoothed(values, 0.9)
    assert 50 < smooth <= 100
    np.testing.assert_allclose(found[raw:], whole[steps[raw:].astype(int) - 1])


def test_smoothing_is_what_tensorboard_does() -> None:
    values = np.random.default_rng(1).normal(size=500)
    values[[3, 77]] = NAN, np.inf
    for weight in (0.0, 0.3, 0.6, 0.999):
        last, count, expected = 0.0, 0, []
        for value in values:  # as in TensorBoard's line chart
            if np.isfinite(value):
                last, count = last * weight + (1 - weight) * value, count + 1
            expected.append(last / (1 - weight**count) if np.isfinite(value) else value)
        found, (biased, counted) = smoothed(values, weight)
        np.testing.assert_allclose(found, expected, atol=1e-12)
        assert (pytest.approx(last), count) == (biased, counted)


def test_it_is_told_at_which_step_each_epoch_begins(runs: list[Run]) -> None:
    measure(runs[0], [1.0] * 10, scope="batch")
    told, _ = ask(ChartModel(runs), "series", scope="batch", names=["train/loss"], epochs=True)
    assert told["epochs"] == {runs[0].id: [[1, 1], [2, 5], [3, 9]], runs[1].id: []}


def test_a_run_without_points_and_a_metric_of_one_run_only_are_no_errors(runs: list[Run]) -> None:
    measure(runs[0], [1.0], name="own")
    told, _ = ask(ChartModel(runs), "series", scope="epoch", names=["own", "nobodys"])
    assert [(one["name"], one["points"]) for one in told["series"]] == [
        ("own", 1),
        ("nobodys", 0),
        ("own", 0),
        ("nobodys", 0),
    ]


def test_a_deleted_run_is_called_deleted_and_the_others_are_shown(workspace: Workspace, runs: list[Run]) -> None:
    measure(runs[1], [2.0])
    model = ChartModel(runs)
    workspace.dispatcher.cancel(workspace.ledger, runs[0].id, "test")
    workspace.delete(runs[0])
    told, _ = ask(model, "hello")
    assert [run["state"] for run in told["runs"]] == ["deleted", "queued"]
    told, (_, _, values) = ask(model, "series", scope="epoch", names=["train/loss"])
    assert values.tolist() == [2.0]


def test_all_points_of_a_metric_come_as_csv(runs: list[Run]) -> None:
    measure(runs[0], [3.0, NAN])
    told, (text,) = ask(ChartModel(runs), "csv", scope="epoch", name="train/loss", runs=[run.id for run in runs])
    assert text.decode().split() == [
        "run,metric,epoch,unix_s,value",
        f"{runs[0].id},train/loss,1,101.000000,3.0",
        f"{runs[0].id},train/loss,2,102.000000,nan",
    ]
    assert told == {"rows": 2, "whole": True}


def test_no_run_and_too_many_are_refused(runs: list[Run]) -> None:
    with pytest.raises(ParameterError, match="no run"):
        watch([])
    many = [Run(runs[0]._ledger, runs[0]._dispatcher, f"train-{number}") for number in range(51)]
    with pytest.raises(ParameterError, match="51 runs"):
        watch(many)


@pytest.mark.parametrize(
    ("trait", "wrong"), [("smoothing", 1.5), ("axis", "epochs"), ("zoom", [3, 1]), ("zoom", [NAN, 1])]
)
def test_a_setting_out_of_its_range_is_refused(runs: list[Run], trait: str, wrong: Any) -> None:
    chart = watch(runs)
    before = getattr(chart, trait)
    with pytest.raises(ParameterError, match=trait):
        setattr(chart, trait, wrong)
    assert getattr(chart, trait) == before


def test_a_chart_tells_python_last_and_best_of_what_it_shows(runs: list[Run]) -> None:
    measure(runs[0], [3.0, 1.0, 2.0])
    (row,) = watch(runs[0]).summary()
    assert (row["name"], row["last"], row["best"], row["best_is"], row["best_step"]) == (
        "train/loss",
        2.0,
        1.0,
        "min",
        2,
    )


def test_its_text_names_its_runs(runs: list[Run]) -> None:
    chart = watch(runs[0], ["train/loss"], smoothing=0.6)
    assert isinstance(chart, Chart)
    assert repr(chart) == f"<Chart of {runs[0].id}>"
    assert (chart.metrics, chart.smoothing) == (["train/loss"], 0.6)


def test_a_million_points_are_smoothed_in_time(tmp_path: Path) -> None:
    assert RunMetrics(tmp_path, tmp_path).keys() == []
    found, (_, count) = smoothed(np.ones(1_000_000), 0.99)
    assert count == 1_000_000
    np.testing.assert_allclose(found, 1.0)
