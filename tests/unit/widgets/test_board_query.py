"""Which runs a board shows, and in which order."""

from __future__ import annotations

import pytest

from workbench.widgets.state.board_query import Filter, Head, Rows, grouped, passes, sorted_by
from workbench.widgets.state.board_roster import Listed

pytestmark = pytest.mark.slow  # goes through much of the house


def listed(run_id: str, **fields: object) -> Listed:
    usual = {"name": "", "kind": "train", "notebook": "train", "project": "default", "session": "s", "tags": ()}
    usual |= {"model": None, "dataset": None, "source": None, "state": "completed", "created_at": run_id}
    usual |= {"seconds": None, "headline_name": None, "headline_value": None, "text": run_id}
    return Listed(id=run_id, **{**usual, **fields})  # type: ignore[arg-type]


def ids(items: object) -> list[str]:
    return [item.id if isinstance(item, Listed) else f"[{item.label}]" for item in items]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(), ["a", "b", "c"]),
        (Filter(text="NIGHT b"), ["b"]),
        (Filter(state=("failed", "queued")), ["a", "c"]),
        (Filter(tag=("x",)), ["a"]),
        (Filter(kind=("export",)), ["c"]),
        (Filter(project=("other",)), []),
    ],
)
def test_a_filter_lets_pass_what_has_all_words_and_one_of_each_list(wanted: Filter, found: list[str]) -> None:
    runs = [
        listed("a", state="failed", tags=("x", "y"), text="a night"),
        listed("b", text="b night"),
        listed("c", state="queued", notebook="export", text="c"),
    ]
    assert ids(filter(passes(wanted), runs)) == found


@pytest.mark.parametrize(("falling", "order"), [(False, ["b", "a", "c"]), (True, ["a", "b", "c"])])
def test_runs_without_a_value_come_last_whichever_way_they_are_sorted(falling: bool, order: list[str]) -> None:
    runs = [listed("c"), listed("a", headline_value=0.9), listed("b", headline_value=0.1)]
    assert ids(sorted_by(runs, lambda run: run.headline_value, falling=falling)) == order


def test_groups_stand_where_their_first_run_stands_and_a_closed_one_shows_its_head_only() -> None:
    runs = [listed("a", model="n"), listed("b"), listed("c", model="n", state="failed")]
    items = grouped(runs, lambda run: run.model, closed=["=n"])
    assert ids(items) == ["[n]", "[None]", "b"]
    assert items[0] == Head("=n", "n", 2, {"completed": 1, "failed": 1})


def test_a_run_without_the_setting_is_no_run_whose_setting_is_an_empty_text() -> None:
    heads = grouped([listed("a", model=""), listed("b")], lambda run: run.model, ())
    assert ids(heads) == ["[]", "a", "[None]", "b"]


def test_values_that_are_no_texts_are_grouped_as_json() -> None:
    assert ids(grouped([listed("a")], lambda run: [1, 2], ())) == ["[[1, 2]]", "a"]


def test_the_window_does_not_change_the_arrangement() -> None:
    assert Rows(start=0).arrangement == Rows(start=500, count=3).arrangement != Rows(sort="name").arrangement
