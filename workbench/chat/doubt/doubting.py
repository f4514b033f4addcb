"""One pass over the ops of a model.

What lives here: ``doubted``. What does not: reading numbers (``numerals``) and denials (``denial``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any, Final

from workbench.chat.cleaning import folded
from workbench.chat.doubt.denial import denied, kept
from workbench.chat.doubt.numerals import Numeral, numerals
from workbench.chat.judge.values import is_number
from workbench.chat.messages import field
from workbench.chat.turn import Language, Memory, Op, TurnProposal
from workbench.config import limits

_LANGUAGES: Final[tuple[Language, ...]] = ("en", "ko")
_OFTEN: Final = 20  # places of the same words that are looked at
_LETTERS: Final = 2  # fewer are no words; a Korean syllable has two or three
_NAMES: Final = ("data", "device", "model", "task")  # their numbers are parts of names, or steps of a ladder
_HOURS: Final = ("time", "max_hours")
_SWITCHED: Final = re.compile(
    r"\b(?:no|not|off|on|without|don[’']?t|never|none|disable|enable|remove|drop|skip|stop|full|fully|whole|all|always|auto)\b"
    r"|automatic|없|끄|꺼|끔|켜|켬|말|빼|안 |제거|비활성|활성|전부|전체|모두|자동"
)
_UNITS: Final = (
    (re.compile(r"second|초"), 1 / 3600),
    (re.compile(r"\bmin|분"), 1 / 60),
    (re.compile(r"hour|\bhrs?\b|\dh\b|시간"), 1.0),
    (re.compile(r"\bdays?\b|\d일|하루|이틀|일간"), 24.0),
)
_ALONE: Final = re.compile(r"\ban? (?:hour|day|minute)|하루|반나절")
_FRACTION: Final = re.compile(r"분의|/")
_PERCENT: Final = re.compile(r"%|percent|퍼센트|프로")


@dataclass(frozen=True)
class _Said:
    """What a person said, folded, and the numbers in it."""

    text: str
    numbers: Sequence[Numeral]


@dataclass(frozen=True)
class _Claim:
    """An op with each place of the text that it may rest on: the spans of its number, or of its words."""

    op: Op
    places: tuple[tuple[Numeral, ...], ...]

    def is_contested(self, others: Sequence[_Claim]) -> bool:
        """Return whether every place that it may rest on is one of another field's, too."""
        rivals = (other for other in others if other.op.field != self.op.field)
        taken = {span for other in rivals for spans in other.places for span in spans}
        return all(any(span in taken for span in spans) for spans in self.places)


def doubted(proposal: TurnProposal, text: str, memory: Memory) -> TurnProposal:
    """Return a model's proposal without the evidence that does not carry its ops, and without words nobody said.

    Args:
        proposal: of a model.
        text: what the person said.
        memory: an option of the question that waits needs no number of its own.
    """
    said = _Said(folded(text), numerals(folded(text)))
    offered = memory.pending.options if memory.pending else ()
    answers = {(op.field, op.op, repr(op.value)) for option in offered for op in option.ops}
    claims = {place: _claim(op, said) for place, op in enumerate(proposal.ops) if _needs_a_number(op)}
    ops = []
    for place, op in enumerate(proposal.ops):
        if (op.field, op.op, repr(op.value)) in answers or not _is_ours(op):
            sure = True
        elif place in claims:
            rivals = [claim for other, claim in claims.items() if other != place]
            sure = bool(claims[place].places) and (not claims[place].is_contested(rivals) or _names(op))
        else:
            sure = _is_word(op.evidence) and _is_wished(op, said)
        ops.append(op if sure else op.model_copy(update={"evidence": ""}))
    unknown = {name: words for name, words in proposal.unknown.items() if folded(words) and folded(words) in said.text}
    return proposal.model_copy(update={"ops": tuple(ops), "unknown": unknown})


def _is_ours(op: Op) -> bool:
    """Return whether a field can be set at all; what cannot be is refused, whatever the words."""
    return op.field in limits.fields() and op.field not in limits.OWNED


def _needs_a_number(op: Op) -> bool:
    """Return whether the words must name the number; those that switch something on or off need not."""
    values = op.value if isinstance(op.value, list) else [op.value]
    if op.op == "unset" or op.field in _NAMES or not any(map(is_number, values)):
        return False
    return op.op != "set" or op.value not in (0, 1, -1) or not _SWITCHED.search(folded(op.evidence))


def _claim(op: Op, said: _Said) -> _Claim:
    evidence = folded(op.evidence)
    found = [match.start() for match in re.finditer(re.escape(evidence), said.text)] if _is_word(evidence) else []
    places = []
    for start in found[:_OFTEN]:
        spans = _carrying(op, said, start, start + len(evidence))
        if spans and not any(denied(said.text, span.start, span.end) for span in spans):
            places.append(spans)
    return _Claim(op, tuple(places))


def _carrying(op: Op, said: _Said, start: int, end: int) -> tuple[Numeral, ...]:
    """Return the numbers between two places of the text that name the op's value; none when they do not."""
    words = said.text[start:end]
    inside = [each for each in said.numbers if start <= each.start and each.end <= end]
    named: list[Numeral] = []
    for value in op.value if isinstance(op.value, list) else [op.value]:
        spans = next((spans for spans, number in _meant(inside, op, words) if _same(number, value)), None)
        if spans is None:
            return ()
        named += spans
    return tuple(named)


def _meant(inside: Sequence[Numeral], op: Op, words: str) -> Iterator[tuple[tuple[Numeral, ...], float]]:
    """Yield what the numbers of some words may mean for an op, likeliest first."""
    percent = _PERCENT.search(words) is not None
    for each in inside:
        yield (each,), each.value
        part = each.value / 100 if percent else each.value
        yield (each,), part
        if op.op == "scale" and part:
            yield from (((each,), number) for number in (1 + part, 1 - part, 1 / part) if part < 1 or number < 1)
    if op.field in _HOURS:
        yield from _hours(inside, words)
    for one, other in permutations(inside[:4], 2):
        if other.value and _FRACTION.search(words):
            yield (one, other), one.value / other.value
        if other.value == 0.5:
            yield (one, other), one.value + other.value  # "두 배 반"


def _hours(inside: Sequence[Numeral], words: str) -> Iterator[tuple[tuple[Numeral, ...], float]]:
    units = [hours for pattern, hours in _UNITS if pattern.search(words)]
    for each in inside:
        yield from (((each,), each.value * hours) for hours in units)
    for one, other in permutations(inside[:4], 2):
        yield from (((one, other), one.value * first + other.value * then) for first in units for then in units)
    if alone := _ALONE.search(words):
        yield from (((Numeral(1, alone.start(), alone.end()),), hours) for hours in units)


def _same(number: float, value: Any) -> bool:
    return is_number(value) and abs(abs(float(value)) - number) <= 1e-6 * max(1.0, abs(number))


def _is_word(evidence: str) -> bool:
    """Return whether evidence is more than a letter that stands in every text."""
    letters = [char for char in unicodedata.normalize("NFD", folded(evidence)) if char.isalpha()]
    return len(letters) >= _LETTERS or any(char.isdecimal() for char in evidence)


def _is_wished(op: Op, said: _Said) -> bool:
    """Return whether words without a number do not deny the wish; of what is switched off they may."""
    evidence = folded(op.evidence)
    start = said.text.find(evidence)
    off = op.op == "unset" or op.value in (None, False, 0, -1)
    return start < 0 or not (kept if off else denied)(said.text, start, start + len(evidence))


def _names(op: Op) -> bool:
    """Return whether the words name the field."""
    words = _bare(op.evidence)
    labels = (field(op.field, language).label for language in _LANGUAGES)
    return any(name in words for name in (_bare(op.field), *(_bare(label.split()[0]) for label in labels)))


def _bare(text: str) -> str:
    return re.sub(r"[\s_-]+", "", folded(text))
