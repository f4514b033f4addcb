"""A turn is cut into sentences and clauses, and each is told apart: request, question, story, quote."""

from __future__ import annotations

import pytest

from tests.unit.chat.rules.heard import sentences


def moods(text):
    return [sentence.mood for sentence in sentences(text)]


def clauses(text):
    (sentence,) = sentences(text)
    return sentence.clauses


@pytest.mark.parametrize("text", ["epochs 50. batch 8", "epochs 50\nbatch 8", "에폭 50으로 해줘! 배치 8"])
def test_marks_and_lines_end_sentences(text):
    assert len(sentences(text)) == 2


@pytest.mark.parametrize("text", ["lr 0.01", "use yolo11n.pt", "imgsz 1.5k"])
def test_a_point_inside_of_a_value_ends_nothing(text):
    assert len(sentences(text)) == 1


@pytest.mark.parametrize(
    "text",
    ["epochs 50 and batch 8", "epochs 50, batch 8", "에폭 50으로 하고 배치 8", "에폭은 50 그리고 배치는 8"],
)
def test_words_that_join_begin_a_clause(text):
    assert len(clauses(text)) == 2


@pytest.mark.parametrize(
    "text", ["what is the batch?", "how many epochs", "is 16 enough?", "배치 지금 몇이야?", "배치가 몇인가요"]
)
def test_what_wants_to_know_something_is_a_question(text):
    assert moods(text) == ["question"]


@pytest.mark.parametrize(
    "text",
    [
        "can you raise the batch to 32?",
        "could we use 16?",
        "why don't we use AdamW?",
        "what about 640?",
        "배치 32로 해줄래?",
        "배치 32로 해주실 수 있나요?",
    ],
)
def test_a_polite_request_is_no_question_though_it_sounds_like_one(text):
    assert moods(text) == ["request"]


@pytest.mark.parametrize(
    "text", ["can you explain mosaic?", "can you tell me the batch?", "배치 32로 해주면 어떻게 돼?"]
)
def test_a_polite_question_stays_one(text):
    assert moods(text) == ["question"]


@pytest.mark.parametrize("text", ["batch 16 please?", "use 16", "배치 16으로 해줘", "에폭 50"])
def test_the_rest_are_requests(text):
    assert moods(text) == ["request"]


def test_sentences_of_one_turn_are_told_apart():
    assert moods("what is the batch? set it to 8") == ["question", "request"]


@pytest.mark.parametrize(
    "text",
    [
        "last time batch 64 ran out of memory, so use 16",
        "저번에 배치 64로 돌렸는데 16으로 해줘",
        "run-7 used batch 64, use 16",
    ],
)
def test_a_story_ends_where_its_clause_ends(text):
    told = [clause.story for clause in clauses(text)]
    assert told[0]
    assert not told[-1]


def test_a_quote_makes_a_story_of_its_whole_sentence():
    assert all(clause.quoted and clause.story for clause in clauses('"set batch to 99", he said'))
