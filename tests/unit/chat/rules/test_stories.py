"""What is told, quoted or pasted asks for nothing; what is asked for beside it counts."""

from __future__ import annotations

import pytest

from tests.unit.chat.rules.heard import changes, proposal, wanted
from workbench.chat.turn import ACTIONS

pytestmark = pytest.mark.slow  # goes through much of the house


@pytest.mark.parametrize(
    "text",
    [
        "I had two kids and zero patience",
        "I had two kids and zero patience and then a dog",
        "we had 30 epochs last year and zero patience",
        "나는 애가 둘이고 인내심이 제로야",
        "아이가 셋이라 patience가 제로야",
    ],
)
def test_a_story_goes_on_over_its_and(text):
    assert changes(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "yesterday I ran 300 epochs",
        "I used to run 300 epochs with batch 64",
        "the paper uses 300 epochs and lr 0.01",
        "last week batch 32 crashed",
        "we tried mosaic 0.3 and it was worse",
        "어제 300에폭 돌렸어",
        "예전에 배치 64로 썼었어",
        "논문에서는 300에폭을 썼대",
        "모자이크 0.3으로 해봤는데 별로였어",
    ],
)
def test_what_others_did_or_was_tried_before_changes_nothing(text):
    assert changes(text) == []


@pytest.mark.parametrize(
    "text",
    ["last time batch 64 crashed, and set the batch to 8", "배치 64로 돌려봤는데 8로 해줘", "we had batch 64, use 8"],
)
def test_a_request_ends_the_story(text):
    assert changes(text) == ["batch=8"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("epochs (50), batch (8)", ["epochs=50", "batch=8"]),
        ("에폭(50), 배치(8)", ["epochs=50", "batch=8"]),
        ("[epochs 50, batch 8]", ["epochs=50", "batch=8"]),
        ("epochs 50 (not 80)", ["epochs=50"]),
        ("set epochs to 50 (it was 100)", ["epochs=50"]),
        ("epochs [50]", ["epochs=50"]),
        ("(epochs 50", ["epochs=50"]),
        (")))epochs 50", ["epochs=50"]),
    ],
)
def test_brackets_hold_values_and_remarks(text, expected):
    assert changes(text) == expected


TRACE = 'Traceback (most recent call last):\n  File "train.py", line 3\n    '


@pytest.mark.parametrize(
    "text",
    [
        TRACE + "model.train(epochs=30, batch=64, imgsz=1280)\nRuntimeError: CUDA out of memory",
        TRACE + "stop()\nKeyError: 'epochs'",
        "ValueError: batch=64 is too large at /home/someone/train.py:12",
        "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 8.00 GiB total capacity)",
        "에러가 났어: RuntimeError: CUDA out of memory at batch 64",
    ],
)
def test_a_pasted_error_asks_for_nothing(text):
    turn = proposal(text)
    assert (turn.ops, turn.questions) == ((), ())
    assert turn.intent not in ACTIONS


def test_what_is_said_below_a_pasted_trace_counts():
    assert changes(TRACE + "train()\nRuntimeError: CUDA out of memory\nset the batch to 8") == ["batch=8"]


@pytest.mark.parametrize(
    "text",
    [
        "when I start the run tomorrow, set the batch to 8",
        "when I start the run tomorrow the batch should be 8",
        "내일 학습 시작할 때 배치 8로 할 거야",
        "내일 시작하자",
        "100 에폭 후에 배포할 예정이야",
        "I'll deploy it on friday",
        "we plan to export it next week",
        "make it 20 epochs and I'll start it myself",
        "배포는 나중에 할게 에폭만 30",
        "시작은 내가 할게",
        "before we start, set batch 8",
        "set epochs to 5 before starting",
        "내보내기 전에 에폭 50",
        "배포하기 전에 배치 8로",
    ],
)
def test_an_action_of_another_time_is_not_offered(text):
    assert wanted(text, data="harbor-night") not in ACTIONS


@pytest.mark.parametrize(
    "text",
    [
        "the deploy button is gray",
        "the export took 5 minutes",
        "the run stopped at epoch 8",
        "once deployed, how do I call it?",
        "after exporting I'd like to know the size",
        "resume is a word",
        "start over? no",
        "not starting today",
        "시작 버튼 어디 있어",
        "멈춘 이유가 뭐야",
        "클래스 이름이 stop이야",
        "'학습 시작해' 라는 클래스가 있어",
        "이어서 학습하는 법",
        "배포하는 방법 알려줘",
        "restart하면 가중치 날아가?",
        "학습 시작했어?",
    ],
)
def test_an_action_that_is_a_thing_or_a_topic_is_not_offered(text):
    assert wanted(text, data="harbor-night") not in ACTIONS


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("start with batch 8", "batch=8"),
        ("let's start with 50 epochs", "epochs=50"),
        ("raise the batch by 8 to start with", "batch+8"),
        ("to begin with, epochs 30", "epochs=30"),
        ("stop early after 20 epochs", "patience=20"),
        ("stopping early at 20 epochs", "patience=20"),
        ("I would start with a small model", "model=s"),
    ],
)
def test_to_start_with_a_value_sets_it_and_starts_nothing(text, change):
    assert changes(text, data="harbor-night") == [change]
    assert wanted(text, data="harbor-night") == "configure"
