"""When a question is asked back, and which: a missing amount, one of several fields, a dataset.

What lives here: the one question of a turn. What does not: its words (``replies``).
"""

from __future__ import annotations

from typing import Final

from workbench.chat.rules import patterns
from workbench.chat.rules.bound import Bound
from workbench.chat.rules.finding import dataset_question
from workbench.chat.rules.reading import Reading
from workbench.chat.turn import Op, Question

_LONGER: Final = patterns.read("asking", "longer")
_SHORT: Final = 24  # characters of "make it 300 please": who says so little means the number
_NUMBERED: Final = ("epochs", "batch", "imgsz")
_ASKED_FIRST: Final = ("model", "imgsz", "batch")
_WORDS: Final = frozenset({"model", "optimizer", "device"})  # fields whose values are words
_LASTING: Final = ("epochs", "time", "patience")


def questions(reading: Reading, ops: tuple[Op, ...], acting: bool) -> tuple[Question, ...]:
    """Return the question that a turn leaves open, or none."""
    if reading.resolver.finder.question is not None:
        return (reading.resolver.finder.question,)
    bound = reading.binder.bound
    if bound.asked is not None:
        return (bound.asked,)
    said = {op.field for op in ops} | bound.kept
    wanting = [name for name in bound.wanting if name not in said]
    if wanting:
        return (Question(about=tuple(wanting), kind="amount"),)
    if ops or acting:
        return ()
    return _vague(reading, bound)


def _vague(reading: Reading, bound: Bound) -> tuple[Question, ...]:
    """Ask what is meant when a change is wished for, and nothing says of what."""
    asked = reading.requests()
    moved = any(
        not sentence.has("mark", "deny") and (sentence.has("cue", "up", "down") or sentence.has("mark", "amountless"))
        for sentence in asked
    )
    if bound.loose and len(reading.line.text) < _SHORT and not any(each.kind == "wish" for each in reading.mentions):
        return (Question(about=_NUMBERED, kind="which"),)
    if not moved or bound.kept:
        return ()
    pointed = any(sentence.has("mark", "it") for sentence in asked)
    named = {mention.value for sentence in asked for mention in sentence.mentions if mention.kind == "field"}
    if "data" in named:
        return (dataset_question([dataset.name for dataset in reading.situation.context.datasets]),)
    if named & _WORDS:
        return (Question(about=tuple(sorted(named & _WORDS)), kind="which"),)
    focus = [name for name in reading.situation.memory.focus if name != "data"]
    if focus and (pointed or reading.situation.memory.intent in {"configure", "ask"}):
        return (Question(about=(focus[0],), kind="amount"),)
    longer = any(_LONGER.search(sentence.text) for sentence in asked)
    return (Question(about=_LASTING if longer else _ASKED_FIRST, kind="which"),)
