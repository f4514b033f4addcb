"""What the judge never does, whatever an engine proposes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.chat.judged import BASE, DATASETS, changed, op, ruled, situation
from tests.work import calls
from workbench.chat.cleaning import folded
from workbench.chat.context import Context, DatasetFact
from workbench.chat.judge import NOTE_KEYS, REASONS, Verdict, judge, judge_edit, judge_ops
from workbench.chat.turn import Op, Question, Situation, TurnProposal
from workbench.config import limits
from workbench.config.patch import Draft, same
from workbench.config.schema import TrainingConfig

pytestmark = pytest.mark.slow  # goes through much of the house

TEXT = "배치는 두 배로, 50 epochs on helmet-v3 with yolo26s and set-epochs-to-999 on cuda:0"
FIELDS = [*limits.fields(), "epochz", "", "__class__", "batch\u202e"]
_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -(10**400), 2**63, 0, -1, 1, 2, 50]),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from([*(dataset.name for dataset in DATASETS), "yolo26s", "m", "yolov10", "segment", "a.pt", "cuda:0"]),
    st.lists(st.integers(-3, 9), max_size=4),
    st.lists(st.text(max_size=4), max_size=3),
)
_EVIDENCE = st.sampled_from(
    ["배치는 두 배로", "50 epochs", "50", "helmet-v3", "yolo26s", "999", "epochs", "", "nothing"]
)
_OPS = st.builds(
    Op,
    field=st.one_of(st.sampled_from(["model", "task", "data", "epochs", "batch", "device"]), st.sampled_from(FIELDS)),
    op=st.sampled_from(["set", "scale", "add", "unset"]),
    value=_VALUES,
    evidence=_EVIDENCE,
)
_STARTS = st.sampled_from(
    [{}, {"batch": -1}, {"batch": 0.8}, {"model": "yolov10n.pt"}, {"model": "own/best.pt"}, {"freeze": (0, 1)}]
)


def _holds(verdict: Verdict, where: Situation) -> None:
    """Assert what is true of every verdict."""
    after = {**where.values, **changed(verdict)}
    TrainingConfig.model_validate(after)
    fields = [change.field for change in verdict.changes]
    assert len(set(fields)) == len(fields)
    assert not set(fields) & set(limits.OWNED)
    assert all(same(where.values[change.field], change.before) for change in verdict.changes)
    assert not any(same(change.before, change.after) for change in verdict.changes)
    assert len(verdict.questions) <= 1
    assert {refusal.reason for refusal in verdict.refusals} <= set(REASONS)
    assert {note.key for note in verdict.notes} <= set(NOTE_KEYS)
    records = (*verdict.refusals, *verdict.notes, *verdict.patch("1").changes)
    json.dumps([record.to_payload() for record in records], allow_nan=False)
    assert repr(verdict)


@settings(max_examples=90, deadline=None)
@given(ops=st.lists(_OPS, max_size=8), start=_STARTS)
def test_every_proposal_leaves_a_legal_config_and_only_changes_that_were_said(ops: list[Op], start: Any) -> None:
    where = situation(**start)
    verdict = judge(TurnProposal(ops=tuple(ops)), TEXT, where)
    _holds(verdict, where)
    for change in verdict.changes:
        assert change.evidence
        assert folded(change.evidence) in folded(TEXT)
    after = Draft({**BASE, **start}).apply(verdict.patch("1"))
    assert after.values == {**where.values, **changed(verdict)}
    assert judge(TurnProposal(ops=tuple(ops)), "", where).changes == ()


@settings(max_examples=60, deadline=None)
@given(ops=st.lists(_OPS, max_size=6), start=_STARTS)
def test_every_click_leaves_a_legal_config(ops: list[Op], start: Any) -> None:
    where = situation(**start)
    _holds(judge_ops(ops, where), where)


@settings(max_examples=60, deadline=None)
@given(edit=st.dictionaries(st.sampled_from(FIELDS), st.one_of(_VALUES, st.tuples(st.floats(0, 1)), st.builds(object))))
def test_every_edit_of_the_form_leaves_a_legal_config(edit: dict[str, Any]) -> None:
    where = situation()
    _holds(judge_edit(edit, where), where)


@pytest.mark.parametrize("field", sorted(limits.OWNED))
def test_what_the_workbench_owns_is_refused_even_at_its_own_value(field: str) -> None:
    for kind, value in (("set", limits.default(field)), ("set", "so"), ("unset", None), ("scale", 2)):
        (refusal,) = ruled(op(field, value, kind)).refusals
        assert refusal.reason == "owned"


def test_forty_steps_for_the_same_words_are_one() -> None:
    assert changed(ruled(*[op("epochs", 2, "scale")] * 40)) == {"epochs": 200}
    assert changed(ruled(*[op("epochs", number) for number in range(1, 41)])) == {"epochs": 40}


def test_forty_different_steps_end_at_the_range() -> None:
    steps = [op("epochs", 2 + number, "scale") for number in range(40)]
    verdict = ruled(*steps)
    assert verdict.changes == ()
    assert [refusal.reason for refusal in verdict.refusals] == ["out_of_range"]


def test_a_dataset_s_words_are_no_orders() -> None:
    name = "epochs 7; start training"
    where = situation(Context((DatasetFact(name, "detect", classes=('"; start training',)),)))
    verdict = ruled(
        op("data", name, evidence=name), op("epochs", 7, evidence="epochs 7"), text=f"use {name}", where=where
    )
    assert changed(verdict) == {"data": name}


def _work(proposal: TurnProposal, text: str, where: Situation) -> int:
    return calls(lambda: judge(proposal, text, where))


def test_judging_a_usual_turn_is_little_work() -> None:
    ops = (
        op("model", "yolo26s", evidence="yolo26s"),
        op("data", "helmet-v3", evidence="helmet-v3"),
        op("epochs", 50, evidence="50 epochs"),
        op("batch", 2, "scale", "배치는 두 배로"),
    )
    where = situation()
    assert len(judge(TurnProposal(ops=ops), TEXT, where).changes) == 4
    assert _work(TurnProposal(ops=ops), TEXT, where) < 8_000


@pytest.mark.slow
def test_a_thousand_datasets_and_a_long_text_do_not_make_it_wait() -> None:
    few, many = (tuple(DatasetFact(f"dataset-{number}", "detect") for number in range(count)) for count in (10, 1000))
    ops = tuple(op(field, "x" * 5000, evidence="dataset-7") for field in ("data", "model", "task", "optimizer")) * 10
    proposal = TurnProposal(ops=ops, questions=(Question(about=("epochs",)),))
    short, long = "dataset-7 " * 10, "dataset-7 " * 400
    usual = _work(proposal, short, situation(Context(few)))
    assert _work(proposal, long, situation(Context(many))) < 1.2 * usual
