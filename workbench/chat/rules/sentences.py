"""A turn cut into sentences and these into clauses, each with what it is: a request, a question, or a story.

What lives here: the cutting, and the telling apart. What does not: what a request changes (``binding``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal

from workbench.chat.rules import patterns
from workbench.chat.rules.mention import Mention

Mood = Literal["request", "question"]

_ENDS: Final = re.compile(r"[.!?;]+(?=[\s,\-]|$|[가-힣\"'])|\.{2,}|\n")
_COMMA: Final = patterns.read("sentences", "comma")
_ASKING: Final = patterns.read("sentences", "asking")
_OPINION: Final = patterns.read("sentences", "opinion")
_ABOUT: Final = patterns.read("sentences", "about")
_ASKS: Final = patterns.read("sentences", "asks")
_WAYS_BACK: Final = frozenset({"undo", "redo", "reset"})
_KOREAN_QUESTION: Final = patterns.read("sentences", "korean_question")
_KOREAN_ASKED: Final = patterns.read("sentences", "korean_asked")
_STRONG: Final = patterns.read("sentences", "strong")
_OPENING: Final = patterns.read("sentences", "opening")
_TOLD: Final = patterns.read("sentences", "told")
_DENIED: Final = patterns.read("sentences", "denied")
_NOT_TAKEN: Final = patterns.read("sentences", "not_taken")
_LIMITED: Final = patterns.read("sentences", "limited")
_BRACKETS: Final = re.compile(r"\([^()]{1,60}\)")
_KOREAN: Final = re.compile(r"[가-힣]")
_SAID: Final = frozenset({"number", "factor", "size", "optimizer", "format", "deployment", "dataset", "model"})
_MANNERS: Final = frozenset({"mark", "cue"})
_REASONS: Final = frozenset({"because", "since"})


@dataclass(frozen=True)
class Clause:
    """A part of a sentence that says one thing.

    Attributes:
        start: where it begins in the searched text.
        end: where it ends.
        mentions: what stands in it.
        story: whether it tells what was, or why: nothing in it is asked for.
        joint: the word or sign before it.
        quoted: whether it repeats what somebody wrote.
        denied: whether it asks that something be not done.
    """

    start: int
    end: int
    mentions: tuple[Mention, ...]
    story: bool = False
    joint: str = ""
    quoted: bool = False
    denied: bool = False

    def has(self, kind: str, *values: object) -> bool:
        """Return whether something of a kind, and meaning one of ``values`` when given, stands in it."""
        return any(mention.at(kind, *values) for mention in self._of.get(kind, ()))

    def has_before(self, kind: str, place: int) -> bool:
        """Return whether something of a kind stands before a place of the line."""
        return any(mention.kind == kind and mention.start < place for mention in self.mentions)

    def has_after(self, kind: str, place: int, *values: object) -> bool:
        """Return whether something of a kind stands at or after a place of the line."""
        return any(mention.at(kind, *values) and mention.start >= place for mention in self.mentions)

    def all(self, kind: str, *values: object) -> list[Mention]:
        """Return everything of a kind, and meaning one of ``values`` when given."""
        return [mention for mention in self._of.get(kind, ()) if mention.at(kind, *values)]

    @cached_property
    def _of(self) -> dict[str, list[Mention]]:
        return _by_kind(self.mentions)


@dataclass(frozen=True)
class Sentence:
    """A sentence.

    Attributes:
        start: where it begins in the searched text.
        end: where it ends.
        text: its words.
        mood: what it is.
        clauses: its parts, from left to right.
    """

    start: int
    end: int
    text: str
    mood: Mood
    clauses: tuple[Clause, ...]

    @cached_property
    def mentions(self) -> tuple[Mention, ...]:
        """What stands in it."""
        return tuple(mention for clause in self.clauses for mention in clause.mentions)

    @cached_property
    def _of(self) -> dict[str, list[Mention]]:
        return _by_kind(self.mentions)

    def has(self, kind: str, *values: object) -> bool:
        """Return whether something of a kind, and meaning one of ``values`` when given, stands in it."""
        return any(mention.at(kind, *values) for mention in self._of.get(kind, ()))

    def all(self, kind: str, *values: object) -> list[Mention]:
        """Return everything of a kind, and meaning one of ``values`` when given."""
        return [mention for mention in self._of.get(kind, ()) if mention.at(kind, *values)]


def _by_kind(mentions: Sequence[Mention]) -> dict[str, list[Mention]]:
    """Return mentions by kind: a clause, or a sentence, of thousands is asked for each of them."""
    found: dict[str, list[Mention]] = {}
    for mention in mentions:
        found.setdefault(mention.kind, []).append(mention)
    return found


def cut(text: str, mentions: Sequence[Mention]) -> list[Sentence]:
    """Return the sentences of ``text``."""
    found, start = [], 0
    for end, stop in _stops(text, mentions):
        if text[start:end].strip(" .,!?;"):
            found.append(_sentence(text, start, end, text[end:stop], mentions))
        start = stop
    return found


def _stops(text: str, mentions: Sequence[Mention]) -> list[tuple[int, int]]:
    # A word that asks may end in its question mark, which ends the sentence as well.
    inside = [(mention.start, mention.end - (mention.kind in _MANNERS)) for mention in mentions]
    stops = [
        match.span()
        for match in _ENDS.finditer(text)
        if not any(start < match.start() and match.end() <= end for start, end in inside)
    ]
    return [*stops, (len(text), len(text))]


def _sentence(text: str, start: int, end: int, sign: str, mentions: Sequence[Mention]) -> Sentence:
    inside = [mention for mention in mentions if start <= mention.start < end]
    words = text[start:end].strip()
    mood = _mood(_Words(words, "?" in sign, tuple(inside)))
    return Sentence(start, end, words, mood, tuple(_clauses(text, start, end, inside)))


@dataclass(frozen=True)
class _Words:
    """A sentence before its mood is known.

    Attributes:
        text: its words.
        asked: whether a question mark ends it.
        mentions: what stands in it.
    """

    text: str
    asked: bool
    mentions: tuple[Mention, ...]

    @property
    def marks(self) -> list[str]:
        """The words that ask, ``question``, and those that request, ``request``, from left to right."""
        return [mention.value for mention in self.mentions if mention.at("mark", "question", "request")]

    @property
    def ends_in_a_deed(self) -> bool:
        """Whether a way back is named after all that asks: "모르겠다 전부 리셋"."""
        asking = [mention.end for mention in self.mentions if mention.at("mark", "question")]
        deeds = [mention.start for mention in self.mentions if mention.kind in _WAYS_BACK]
        return bool(asking and deeds) and max(deeds) >= max(asking)


def _mood(words: _Words) -> Mood:
    """Return whether a sentence asks for something to be done, or wants to know something.

    "Can you raise it?" is no question, so what asks politely goes first. Then what a question mark closes in the words
    of a question. Then the language decides: the last word of a Korean sentence, the first ones of an English one.
    """
    rules = (_asks_politely, _asks_with_a_value, _asks_in_so_many_words, _korean_mood, _english_mood)
    return next((mood for rule in rules if (mood := rule(words))), "request")


def _asks_politely(words: _Words) -> Mood | None:
    """Read "could you ...", "why don't we ...", "... 해줄래", unless an opinion is asked for."""
    return "request" if _ASKING.search(words.text) and not _OPINION.search(words.text) else None


def _asks_with_a_value(words: _Words) -> Mood | None:
    """Read "what about 640?"."""
    return "request" if _ABOUT.search(words.text) and any(each.kind in _SAID for each in words.mentions) else None


def _asks_in_so_many_words(words: _Words) -> Mood | None:
    """Read "what is the batch?"."""
    return "question" if words.asked and _ASKS.search(words.text) else None


def _korean_mood(words: _Words) -> Mood | None:
    """Read the last word of a Korean sentence; a question mark alone decides where no word does."""
    if not _KOREAN.search(words.text):
        return None
    if _KOREAN_QUESTION.search(words.text):
        return "question"
    if words.asked and ("question" in words.marks or _KOREAN_ASKED.search(words.text) or not words.marks):
        return "question"
    return "question" if words.marks[-1:] == ["question"] and not words.ends_in_a_deed else "request"


def _english_mood(words: _Words) -> Mood | None:
    """Read the first words of an English sentence; a question mark behind "please ..." is politeness."""
    if _STRONG.search(words.text) or _OPENING.match(words.text):
        return "question"
    return "question" if words.asked and words.marks[:1] != ["request"] else None


def _clauses(text: str, start: int, end: int, mentions: Sequence[Mention]) -> list[Clause]:
    found: list[Clause] = []
    begin, joint = start, ""
    held = [mention for mention in mentions if mention.kind not in _MANNERS]
    aside = [match.span() for match in _BRACKETS.finditer(text, start, end)]
    for match in _COMMA.finditer(text, start, end):
        if any(first < match.start() and match.end() < last for first, last in aside):
            continue
        if any(mention.start < match.end() and match.start() < mention.end for mention in held):
            continue
        found.append(_after(found, _clause(text, begin, match.end(), joint, mentions)))
        begin, joint = match.end(), match[0]
    found.append(_after(found, _clause(text, begin, end, joint, mentions)))
    return [clause for clause in found if text[clause.start : clause.end].strip(" ,")]


def _after(before: Sequence[Clause], clause: Clause) -> Clause:
    """Return a clause that goes on with the story before it: "I have two kids and zero patience"."""
    asks = clause.has("mark", "request", "wait") or clause.has("cue") or clause.has("action")
    goes_on = clause.joint == "and" and bool(before) and before[-1].story and not asks
    return replace(clause, story=True) if goes_on else clause


def _clause(text: str, start: int, end: int, joint: str, mentions: Sequence[Mention]) -> Clause:
    inside = tuple(mention for mention in mentions if start <= mention.start < end)
    quoted = any(mention.at("mark", "quote") for mention in mentions)  # of the whole sentence
    told = any(mention.kind in {"run", "word"} for mention in inside) and bool(_TOLD.search(text, start, end))
    denied = _denies(text, start, end, inside)
    story = quoted or told or denied or _tells(inside) or joint in _REASONS
    return Clause(start, end, inside, story, joint, quoted, denied)


def _denies(text: str, start: int, end: int, mentions: Sequence[Mention]) -> bool:
    """Return whether a clause asks that a change be not made: "don't set it to 8", but not "don't go over 8"."""
    if _LIMITED.search(text, start, end) or any(each.kind == "action" for each in mentions):
        return False
    said = any(each.kind in _SAID or each.kind in {"device", "size_step"} for each in mentions)
    return bool(_DENIED.search(text, start, end) or (said and _NOT_TAKEN.search(text, start, end)))


def _tells(mentions: Sequence[Mention]) -> bool:
    """Return whether something is told: "말했" does, but not in "잘못 말했다", which corrects."""
    corrections = [mention for mention in mentions if mention.at("mark", "wait")]
    stories = (mention for mention in mentions if mention.at("mark", "story"))
    return any(not any(each.overlaps(mention) for each in corrections) for mention in stories)
