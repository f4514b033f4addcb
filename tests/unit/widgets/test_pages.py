"""The pages of the dashboards, as HTML."""

from __future__ import annotations

import math
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.conftest import Record
from tests.tiny import data_yaml
from workbench.deployments.model import Endpoint, write_record
from workbench.metrics.log import EventLog
from workbench.runs.model import DatasetLock, Headline, ModelLock, RunResult, RunState
from workbench.widgets.pages import Visit, dataset, deployment, overview, run
from workbench.widgets.pages.figures import Axis, Line, chart, ticks
from workbench.widgets.pages.page import PAGES, duration, link, number
from workbench.widgets.pages.texts import TEXTS
from workbench.widgets.pages.visit import choose_lang
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow  # goes through much of the house

HOSTILE = """<img src=x onerror=alert(1)>'"&{{ 7*7 }}"""
ALL = (overview, run, dataset, deployment)


class Parsed(HTMLParser):
    """The elements of a page, its attributes and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.said = ""
        self.feed(html)

    @property
    def words(self) -> str:
        """Its text, with single spaces."""
        return " ".join(self.said.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.said += f" {data}"


@pytest.fixture
def visit(workspace: Workspace) -> Visit:
    return Visit(workspace)


@pytest.fixture
def measured_runs(workspace: Workspace, record: Record) -> list[str]:
    """Three complete trainings, the second the best, of models and names that somebody typed."""
    found = []
    for day, value in ((1, 0.5), (2, 0.75), (3, 0.625)):
        run_id = record(
            id=f"train-2026010{day}-000000-00000{day}",
            created_at=f"2026-01-0{day}T00:00:00.000Z",
            name=HOSTILE,
            note=HOSTILE,
            tags=(HOSTILE,),
            config={"epochs": 3, "name": HOSTILE},
            model=ModelLock(ref=HOSTILE, kind="scratch", task="detect", path=""),
            dataset=DatasetLock(name=HOSTILE, uri="", digest="", images={}, data_yaml=""),
        )
        with EventLog(workspace.paths.run(run_id).events, "attempt-1") as log:
            for epoch in (1, 2, 3):
                values = {"train/loss": 1 / epoch, f"metrics/{HOSTILE}": value, "val/loss": math.nan}
                log.append("metrics", step=epoch, scope="epoch", values=values)
        headline = Headline(name="mAP50-95", value=value)
        workspace.ledger.complete(run_id, RunResult(run=run_id, attempt=1, headline=headline, seconds=90), "attempt-1")
        found.append(run_id)
    return found


@pytest.mark.parametrize("page", ALL)
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_a_new_workspace_has_pages_that_say_that_there_is_nothing(visit: Visit, page, lang) -> None:
    shown = page(replace(visit, lang=lang))
    parsed = Parsed(shown.html)
    assert ("lang", lang) in parsed.attributes
    empty = {"overview": "no_runs", "run": "no_runs", "dataset": "no_datasets", "deployment": "no_deployments"}
    assert TEXTS[lang][empty[page.__name__]] in parsed.said
    assert 'role="alert"' not in shown.html


def test_both_languages_say_the_same_things_with_the_same_gaps() -> None:
    assert TEXTS["en"].keys() == TEXTS["ko"].keys()
    for key, text in TEXTS["en"].items():
        assert text.count("{") == TEXTS["ko"][key].count("{"), key


def test_what_people_typed_is_text_wherever_it_stands(
    visit: Visit, workspace: Workspace, measured_runs: list[str]
) -> None:
    workspace.datasets.add(data_yaml(workspace.paths.root / HOSTILE.replace("/", "")[:20], images=2), name="drawn")
    folder = workspace.paths.deployments / "door"
    folder.mkdir(parents=True)
    write_record(Endpoint("door", HOSTILE, 2**22, 1, "2026-01-01T00:00:00+00:00", 0.0, HOSTILE, str(folder)))
    (folder / "endpoint.log").write_text(f"</pre>{HOSTILE}\n")
    for page, query in (
        (overview, {"project": HOSTILE}),
        (run, {"state": HOSTILE}),
        (run, {"run": measured_runs[0]}),
        (run, {"run": HOSTILE}),
        (dataset, {"dataset": "drawn"}),
        (dataset, {"dataset": HOSTILE}),
        (deployment, {}),
    ):
        html = page(replace(visit, query=query, lang="ko", chosen=True)).html
        parsed = Parsed(html)
        assert "<img src=x" not in html
        assert "49" not in [text.strip() for text in parsed.said.split()]
        assert not [name for name, _ in parsed.attributes if name.startswith("on")]
        assert "script" not in parsed.tags


def test_the_overview_names_the_best_model_and_counts_the_states(
    visit: Visit, measured_runs: list[str], record: Record
) -> None:
    record("train")
    said = Parsed(overview(visit).html).words
    assert "0.7500 mAP50-95" in said
    assert "queued 1 completed 3" in said
    assert f"run.ipynb?run={measured_runs[1]}" in overview(visit).html


def test_the_overview_of_a_project_leaves_out_the_others(visit: Visit, workspace: Workspace, record: Record) -> None:
    workspace.projects.create("other")
    here, there = record("train", id="train-here"), record("train", id="train-there", project="other")
    html = overview(replace(visit, query={"project": "other"})).html
    assert there in html
    assert f"run={here}" not in html


def test_less_is_better_for_a_loss(visit: Visit, workspace: Workspace, record: Record) -> None:
    for name, value in (("train-low", 0.125), ("train-high", 0.875)):
        record("train", id=name)
        result = RunResult(run=name, attempt=1, headline=Headline(name="val/loss", value=value))
        workspace.ledger.complete(name, result, "attempt-1")
    assert "0.1250 val/loss" in Parsed(overview(visit).html).words


def test_the_page_of_a_run_draws_what_is_finite_and_names_what_is_not(visit: Visit, measured_runs: list[str]) -> None:
    html = run(replace(visit, query={"run": measured_runs[0]})).html
    assert html.count("<svg") == 2
    assert "nan" not in html.lower().replace("none", "")
    assert "val/loss" in html


def test_a_run_that_goes_on_says_how_far_it_is(visit: Visit, workspace: Workspace, record: Record) -> None:
    going = record(config={"epochs": 4})
    workspace.paths.run(going).attempt(1).root.mkdir(parents=True)
    workspace.ledger.move(going, RunState.RUNNING, "attempt-1", attempt=1)
    with EventLog(workspace.paths.run(going).events, "attempt-1") as log:
        log.append("metrics", step=1, scope="epoch", values={"loss": 1.0})
    html = run(replace(visit, query={"run": going})).html
    assert "1 of 4 epochs" in html
    assert "data-live-slot" in html


@pytest.mark.parametrize(("page", "query"), [(run, {"run": "gone"}), (dataset, {"dataset": "gone"})])
def test_what_is_not_there_any_more_is_a_page_that_says_so(visit: Visit, page, query) -> None:
    said = Parsed(page(replace(visit, query=query)).html).said
    assert TEXTS["en"]["not_found"] in said


def test_the_page_of_a_dataset_counts_classes_and_shows_images(
    visit: Visit, workspace: Workspace, tmp_path: Path
) -> None:
    workspace.datasets.add(data_yaml(tmp_path / "drawn", images=4), name="drawn")
    html = dataset(visit).html
    assert html.count("data:image/webp;base64,") == 6
    said = Parsed(html).words
    assert "Images 6" in said
    assert "red 3 2 1" in said


def test_a_stopped_deployment_shows_its_last_words(visit: Visit, workspace: Workspace) -> None:
    folder = workspace.paths.deployments / "door"
    folder.mkdir(parents=True)
    write_record(Endpoint("door", "http://127.0.0.1:9", 2**22, 9, "2026-01-01T00:00:00+00:00", 0.0, "/x", str(folder)))
    (folder / "endpoint.log").write_text("\n".join(f"line {number}" for number in range(40)))
    said = Parsed(deployment(visit).html).said
    assert "stopped" in said
    assert "line 39" in said
    assert "line 27" not in said


@pytest.mark.parametrize(
    ("asked", "told", "accepted", "lang"),
    [
        ("ko", "en", "en", ("ko", True)),
        ("", "ko", "en-GB", ("ko", False)),
        ("", "auto", "ko-KR,ko;q=0.9,en;q=0.8", ("ko", False)),
        ("", "auto", "fr,en;q=0.5,ko;q=0.4", ("en", False)),
        ("xx", "", "", ("en", False)),
        ("", "", "ko;q=oops,,;q=", ("en", False)),
    ],
)
def test_the_address_then_the_command_then_the_browser_choose_the_language(asked, told, accepted, lang) -> None:
    assert choose_lang(asked, told, accepted) == lang


def test_links_keep_a_chosen_language_and_never_the_token(visit: Visit, measured_runs: list[str]) -> None:
    asked = replace(visit, lang="ko", chosen=True, query={"token": "secret", "lang": "ko", "run": measured_runs[0]})
    assert link(asked, "run", run="a b&c") == "run.ipynb?run=a+b%26c&lang=ko"
    for page in ALL:
        html = page(asked).html
        assert "secret" not in html
        for name in PAGES:
            assert f'href="{name}.ipynb?lang=ko"' in html


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.1, 0.11), (-5, 1e6), (1e-9, 2e-9), (3, 3.5)])
def test_ticks_are_few_round_numbers_within(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 2 <= len(found) <= 6
    assert all(low - 1e-9 <= tick <= high * (1 + 1e-9) for tick in found)


@pytest.mark.parametrize("values", [[], [math.nan], [math.inf, -math.inf]])
def test_a_figure_without_a_finite_point_is_none(values: list[float]) -> None:
    assert chart("x", [Line("a", list(enumerate(values)))]) == ""


@pytest.mark.parametrize("values", [[1.0], [2.0, 2.0, 2.0], [1e308, -1e308], [0.0, math.nan, 1.0]])
def test_any_other_figure_is_drawn_with_finite_places(values: list[float]) -> None:
    drawn = chart(HOSTILE, [Line(HOSTILE, list(enumerate(values)), step=True)], Axis((HOSTILE, "b")))
    assert "nan" not in drawn
    assert "inf" not in drawn
    assert "<img" not in drawn


def test_numbers_and_durations_are_written_short(visit: Visit) -> None:
    assert [number(value) for value in (None, math.nan, 0.5, 12345, 123456.0, 1e-7)] == [
        *("–", "–", "0.5000", "12,345", "1.235e+05", "1e-07"),
    ]
    assert [duration(visit, seconds) for seconds in (None, 5, 90, 7200)] == ["", "5 s", "1.5 min", "2.0 h"]
