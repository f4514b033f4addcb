"""The config while it is edited: patches, where values come from, and the ways back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.config.patch import Change, Draft, Patch, Provenance, Source, same
from workbench.config.schema import DEFAULTS, TrainingConfig
from workbench.errors import ConfigError


def edited(draft: Draft, turn: str, source: Source = "user", **values: Any) -> Draft:
    """Return the draft after one turn's edit."""
    changes = (Change(name, draft.values[name], value, source, f"words of {turn}") for name, value in values.items())
    return draft.apply(Patch(tuple(changes), turn))


def after(draft: Draft, patch: Patch | None) -> Draft:
    assert patch is not None
    return draft.apply(patch)


def test_a_draft_starts_as_its_base_with_the_task_that_the_model_implies() -> None:
    draft = Draft({"model": "yolo26n-seg.pt"})
    assert draft.values == {**DEFAULTS, "model": "yolo26n-seg.pt", "task": "segment"}
    assert draft.changes() == {}
    assert draft.config() == TrainingConfig(model="yolo26n-seg.pt")


def test_a_base_that_is_no_config_is_refused() -> None:
    with pytest.raises(ConfigError, match="epochs=0"):
        Draft({"epochs": 0})


def test_a_draft_may_start_elsewhere_and_no_undo_goes_back_behind_that() -> None:
    draft = Draft({"epochs": 20}, {"epochs": 50, "model": "yolo26n-seg.pt"})
    assert draft.changes() == {"epochs": 50, "model": "yolo26n-seg.pt", "task": "segment"}
    assert draft.provenance("epochs") == Provenance(50, "user", previous=20)
    assert draft.provenance("batch") == Provenance(16)
    assert draft.undo() is None
    assert draft.undo_field("epochs") is None
    assert draft.apply(draft.reset()).values == draft.base


def test_an_edit_leaves_the_draft_that_it_was_made_on_as_it_was() -> None:
    draft = Draft()
    assert edited(draft, "1", epochs=50).changes() == {"epochs": 50}
    assert draft.changes() == {}
    with pytest.raises(TypeError):
        draft.values["epochs"] = 3  # type: ignore[index]


def test_a_field_knows_who_wanted_it_in_which_words_and_what_was_before() -> None:
    draft = edited(edited(Draft(), "1", epochs=50), "2", "dataset", epochs=80)
    assert draft.provenance("epochs") == Provenance(80, "dataset", "2", "words of 2", 50)
    assert draft.provenance("batch") == Provenance(16)


def test_a_field_that_no_config_has_is_refused_everywhere() -> None:
    draft = Draft()
    for ask in (
        lambda: draft.provenance("epoch"),
        lambda: draft.undo_field("epoch"),
        lambda: draft.reset(("epoch",)),
        lambda: draft.apply(Patch((Change("epoch", 1, 2, "user"),))),
    ):
        with pytest.raises(ConfigError, match="Did you mean 'epochs'"):
            ask()


def test_an_edit_that_changes_nothing_is_nothing_to_undo() -> None:
    draft = edited(Draft(), "1", epochs=100)
    assert draft.undo() is None
    assert edited(edited(Draft(), "1", epochs=50), "2", epochs=50).undo_turn("2") is None


def test_true_is_another_value_than_one() -> None:
    assert not same(True, 1)
    assert not same(1, 1.0)
    assert edited(Draft({"fraction": 1.0}), "1", amp="fp16").changes() == {"amp": "fp16"}


def test_undo_takes_back_a_turn_as_a_whole_and_redo_does_it_again() -> None:
    draft = edited(edited(Draft(), "1", epochs=50, batch=8), "2", lr0=0.1)
    back = after(draft, draft.undo(2))
    assert back.changes() == {}
    assert back.provenance("batch") == Provenance(16)
    again = after(back, back.redo())
    assert again.changes() == {"epochs": 50, "batch": 8}
    assert after(again, again.redo()).values == draft.values
    assert after(again, again.redo()).provenance("lr0") == draft.provenance("lr0")


def test_two_patches_of_one_turn_go_back_as_one() -> None:
    """A reset and what was wanted besides it are one turn."""
    draft = edited(Draft(), "1", epochs=50, batch=8)
    reset = draft.apply(replace(draft.reset(), turn="2"))
    both = edited(reset, "2", batch=4, epochs=50)
    assert both.changes() == {"epochs": 50, "batch": 4}
    back = after(both, both.undo())
    assert back.values == draft.values
    assert after(back, back.redo()).values == both.values
    assert after(both, both.undo_turn("2")).values == draft.values


def test_patches_of_no_turn_stay_apart() -> None:
    draft = edited(edited(Draft(), "", epochs=50), "", batch=8)
    assert after(draft, draft.undo()).changes() == {"epochs": 50}


def test_more_steps_than_there_are_take_back_what_there_is() -> None:
    draft = edited(Draft(), "1", epochs=50)
    patch = draft.undo(100)
    assert patch is not None
    assert (patch.kind, patch.entries) == ("undo", (1,))
    assert after(draft, patch).undo() is None


def test_no_steps_are_no_undo() -> None:
    assert edited(Draft(), "1", epochs=50).undo(0) is None


def test_an_undo_can_be_undone_only_by_redo() -> None:
    """Undo after undo goes further back, and does not swing to and fro."""
    draft = edited(edited(Draft(), "1", epochs=50), "2", epochs=30)
    first = after(draft, draft.undo())
    assert after(first, first.undo()).values["epochs"] == 100


def test_a_new_edit_ends_what_could_be_redone() -> None:
    draft = edited(Draft(), "1", epochs=50)
    draft = edited(after(draft, draft.undo()), "2", batch=8)
    assert draft.redo() is None


def test_an_edit_that_changes_nothing_leaves_what_could_be_redone() -> None:
    draft = edited(Draft(), "1", epochs=50)
    back = edited(after(draft, draft.undo()), "2", epochs=100)
    assert after(back, back.redo()).changes() == {"epochs": 50}


def test_a_field_goes_back_alone_past_later_changes_of_others() -> None:
    draft = edited(edited(edited(Draft(), "1", epochs=50), "2", batch=8), "3", epochs=30)
    once = after(draft, draft.undo_field("epochs"))
    assert once.changes() == {"epochs": 50, "batch": 8}
    twice = after(once, once.undo_field("epochs"))
    assert twice.changes() == {"batch": 8}
    assert twice.undo_field("epochs") is None


def test_a_field_that_went_back_says_where_its_old_value_came_from() -> None:
    draft = edited(edited(Draft(), "1", epochs=50), "2", epochs=30)
    assert after(draft, draft.undo_field("epochs")).provenance("epochs").turn == "1"


def test_the_undo_of_one_field_can_be_undone_and_redone() -> None:
    draft = edited(edited(Draft(), "1", epochs=50), "2", batch=8)
    back = after(draft, draft.undo_field("epochs"))
    for way in (back.undo(), back.redo()):
        again = after(back, way)
        assert again.changes() == {"epochs": 50, "batch": 8}
        assert again.provenance("epochs") == draft.provenance("epochs")
    restored = after(back, back.redo())
    assert restored.redo() is None
    assert after(restored, restored.undo()).changes() == {"epochs": 50}


def test_an_old_turn_goes_back_among_later_ones_except_what_was_changed_again() -> None:
    draft = edited(edited(edited(Draft(), "1", epochs=50, batch=8), "2", lr0=0.1), "3", epochs=30)
    patch = draft.undo_turn("1")
    assert patch is not None
    assert patch.kept == ("epochs",)
    back = draft.apply(patch)
    assert back.changes() == {"lr0": 0.1, "epochs": 30}
    assert after(back, back.redo()).values == draft.values
    assert after(back, back.undo(3)).changes() == {}


def test_an_old_turn_of_which_nothing_is_left_says_so_and_stays() -> None:
    draft = edited(edited(Draft(), "1", epochs=50), "2", epochs=30)
    patch = draft.undo_turn("1")
    assert patch is not None
    assert (patch.changes, patch.kept) == ((), ("epochs",))
    assert after(draft, draft.apply(patch).undo(2)).changes() == {}


def test_redo_does_again_only_what_the_undo_took_back() -> None:
    draft = edited(edited(Draft(), "1", epochs=50, batch=8), "2", epochs=100)
    back = after(draft, draft.undo_turn("1"))
    assert after(back, back.redo()).changes() == {"batch": 8}


def test_a_way_back_worked_out_before_another_edit_moves_only_what_still_holds() -> None:
    """The form changes a field after the chat has offered its undo."""
    draft = edited(Draft(), "1", epochs=50, batch=8)
    offered = draft.undo()
    assert offered is not None
    now = edited(draft, "form", epochs=30)
    assert now.apply(offered).changes() == {"epochs": 30}
    alone = draft.undo_field("epochs")
    assert alone is not None
    assert now.apply(alone).changes() == {"epochs": 30, "batch": 8}


def test_the_same_way_back_twice_goes_back_once() -> None:
    draft = edited(edited(Draft(), "1", epochs=50), "2", epochs=30)
    patch = draft.undo()
    assert patch is not None
    once = draft.apply(patch)
    assert once.apply(patch).values == once.values


def test_model_and_task_go_back_together() -> None:
    draft = edited(edited(Draft(), "1", model="yolo26n-seg.yaml", task="segment"), "2", batch=8)
    for field in ("model", "task"):
        assert after(draft, draft.undo_field(field)).changes() == {"batch": 8}


def test_a_task_goes_back_with_a_model_that_was_changed_again() -> None:
    draft = edited(Draft(), "1", model="yolo26n-seg.yaml", task="segment")
    draft = edited(draft, "2", model="yolo26m-seg.yaml")
    back = after(draft, draft.undo_field("task"))
    assert (back.values["task"], back.values["model"]) == ("detect", "yolo26n.yaml")


def test_a_size_goes_back_without_the_task() -> None:
    draft = edited(Draft(), "1", model="yolo26n-seg.yaml", task="segment")
    draft = edited(draft, "2", model="yolo26m-seg.yaml")
    back = after(draft, draft.undo_field("model"))
    assert (back.values["task"], back.values["model"]) == ("segment", "yolo26n-seg.yaml")


def test_no_way_back_leaves_a_model_that_does_not_fit_its_task() -> None:
    draft = edited(Draft(), "1", model="yolo26n-seg.yaml", task="segment", epochs=50)
    draft = edited(draft, "2", model="yolo26m-seg.yaml")
    patch = draft.undo_turn("1")
    assert patch is not None
    assert set(patch.kept) == {"model", "task"}
    assert draft.apply(patch).changes() == {"model": "yolo26m-seg.yaml", "task": "segment"}


def test_a_dataset_goes_back_with_the_task_that_it_brought() -> None:
    draft = Draft()
    changes = (
        Change("data", "", "crack", "user"),
        Change("task", "detect", "segment", "dataset"),
        Change("model", "yolo26n.yaml", "yolo26n-seg.yaml", "dataset"),
    )
    draft = draft.apply(Patch(changes, "1"))
    assert after(draft, draft.undo_field("data")).changes() == {}
    assert after(draft, draft.undo_field("task")).changes() == {"data": "crack"}


def test_a_reset_is_an_edit_that_can_be_undone() -> None:
    draft = edited(Draft({"epochs": 20}), "1", epochs=50, batch=8, model="yolo26n-seg.yaml", task="segment")
    clean = draft.apply(draft.reset())
    assert clean.values == clean.base
    assert clean.provenance("epochs") == Provenance(20, "default", "", "", 50)
    assert after(clean, clean.undo()).values == draft.values
    assert Draft().reset().changes == ()


def test_a_reset_of_some_fields_keeps_the_others_and_never_parts_model_and_task() -> None:
    draft = edited(Draft(), "1", epochs=50, batch=8, model="yolo26n-seg.yaml", task="segment")
    assert draft.apply(draft.reset(("epochs",))).changes().keys() == {"batch", "model", "task"}
    for field in ("model", "task"):
        assert draft.apply(draft.reset((field,))).changes() == {"epochs": 50, "batch": 8}


def test_the_digest_is_that_of_the_values_however_they_came_about() -> None:
    draft = edited(edited(Draft(), "1", epochs=50, mixup=0.2), "2", mixup=-0.0, freeze=(0, 1))
    other = edited(Draft(), "form", freeze=(0, 1), epochs=50)
    assert draft.digest == other.digest
    assert len(draft.digest) == 64
    assert draft.digest != Draft().digest != edited(Draft(), "1", amp="fp16").digest


def test_a_patch_leads_back_by_its_inverse() -> None:
    patch = Patch((Change("epochs", 100, 50, "user", "fifty"), Change("batch", 16, 8, "user")), "1")
    back = patch.inverse()
    assert [(change.field, change.before, change.after) for change in back.changes] == [
        ("batch", 8, 16),
        ("epochs", 50, 100),
    ]
    assert Draft().apply(patch).apply(back).changes() == {}


def test_a_patch_survives_json() -> None:
    patch = Patch((Change("freeze", None, (0, "model.2"), "user", "앞쪽"),), "7", "note", "undo", (3, 4), ("batch",))
    assert Patch.from_payload(json.loads(json.dumps(patch.to_payload()))) == patch


def test_a_recorded_field_that_is_gone_is_left_out() -> None:
    payload = Patch((Change("epochs", 100, 50, "user"),), "1").to_payload()
    payload["changes"].append({"field": "half", "before": False, "after": True, "source": "user"})
    assert [change.field for change in Patch.from_payload(payload).changes] == ["epochs"]


@pytest.mark.parametrize(
    "payload",
    [None, [], {}, {"changes": 3}, {"changes": [{"field": "epochs"}]}, {"changes": [], "kind": "start"}],
    ids=str,
)
def test_what_is_no_patch_is_refused_in_three_beats(payload: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        Patch.from_payload(payload)
    assert all((caught.value.happened, caught.value.expected, caught.value.todo))


_EDITS = st.dictionaries(st.sampled_from(["epochs", "batch", "imgsz"]), st.integers(32, 36), min_size=1)
_WAYS = st.sampled_from(["undo", "redo", "undo_turn", "epochs", "batch"])


def _patch(draft: Draft, turn: str, step: Any) -> Patch | None:
    match step:
        case dict():
            return Patch(tuple(Change(name, draft.values[name], value, "user") for name, value in step.items()), turn)
        case "undo":
            return draft.undo()
        case "redo":
            return draft.redo()
        case "undo_turn":
            return draft.undo_turn("1")
    return draft.undo_field(step)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.one_of(_EDITS, _WAYS), max_size=14))
def test_a_patch_says_what_it_does_and_its_log_leads_to_the_same_draft(steps: list[Any]) -> None:
    draft, replayed = Draft(), Draft()
    for place, step in enumerate(steps):
        before, patch = draft, _patch(draft, str(place), step)
        if patch is not None:
            draft = draft.apply(patch)
            replayed = replayed.apply(Patch.from_payload(json.loads(json.dumps(patch.to_payload()))))
            moved = {name for name, value in draft.values.items() if not same(value, before.values[name])}
            said = {change.field: change for change in patch.changes if not same(change.before, change.after)}
            assert moved == set(said)
            assert all(same(draft.values[name], change.after) for name, change in said.items())
    assert replayed.values == draft.values
    assert replayed.digest == draft.digest
    assert [replayed.provenance(name) for name in DEFAULTS] == [draft.provenance(name) for name in DEFAULTS]
    assert {name: draft.provenance(name).value for name in DEFAULTS} == draft.values


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.one_of(_EDITS, st.sampled_from(["epochs", "batch", "undo"])), max_size=14))
def test_undo_leads_back_to_the_base_and_redo_to_the_newest_values(steps: list[Any]) -> None:
    draft = Draft()
    for place, step in enumerate(steps):
        if (patch := _patch(draft, str(place), step)) is not None:
            draft = draft.apply(patch)
    draft = edited(draft, "last", imgsz=64)
    back = after(draft, draft.undo(100))
    assert back.values == back.base
    assert after(back, back.redo(100)).values == draft.values
