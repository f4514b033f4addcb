"""Every notebook of the product, executed by papermill with a small load; what it shows is checked, value by value.

They work in the workspace of the one trained model. A notebook that nobody has written a check for fails.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.notebooks.executed import WIDGET, Executed, execute, found
from tests.trained import KOREAN, Trained
from workbench.runs.model import RunState
from workbench.runs.run import Run

pytestmark = pytest.mark.slow

SMALL = {"epochs": 1, "imgsz": 64, "fraction": 0.1}
Check = Callable[[Executed, Trained], None]


def nothing(trained: Trained) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True)
class Case:
    """How a notebook is tried.

    Attributes:
        check: looks at what it shows.
        parameters: what it is given beside the workspace; ``{run}`` stands for the trained run,
            ``{dataset}`` for its dataset, ``{session}`` for a new name.
        address: what is behind the question mark of a dashboard's address, likewise.
        around: what is to be there meanwhile.
    """

    check: Check
    parameters: Mapping[str, Any]
    address: str = ""
    around: Callable[[Trained], AbstractContextManager[None]] = nothing


CASES: dict[str, Case] = {}


def case(name: str, **parameters: Any) -> Callable[[Check], Check]:
    """Register the check of a notebook with parameters."""

    def register(check: Check) -> Check:
        CASES[name] = Case(check, parameters)
        return check

    return register


def page(
    name: str, address: str, around: Callable[[Trained], AbstractContextManager[None]] = nothing
) -> Callable[[Check], Check]:
    """Register the check of a dashboard."""

    def register(check: Check) -> Check:
        CASES[name] = Case(check, {}, address, around)
        return check

    return register


@case("studio/first_model", **SMALL)
def check_first_model(book: Executed, trained: Trained) -> None:
    result = book.value()
    run = trained.open().run(result["run"])
    assert (run.state, result["epochs"], result["metric"]) == (RunState.COMPLETED, 1, "metrics/mAP50-95(B)")
    assert run.result.headline is not None
    assert math.isfinite(result["value"])
    assert result["value"] == run.result.headline.value
    assert result["images predicted"] == 32
    assert run.spec.config is not None
    assert (run.spec.config["imgsz"], run.spec.config["fraction"]) == (64, 0.1)
    assert len(book.shown(WIDGET)) == 3, "the images, the live chart, the batches"
    assert run.id in book.text("wb.watch(run)")


@case("studio/own_data", images=16)
def check_own_data(book: Executed, trained: Trained) -> None:
    assert book.value() == {
        "dataset": "photographs",
        "images": {"train": 12, "val": 4},
        "found": ["label-outside"],
        "left": [],
        "classes": {"dahlia": 8, "pagoda": 8},
        "pagodas": 8,
    }
    dataset = trained.open().datasets.show("photographs")
    assert (dataset.blocking, dataset.report.dropped) == ({}, 0)
    assert len(book.shown(WIDGET)) == 1, "the images"


@case("studio/chat", session="{session}", engine="rules", **SMALL)
def check_chat(book: Executed, trained: Trained) -> None:
    result = book.value()
    run = trained.open().run(result["run"])
    expected = {"data": "digits", "epochs": 1, "batch": 8, "imgsz": 64, "fraction": 0.1, "mosaic": 0.0}
    assert (result["state"], result["config"], result["asked changed"]) == ("completed", expected, {})
    assert run.spec.config is not None
    assert {name: run.spec.config[name] for name in expected} == expected
    assert run.spec.config["lr0"] == 0.01, "it was taken back"
    assert ast.literal_eval(book.text("halved.changes")) == {"batch": (16, 8), "mosaic": (1.0, 0.0)}
    answers = book.shown("text/html")
    assert any("배치" in text for text in answers), "Korean is answered in Korean"
    assert any("0.9999" in text for text in answers), "an impossible momentum is refused with what is legal"
    assert len(book.shown(WIDGET)) == 1, "the run that was confirmed"


@case("studio/compare", run="{run}", changes={"epochs": 1, "fraction": 0.05})
def check_compare(book: Executed, trained: Trained) -> None:
    result = book.value()
    first, second = trained.report["run"], next(name for name in result["values"] if name != trained.report["run"])
    assert result["differs in"] == {first: {"epochs": 7, "fraction": 1.0}, second: {"epochs": 1, "fraction": 0.05}}
    assert result["values"][first] == trained.report["headline"]["value"]
    assert result["better"] == first, "seven epochs on all images are better than one on some"
    assert result["by"] == pytest.approx(result["values"][first] - result["values"][second])
    assert result["by"] > 0.05
    assert trained.open().run(second).state is RunState.COMPLETED
    assert book.value(-3) == {
        run: {"metrics/mAP50-95(B)": epochs, "train/box_loss": epochs} for run, epochs in ((first, 7), (second, 1))
    }
    assert len(book.shown(WIDGET)) == 2, "the chart and the board"


@case("studio/export_and_deploy", run="{run}")
def check_export_and_deploy(book: Executed, trained: Trained) -> None:
    result = book.value()
    assert result["passed"]
    assert trained.open().find_export(result["export"]).certificate["passed"]
    assert result["over http"] == result["here"] != []
    there, here = book.value(-4), book.value(-3)
    for one, other in zip(there, here, strict=True):
        assert one["box"] == pytest.approx(other["box"], abs=0.01)
        assert one["confidence"] == pytest.approx(other["confidence"], abs=1e-4)
    assert result["stopped"]
    assert trained.open().deployments.list() == []


@case("studio/workbench", lang="ko")
def check_studio(book: Executed, trained: Trained) -> None:
    assert any("<Studio of " in text for text in book.shown("text/plain"))
    assert book.shown("application/vnd.jupyter.widget-view+json"), "the page"
    tables = [text for text in book.shown("text/html") if "<table>" in text]
    assert any(trained.report["run"] in text for text in tables), "the runs as a table"


@page("dashboards/overview", "")
def check_overview(book: Executed, trained: Trained) -> None:
    text, ws = book.page(), trained.open()
    assert f"Runs {len(ws.ledger.rows())} " in text
    best = max(row.headline_value or 0.0 for row in ws.ledger.rows("train"))
    assert f"Best model {best:.4f} metrics/mAP50-95(B)" in text
    assert all(dataset.name in text for dataset in ws.datasets.list()[:4])


@page("dashboards/run", "run={run}&lang=ko")
def check_run(book: Executed, trained: Trained) -> None:
    text, run = book.page("ko"), trained.open().run(trained.report["run"])
    assert run.id in text
    assert f"{trained.report['headline']['value']:.4f} metrics/mAP50-95(B)" in text
    assert "imgsz 192" in text, "a setting that is not as usual"
    assert "완료" in text
    assert "train/box_loss" in text


@page("dashboards/dataset", "dataset={dataset}")
def check_dataset(book: Executed, trained: Trained) -> None:
    text = book.page()
    dataset = trained.open().datasets.show(_dataset(trained))
    assert dataset.name in text
    assert f"{sum(dataset.images.values())}" in text
    with dataset.index as index:
        for row in index.query("select name, objects from classes").to_pylist():
            assert row["name"] in KOREAN
            assert f"{row['name']} " in text
            assert f"{row['objects']:,}" in text


@contextmanager
def _deployed(trained: Trained) -> Iterator[None]:
    ws = trained.open()
    ws.deploy(trained.report["run"], "kiosk-7")
    try:
        yield
    finally:
        ws.deployments.stop("kiosk-7")


@page("dashboards/deployment", "", _deployed)
def check_deployment(book: Executed, trained: Trained) -> None:
    text = book.page()
    assert "kiosk-7" in text
    assert "running" in text
    assert trained.report["run"] in text, "what the model was trained by"


def _dataset(trained: Trained) -> str:
    dataset = trained.open().run(trained.report["run"]).spec.dataset
    assert dataset is not None
    return dataset.name


def _job(trained: Trained, job: str) -> Run:
    """Return a run that executed a job notebook: of the demo, of another test, or one that is made now."""
    for run in trained.open().runs(state="completed"):
        if run.spec.notebook == job:
            return run
    made = trained.command(job, trained.report["run"], "--json")
    assert made.returncode == 0, made.stderr
    return _job(trained, job)


@pytest.mark.parametrize("name", [name for name in found() if name.startswith("jobs/")])
def test_a_job_notebook_ran_as_a_run_and_left_its_result(name: str, trained: Trained) -> None:
    run = _job(trained, name.removeprefix("jobs/"))
    assert run.notebook is not None
    book = Executed(run.notebook)
    book.check_counts()
    assert run.result.headline is not None
    assert math.isfinite(run.result.headline.value)
    assert run.result.metrics[run.result.headline.name] == run.result.headline.value
    assert any(run.id in table for table in book.shown("text/html")), "what the run is"
    shown = " ".join(book.shown("text/html"))
    assert f"{run.result.headline.value:.5g}" in shown


@pytest.mark.parametrize("name", [name for name in found() if not name.startswith("jobs/")])
def test_a_notebook_runs_and_shows_the_right_values(
    name: str, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert name in CASES, "a notebook without a check: write one"
    tried = CASES[name]
    told = {"run": trained.report["run"], "dataset": _dataset(trained), "session": tmp_path.name}
    for variable, value in {**trained.variables, "QUERY_STRING": tried.address.format_map(told)}.items():
        monkeypatch.setenv(variable, value)
    given = {
        key: value.format_map(told) if isinstance(value, str) else value for key, value in tried.parameters.items()
    }
    if name.startswith("studio/"):  # who sees a dashboard chooses no workspace
        given["workspace"] = str(trained.workspace)
    with tried.around(trained):
        book = execute(name, given, tmp_path)
    book.check()
    tried.check(book, trained)


def test_no_check_is_of_a_notebook_that_is_gone() -> None:
    assert set(CASES) <= set(found())
