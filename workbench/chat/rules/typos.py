"""Words that were mistyped, put right before a line is searched.

What lives here: finding the one word of the lexicon that a mistyped one can only have been. What does not: the lexicon.
English slips are measured with the optimal string alignment distance, Korean ones by jamo, so that a slip of one key is
one step. A word that means something as it stands is never changed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Final

from workbench.chat.rules import lexicon, patterns
from workbench.chat.rules.line import Line
from workbench.chat.rules.mention import Mention
from workbench.chat.rules.scan import scan

_SHORT: Final[Mapping[str, str]] = lexicon.table("shortened")["words"]
_LETTERS: Final[Mapping[str, str]] = lexicon.table("shortened")["letters"]
_SHORT_WORD: Final = re.compile(
    rf"(?<![a-z])(?:{'|'.join(_SHORT)})(?![a-z])|(?<=[a-z] )[ru](?= [a-z])|(?<= it )2(?= [.\d])"
)
_WORD: Final = re.compile(r"[a-z]{4,24}|[가-힣]{2,8}")
_PARTICLES: Final = patterns.read("typos", "particle")
_SHORT_STEM: Final = 2  # syllables
_LONG: Final = 6  # letters of a word that may have two slips
_VERY_LONG: Final = 8  # letters of one that has them


def mend(line: Line, named: Sequence[Mention]) -> Line:
    """Return ``line`` with mistyped words of the lexicon written right; names stay as they are."""
    short = [(*match.span(), {**_SHORT, **_LETTERS}[match[0]]) for match in _SHORT_WORD.finditer(line.text)]
    line = line.replace([span for span in short if not _within(span[0], span[1], named)])
    known = [*named, *scan(line.text, named)]
    spans = []
    for match in _WORD.finditer(line.text):
        start, end = match.span()
        if _within(start, end, known):
            continue
        word, tail = _parted(match[0])
        if (right := _right(word)) is not None:
            spans.append((start, end - len(tail), right))
    return line.replace(spans) if spans else line


def _within(start: int, end: int, mentions: Sequence[Mention]) -> bool:
    return any(start < mention.end and mention.start < end for mention in mentions)


def _parted(word: str) -> tuple[str, str]:
    """Return a word and its particle."""
    if word.isascii():
        return word, ""
    short = _PARTICLES.sub("", word)
    return (short, word[len(short) :]) if len(short) >= _SHORT_STEM else (word, "")


@lru_cache(maxsize=16_384)
def _right(word: str) -> str | None:
    """Return the word that ``word`` was meant to be, or None when there is none, or more than one."""
    if word in lexicon.listed("right"):
        return None
    near = _near_english(word) if word.isascii() else _near_korean(word)
    if any(word in _forms(other) for other in near):
        return None
    close = {other: slips for other, slips in near.items() if _is_slip(word, other, slips)}
    nearest = [other for other, slips in close.items() if slips == min(close.values())]
    chosen = [other for other in nearest if other[0] == word[0]] or nearest
    # epocs may be epoch or epochs: both mean the same
    return chosen[0] if len({_meaning(other) for other in chosen}) == 1 else None


def _near_english(word: str) -> dict[str, int]:
    """Return the English words that are a slip away, or two of a long one, with the number of slips."""
    from rapidfuzz.distance import OSA

    limit = 1 if len(word) < _LONG else 2
    others = [other for other in _spoken(english=True) if abs(len(other) - len(word)) <= limit]
    slips = {other: OSA.distance(word, other, score_cutoff=limit) for other in others}
    return {other: count for other, count in slips.items() if 0 < count <= limit}


def _near_korean(word: str) -> dict[str, int]:
    """Return the Korean words with as many syllables that are one slip of a key away."""
    from rapidfuzz.distance import OSA

    jamo, others = _jamo(word), [other for other in _spoken(english=False) if len(other) == len(word)]
    return {other: 1 for other in others if OSA.distance(jamo, _jamo(other), score_cutoff=1) == 1}


def _forms(word: str) -> set[str]:
    """Return other forms of a word, which are no slips: batches, used."""
    return {f"{word}{ending}" for ending in ("s", "d", "ed", "ing", "er")}


@lru_cache(maxsize=4096)
def _meaning(word: str) -> tuple[str, str]:
    found = [mention for mention in scan(word) if mention.kind != "mark"]
    return (found[0].kind, str(found[0].value)) if found else ("", word)


def _is_slip(word: str, other: str, slips: int) -> bool:
    """Return whether a word is another one, mistyped: two slips are believed of a long word only.

    Nothing is done by guess: a word for a deed must be one slip away, and no longer word that begins so, as deeply does
    not mean deploy; except when its last letter was struck twice.
    """
    if other in lexicon.listed("deeds"):
        return slips == 1 and (word == other + other[-1] or not word.startswith(other))
    return slips == 1 or len(word) >= _VERY_LONG


def _jamo(word: str) -> str:
    return unicodedata.normalize("NFD", word)


@cache
def _spoken(*, english: bool) -> tuple[str, ...]:
    """Return the words that are worth mending, of the lexicon's longer phrases."""
    return tuple(sorted(word for word in lexicon.listed("spelling") if word.isascii() == english))
