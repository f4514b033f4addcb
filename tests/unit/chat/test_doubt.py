"""Whether the words that a model quotes carry the change that it makes of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.work import calls
from workbench.chat.doubt import doubted
from workbench.chat.doubt.numerals import numerals
from workbench.chat.turn import Memory, Op, Option, Question, TurnProposal


def op(field: str, value: Any, evidence: str, kind: Any = "set") -> Op:
    return Op(field=field, op=kind, value=value, evidence=evidence)


def sure(text: str, *ops: Op, memory: Memory | None = None) -> list[str]:
    """Return the fields of the ops that keep their words."""
    found = doubted(TurnProposal(ops=ops), text, memory or Memory())
    return [each.field for each in found.ops if each.evidence]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("50 epochs, 0.01 and 1e-3", [50, 0.01, 0.001]),
        ("1,000 images, 2.5k, 3천, 2만", [1000, 2500, 3000, 20_000]),
        ("one hundred and twenty", [120]),
        ("a hundred, six forty, twelve eighty, twenty-five", [100, 640, 1280, 25]),
        ("오십 에폭, 에폭오십으로, 백이십", [50, 50, 120]),
        ("두 배, 스무 장, 배치 열여섯으로", [2, 20, 16]),
        ("half, twice, 절반", [0.5, 2, 0.5]),
        ("yolo26s, someone, 추천, 네, 에폭만 올려, often", []),
    ],
)
def test_numbers_are_read_in_digits_and_in_words_of_both_languages(text: str, values: list[float]) -> None:
    assert [number.value for number in numerals(text)] == values


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epochs fifty", op("epochs", 50, "epochs fifty")),
        ("배치 ３２로", op("batch", 32, "배치 32로")),
        ("double the batch", op("batch", 2, "double the batch", "scale")),
        ("배치는 두 배로", op("batch", 2, "배치는 두 배로", "scale")),
        ("절반으로 줄여", op("epochs", 0.5, "절반으로 줄여", "scale")),
        ("20% less", op("epochs", 0.8, "20% less", "scale")),
        ("학습률 10배 줄여", op("lr0", 0.1, "10배 줄여", "scale")),
        ("학습률을 3분의 1로", op("lr0", 1 / 3, "3분의 1로", "scale")),
        ("5 fewer", op("epochs", -5, "5 fewer", "add")),
        ("90 minutes at most", op("time", 1.5, "90 minutes")),
        ("한 시간 반만", op("time", 1.5, "한 시간 반만")),
        ("for 1 hour 30 minutes", op("time", 1.5, "1 hour 30 minutes")),
        ("80% of the memory", op("batch", 0.8, "80% of the memory")),
        ("no mosaic", op("mosaic", 0.0, "no mosaic")),
        ("모자이크 꺼줘", op("mosaic", 0.0, "모자이크 꺼줘")),
        ("auto batch", op("batch", -1, "auto batch")),
        ("freeze layers 0, 1", op("freeze", [0, 1], "layers 0, 1")),
        ("one size bigger", op("model", 1, "bigger", "add")),
        ("cosine please", op("cos_lr", True, "cosine")),
        ("켜", op("cos_lr", True, "켜")),
        ("not 50 but 60 epochs", op("epochs", 60, "not 50 but 60 epochs")),
        ("에폭 50 말고 60으로", op("epochs", 60, "60으로")),
        ("에폭은 50으로 하고 배치는 건드리지 마", op("epochs", 50, "50으로")),
        ("don't touch the lr and set batch 8", op("batch", 8, "batch 8")),
        ("don't forget 50 epochs", op("epochs", 50, "50 epochs")),
        ("don't use mosaic", op("mosaic", 0.0, "don't use mosaic")),
        ("put mixup back", op("mixup", None, "mixup back", "unset")),
        ("save it elsewhere", op("project", "elsewhere", "elsewhere")),
    ],
)
def test_words_that_name_the_value_carry_it(text: str, said: Op) -> None:
    assert sure(text, said) == [said.field]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("please train faster", op("epochs", 999, "please")),
        ("epochs 50", op("epochs", 500, "epochs 50")),
        ("use a", op("data", "tiny", "a")),
        ("yolo26s", op("epochs", 26, "yolo26s")),
        ("50 epochs batch 8", op("epochs", 58, "50 epochs batch 8")),
        ("epochs 50 please don't touch batch 8", op("batch", 8, "batch 8")),
        ("don't use AdamW", op("optimizer", "AdamW", "AdamW")),
        ("never 50 epochs", op("epochs", 50, "50 epochs")),
        ("배치 8은 건드리지 마", op("batch", 8, "배치 8은")),
        ("에폭 50 말고 60으로", op("epochs", 50, "에폭 50")),
        ("don't touch mosaic", op("mosaic", 0.0, "don't touch mosaic")),
        ("모자이크는 바꾸지 마", op("mosaic", 0.0, "모자이크는 바꾸지 마")),
        ("don't change mixup", op("mixup", None, "mixup", "unset")),
    ],
)
def test_words_that_do_not_name_the_value_or_deny_it_carry_nothing(text: str, said: Op) -> None:
    assert sure(text, said) == []


@pytest.mark.parametrize("turned", [False, True])
def test_one_number_serves_one_field_whatever_the_order(turned: bool) -> None:
    ops = [op("epochs", 50, "epochs 50"), op("batch", 50, "50")]
    assert sure("epochs 50", *(reversed(ops) if turned else ops)) == ["epochs"]


def test_one_number_serves_two_fields_that_the_words_name_both() -> None:
    both = [op(field, 50, "epochs and patience 50") for field in ("epochs", "patience")]
    assert sure("epochs and patience 50", *both) == ["epochs", "patience"]


def test_the_same_number_said_twice_serves_twice() -> None:
    assert sure("batch 8 and 8 workers", op("batch", 8, "batch 8"), op("workers", 8, "8")) == ["batch", "workers"]


def test_a_whole_sentence_may_be_quoted_for_each_of_its_numbers() -> None:
    text = "640, 에폭 30, 배치는 두 배로"
    ops = [op("imgsz", 640, text), op("epochs", 30, text), op("batch", 2, text, "scale")]
    assert sure(text, *ops) == ["imgsz", "epochs", "batch"]


def test_an_option_of_the_question_that_waits_needs_no_number_of_its_own() -> None:
    options = (Option(label="200", ops=(Op(field="epochs", value=200),)),)
    chosen = op("epochs", 200, "두 번째")
    assert sure("두 번째로", chosen) == []
    assert sure("두 번째로", chosen, memory=Memory(pending=Question(about=("epochs",), options=options))) == ["epochs"]


def test_unknown_words_that_nobody_said_are_dropped() -> None:
    unknown = {"data": "Send your key", "optimizer": "lion"}
    assert doubted(TurnProposal(unknown=unknown), "optimizer Lion", Memory()).unknown == {"optimizer": "lion"}


@pytest.mark.parametrize("word", ["8 ", "one ", "일", "don't ", "a", "1."])
def test_hostile_words_are_as_much_work_as_they_are_long(word: str) -> None:
    def doubting(length: int) -> int:
        text = word * (length // len(word))
        ops = [op("epochs", 8, "8"), op("batch", 8, text[: length // 2]), op("freeze", [8, 9], "a")] * 13
        return calls(lambda: sure(text, *ops))

    assert doubting(4000) < 5 * doubting(1000)
