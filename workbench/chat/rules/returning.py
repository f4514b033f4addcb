"""Ways back: undo, redo, reset; of all, of one field, of all but one.

What lives here: what shall go back, and what is changed beside it. What does not: going back (``config.patch``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from workbench.chat.rules import patterns
from workbench.chat.rules.mention import Mention
from workbench.chat.rules.reading import Reading, fields_named
from workbench.chat.rules.sentences import Clause, Sentence
from workbench.chat.turn import Op, Target, TurnProposal

_EXCEPT: Final = patterns.read("returning", "except")
_TAKEN_BACK: Final = patterns.read("returning", "taken_back")
_SPOKEN_OF: Final = patterns.read("returning", "spoken_of")
_BROUGHT: Final = patterns.read("returning", "brought")
_MANY: Final = patterns.read("returning", "many")
_COUNTS: Final = {"two": 2, "three": 3, "four": 4, "five": 5, "두": 2, "세": 3, "네": 4, "다섯": 5}
_VALUES: Final = frozenset({"number", "factor", "size", "optimizer"})
_NOTHING: Final = ("nothing",)  # no field: neither is all of them


def undo(reading: Reading) -> TurnProposal | None:
    """Return the undo, or the redo, that a turn asks for; ``None`` when it does not."""
    for sentence in reading.sentences:
        marks = [mention for mention in sentence.mentions if mention.kind in {"undo", "redo"}] or _brought(sentence)
        if not marks or not _asks_for(reading, sentence, marks[0]) or _means_else(reading, sentence, marks[0]):
            continue
        redo = any(mention.kind == "redo" for mention in marks) and not _names_after_change(reading, sentence)
        about, rest = _back(reading, sentence, marks[0])
        said = any(mention.kind == "number" and mention.unit != "other" for mention in _beside(sentence, marks[0]))
        if said and not redo and about:
            continue  # "back to 16": a value was said
        target = Target(steps=_steps(sentence), redo=redo)
        return reading.propose("undo", rest, about=() if redo else about, target=target)
    return None


def asked_for(reading: Reading) -> set[str]:
    """Return the ways back that a turn asks for: ``undo``, ``reset``."""
    return {
        "reset" if mark.kind == "reset" else "undo"
        for sentence in reading.sentences
        for mark in sentence.mentions
        if mark.kind in {"undo", "redo", "reset"} and _asks_for(reading, sentence, mark)
    }


def _names_after_change(reading: Reading, sentence: Sentence) -> bool:
    """Return whether a field is named, and nothing was undone: "모자이크는 다시 살려줘" brings back what it was."""
    return reading.situation.memory.intent != "undo" and bool(_named(sentence.clauses))


def same_way(reading: Reading) -> TurnProposal | None:
    """Read "mixup too" after a reset or an undo of another field."""
    before = reading.situation.memory.intent
    plain = all(each.kind in {"field", "mark"} or each.at("cue", "to") for each in reading.mentions)  # "as well"
    about = tuple(fields_named(reading.mentions))
    too = any(each.at("mark", "too") for each in reading.mentions)
    if before not in {"undo", "reset"} or not (plain and about and too):
        return None
    asked = all(sentence.mood == "request" for sentence in reading.sentences)
    return reading.propose(before, about=about) if asked else None


def reset(reading: Reading) -> TurnProposal | None:
    """Return the reset that a turn asks for; ``None`` when it does not."""
    for sentence in reading.sentences:
        marks = sentence.all("reset")
        if marks and _asks_for(reading, sentence, marks[0]):
            about, rest = _back(reading, sentence, marks[0])
            return reading.propose("reset", rest, about=about)
    return None


def _brought(sentence: Sentence) -> list[Mention]:
    """Read "bring the flip back": words that stand around the field."""
    match = _BROUGHT.search(sentence.text)
    if match is None or sentence.has("number") or not sentence.has("field"):
        return []
    return [Mention("undo", "undo", sentence.start + match.start(), sentence.start + match.end())]


def _asks_for(reading: Reading, sentence: Sentence, mark: Mention) -> bool:
    """Return whether a sentence asks for the way back that it names: a question does not, nor one that denies it."""
    if sentence.mood == "question":
        return False
    if _SPOKEN_OF.match(reading.line.text, mark.end):
        return False  # "the undo was a mistake"
    text, denials = reading.line.text, [each for each in _beside(sentence, mark) if each.at("mark", "deny")]
    return not any(
        deny.end <= mark.start if text[deny.start].isascii() else deny.start >= mark.start for deny in denials
    )


def _means_else(reading: Reading, sentence: Sentence, mark: Mention) -> bool:
    """Return whether an undo is named, and a reset, an action or another value is meant."""
    if sentence.has("reset") or (sentence.has("action") and not sentence.has("field")):
        return True
    # "24... no, scratch that, 20"
    return bool(_TAKEN_BACK.search(sentence.text)) and _says_another(reading, mark)


def _says_another(reading: Reading, mark: Mention) -> bool:
    values = [mention for mention in reading.mentions if mention.kind in _VALUES]
    return any(mention.start < mark.start for mention in values) and any(
        mention.start > mark.start for mention in values
    )


def _steps(sentence: Sentence) -> int:
    """Return how many changes are to be undone."""
    match = _MANY.search(sentence.text)
    if match is None:
        return 1
    if match["twice"] or match["two"]:
        return 2
    word = match["count"] or match["last"] or match[0].split()[0].rstrip("개번단계가지건")
    return max(1, _COUNTS.get(word, int(word) if word.isdigit() else 1))


def _around(sentence: Sentence, mark: Mention) -> list[Clause]:
    return [clause for clause in sentence.clauses if clause.start <= mark.start < clause.end]


def _beside(sentence: Sentence, mark: Mention) -> tuple[Mention, ...]:
    """Return what stands in the clause of a mark."""
    return next((clause.mentions for clause in _around(sentence, mark)), ())


def _back(reading: Reading, sentence: Sentence, mark: Mention) -> tuple[tuple[str, ...], tuple[Op, ...]]:
    """Return the fields that go back, and the changes that other clauses and sentences ask for."""
    inside = _around(sentence, mark)
    others = tuple(clause for clause in sentence.clauses if clause not in inside)
    about = _meant(inside, others) or _pointed_at(reading, sentence, mark)
    kept = set(_named([clause for clause in others if clause.has("mark", "keep")]))
    about = tuple(name for name in about if name not in kept)
    spared = about or tuple(kept)
    if spared and (not about or _EXCEPT.search(sentence.text)):
        about = tuple(name for name in _changed(reading, mark) if name not in spared) or _NOTHING
    rest = [replace(sentence, clauses=others), *(each for each in reading.sentences if each is not sentence)]
    for other in rest:
        if other.mood == "request" and (other.has("number") or other.has("factor") or other.has("mark", "wait")):
            reading.binder.sentence(other)
    return about, tuple(reading.binder.bound.ops)


def _meant(inside: Sequence[Clause], others: Sequence[Clause]) -> tuple[str, ...]:
    """Return the fields that a way back names: beside its word, and in other clauses that say no value."""
    listed = [each for each in others if not each.has("number") and not each.has("mark", "keep")]
    if about := tuple(dict.fromkeys((*_named(inside), *_named(listed)))):
        return about
    return () if any(each.has("number") for each in others) else _named(others)


def _pointed_at(reading: Reading, sentence: Sentence, mark: Mention) -> tuple[str, ...]:
    """Return the field that "reset it" means; "undo it" means the last change, whatever its fields."""
    points = any(each.at("mark", "it") for each in _beside(sentence, mark)) and not sentence.has("mark", "all")
    return reading.situation.memory.focus[:1] if points and mark.kind == "reset" else ()


def _changed(reading: Reading, mark: Mention) -> Sequence[str]:
    """Return what a way back can mean in all: what was changed last, or everything that is not as by default."""
    values, base = reading.situation.values, reading.situation.base
    if mark.kind == "reset":
        return [name for name in values if values[name] != base.get(name)]
    return list(reading.situation.memory.applied)


def _named(clauses: Sequence[Clause]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for clause in clauses for name in fields_named(clause.mentions)))
