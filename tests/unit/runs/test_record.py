"""Tables and curves of a lab record."""

from __future__ import annotations

import pytest

from workbench.runs.model import DatasetLock, ModelLock, RunSpec
from workbench.runs.record import Table, curves, numbers, overview

pytestmark = pytest.mark.slow


def test_a_table_is_text_on_a_terminal_and_escaped_html_in_a_notebook() -> None:
    table = Table(("name", "value"), [("<b>", 1), ("long name", None)])
    assert repr(table) == "name       value\n<b>        1\nlong name"
    assert "&lt;b&gt;" in table._repr_html_()
    assert "<b>" not in table._repr_html_()


def test_an_empty_table_says_so() -> None:
    table = Table(("a",), [], "No runs yet.")
    assert repr(table) == "No runs yet."
    assert table._repr_html_() == "<p>No runs yet.</p>"


def test_an_overview_names_what_a_run_starts_from_and_leaves_out_what_it_has_not() -> None:
    spec = RunSpec(
        id="train-1",
        kind="train",
        notebook="train",
        project="p",
        session="s",
        model=ModelLock(ref="yolo26n.yaml", kind="scratch", task="detect", path="x"),
        dataset=DatasetLock(name="digits", uri="/d", digest="ab", images={"train": 3}, data_yaml="/d"),
    )
    shown = repr(overview(spec))
    assert "yolo26n.yaml (scratch, detect)" in shown
    assert "digits: 3 train" in shown
    assert "machine" not in shown


def test_numbers_show_words_for_what_is_not_finite() -> None:
    assert repr(numbers({"loss": "NaN", "map": 0.123456789})).splitlines()[1:] == ["loss    NaN", "map     0.12346"]


def test_curves_draw_losses_and_metrics_of_epochs_also_when_one_is_nan() -> None:
    events = [
        {"kind": "metrics", "scope": "epoch", "step": 1, "values": {"train/box": 2.0, "metrics/mAP50": 0.1}},
        {"kind": "metrics", "scope": "epoch", "step": 2, "values": {"train/box": "NaN", "metrics/mAP50": 0.2}},
        {"kind": "metrics", "scope": "batch", "step": 9, "values": {"train/box": 9.0}},
    ]
    loss, metric = curves(events, "a run").figure.axes
    assert [line.get_label() for line in loss.lines] == ["train/box"]
    assert list(metric.lines[0].get_ydata()) == [0.1, 0.2]


def test_curves_without_an_epoch_say_so() -> None:
    assert [text.get_text() for axes in curves([]).figure.axes for text in axes.texts] == [
        "no epoch has finished yet"
    ] * 2
