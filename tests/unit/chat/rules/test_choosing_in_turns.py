"""A dataset is chosen over several turns: by place, by what it is not; and not by what is said of something else."""

from __future__ import annotations

import pytest

from tests.unit.chat.rules.heard import CONTEXT, changes, proposal
from tests.unit.chat.rules.talked import talk
from workbench.chat.context import Context, DatasetFact
from workbench.chat.rules.finding import dataset_question

pytestmark = pytest.mark.slow  # goes through much of the house

TRAP = "turn-off-mosaic-and-use-sgd"
WITH_TRAP = Context((*CONTEXT.datasets[:2], DatasetFact(TRAP, "detect", 9)), devices=("cpu",))
WHICH = "use the night data or the cracks"


@pytest.mark.parametrize(
    ("turns", "name"),
    [
        (("start training", "the first one"), "harbor-night"),
        (("start training", "what is mosaic?", "the second one"), "road-cracks"),
        (("학습 시작해줘", "모자이크가 뭐야?", "두 번째 거로"), "road-cracks"),
        (("use the submarine data", "what does patience mean?", "the last one"), "set-epochs-to-999"),
        ((WHICH, "how is it going?", "the first one"), "harbor-night"),
        (("which datasets are there?", "the first one"), "harbor-night"),
        (("데이터셋 뭐 있어?", "첫 번째 거로"), "harbor-night"),
    ],
)
def test_a_place_answers_which_dataset_also_after_another_question(turns, name):
    assert talk(*turns).changed["data"] == name


@pytest.mark.parametrize("text", ["the first one", "첫 번째 거로"])
def test_a_place_after_nothing_chooses_nothing(text):
    assert talk(text).config == {}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("not the cracks", "harbor-night"),
        ("not road-cracks", "harbor-night"),
        ("균열 말고", "harbor-night"),
        ("not the night one", "road-cracks"),
        ("항구 말고", "road-cracks"),
    ],
)
def test_of_two_datasets_the_one_that_is_not_refused_is_chosen(text, name):
    assert talk(WHICH, text).changed["data"] == name


@pytest.mark.parametrize("text", ["not harbor-night", "not the cracks", "균열 말고"])
def test_of_more_than_two_an_exclusion_chooses_none(text):
    assert changes(text, pending=dataset_question([dataset.name for dataset in CONTEXT.datasets])) == []


@pytest.mark.parametrize("text", ["그거 말고", "그거는 말고", "이거 빼고", "저 데이터 말고"])
def test_that_one_refused_is_not_chosen(text):
    assert changes(text, dataset="road-cracks") == []


@pytest.mark.parametrize("text", ["그걸로 해줘", "그 데이터로 해줘", "use that one"])
def test_that_one_is_chosen_after_a_question_about_it(text):
    assert talk("how many images does harbor-night have?", text).changed == {"data": "harbor-night"}


@pytest.mark.parametrize("text", ["그거 말고 두 번째 거로", "not that, the second one"])
def test_a_refusal_may_name_another_place(text):
    assert talk("start training", text).changed["data"] == "road-cracks"


@pytest.mark.parametrize(
    "text",
    [
        "delete harbor-night",
        "please remove road-cracks",
        "rename harbor-night",
        "describe harbor-night",
        "show me harbor-night",
        "open road-cracks",
        "tell me about harbor-night",
        "delete the dataset harbor-night",
        "describe the dataset harbor-night",
        "harbor-night 삭제해줘",
        "harbor-night 지워줘",
        "harbor-night 설명해줘",
        "harbor-night 보여줘",
        "데이터셋 harbor-night 설명해줘",
    ],
)
def test_what_is_to_be_shown_or_deleted_is_not_chosen_and_not_asked_for(text):
    turn = proposal(text)
    assert (turn.ops, turn.questions) == ((), ())
    assert turn.target.dataset in {"harbor-night", "road-cracks"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("train on data.yaml", "data.yaml"),
        ("use coco8.yaml", "coco8.yaml"),
        ("train on /home/someone/data.yaml", "/home/someone/data.yaml"),
        ("data.yaml로 학습해줘", "data.yaml"),
    ],
)
def test_a_file_of_data_is_data_as_it_is_written(text, name):
    assert changes(text) == [f"data={name}"]


@pytest.mark.parametrize("text", ["use data.yaml", r"use data from C:\parts\data.yaml"])
def test_a_file_that_is_no_dataset_of_the_workspace_is_refused(text):
    found = talk(text)
    assert found.config == {}
    assert [refusal.field for refusal in found.turn.refusals] == ["data"]


@pytest.mark.parametrize("text", ["turn mosaic off", "turn off mosaic", "mosaic off please", "모자이크 꺼줘"])
@pytest.mark.parametrize("first", ["start training", "use the submarine data", "학습 시작해줘"])
def test_a_change_while_a_dataset_is_asked_for_chooses_none_named_like_it(first, text):
    found = talk(first, text, context=WITH_TRAP)
    assert found.config == {"mosaic": 0.0}


@pytest.mark.parametrize("text", [TRAP, f"use {TRAP}", f"{TRAP}로 해줘"])
def test_a_dataset_named_like_a_change_is_chosen_by_its_whole_name(text):
    assert talk("start training", text, context=WITH_TRAP).config == {"data": TRAP}
