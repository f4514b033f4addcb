"""Which dataset is meant, by what is said of it.

What lives here: words of a request held against the names, classes and descriptions of datasets. What does not: exact
names (``names``). A word counts by how few datasets have it, as in any search (inverse document frequency). The texts
of datasets are only searched: nothing in them is read as a wish.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from workbench.chat.context import DatasetFact
from workbench.chat.rules import lexicon, patterns

_WORD: Final = re.compile(r"(?<![a-z])v\d+|[a-z]+(?:'[a-z]+)?|\d+|[가-힣]+")
_PARTICLE: Final = patterns.read("choosing", "particle")


def _sounds(jamo: str) -> tuple[str, ...]:
    """Return how jamo sound, given in the order of Unicode; ``-`` is silent."""
    return tuple(sound.replace("-", "") for sound in jamo.split())


_FIRST_SYLLABLE, _SYLLABLES = 0xAC00, 11_172
_INITIALS: Final = _sounds("g kk n d tt r m b pp s ss - j jj ch k t p h")
_MEDIALS: Final = _sounds("a ae ya yae eo e yeo ye o wa wae oe yo u wo we wi yu eu ui i")
_FINALS: Final = _sounds("- k k ks n nj nh t l lk lm lp ls lt lp lh m p ps t t ng t t k t p t")
_PLURALS: Final = {"ies": "y", "ves": "f", "sses": "ss", "ches": "ch", "shes": "sh", "xes": "x", "oes": "o"}
_YEAR: Final = 4  # digits: shorter numbers say nothing of a dataset
_IN_CLASS, _IN_TEXT = 0.95, 0.9  # how well a word fits, where 1 is in the name
_NONE: Final[frozenset[int]] = frozenset()
_ALIKE: Final = 0.15  # difference of scores
_OF_TASK: Final = 0.3  # added to the score


@dataclass(frozen=True)
class Choice:
    """What a search found.

    Attributes:
        names: the datasets that fit best: none, one, or several that fit alike.
        score: how well they fit, > 0 when any does.
        words: the person's words that fit.
    """

    names: tuple[str, ...] = ()
    score: float = 0.0
    words: tuple[str, ...] = ()


def content_words(text: str) -> list[str]:
    """Return the words of a request that may say something of a dataset, without particles."""
    found = []
    for match in _WORD.finditer(text):
        word = match[0]
        stem = word if word.isascii() or word in _groups() else _stem(word)
        if stem and not {word, stem} & lexicon.listed("idle") and not (word.isdigit() and len(word) < _YEAR):
            found.append(stem)
    return found


def tokens_outside(text: str, start: int, end: int, spans: Iterable[tuple[int, int]]) -> str:
    """Return ``text[start:end]`` with blanks where other things were found."""
    chars = list(text[start:end])
    for first, last in spans:
        for place in range(max(first, start), min(last, end)):
            chars[place - start] = " "
    return "".join(chars)


def choose(words: Sequence[str], datasets: Sequence[DatasetFact], task: str = "") -> Choice:
    """Return the datasets that ``words`` fit best.

    Args:
        words: of ``content_words``.
        datasets: to choose from.
        task: what the person wants to do, if that was said: it decides between datasets that fit alike.
    """
    scores: dict[str, float] = {}
    hits: dict[str, list[str]] = {}
    for word in dict.fromkeys(words):
        fitting = {dataset.name: fit for dataset in datasets if (fit := _fit(word, dataset)) > 0}
        if not fitting:
            continue
        rare = math.log(1 + len(datasets) / len(fitting))
        for name, fit in fitting.items():
            scores[name] = scores.get(name, 0.0) + rare * fit
            hits.setdefault(name, []).append(word)
    if not scores:
        return Choice()
    if task:
        scores = {name: score + _OF_TASK * (_task(datasets, name) == task) for name, score in scores.items()}
    best = max(scores.values())
    names = tuple(name for name, score in scores.items() if score >= best - _ALIKE)
    return Choice(names, best, tuple(hits[names[0]]))


def _task(datasets: Sequence[DatasetFact], name: str) -> str:
    return next(dataset.task for dataset in datasets if dataset.name == name)


def _fit(word: str, dataset: DatasetFact) -> float:
    """Return how well a word fits: 1 in the name, less in a class, least in the description."""
    name, classes, description = _texts(dataset.name, dataset.classes, dataset.description)
    if any(_same(word, other) for other in name):
        return 1.0
    if any(_same(word, other) for other in classes):
        return _IN_CLASS
    return _IN_TEXT if any(_same(word, other) for other in description) else 0.0


@lru_cache(maxsize=4096)
def _texts(
    name: str, classes: tuple[str, ...], description: str
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    words = (word for label in classes[:200] for word in (*_split(label), re.sub(r"[-_ ]", "", label.lower())))
    return tuple(_split(name)), tuple(words), tuple(_split(description[:400]))


def _split(text: str) -> list[str]:
    words = [match[0] for match in _WORD.finditer(text.lower().replace("_", " "))]
    return [_stem(word) if not word.isascii() else word for word in words if word not in lexicon.listed("idle")]


@lru_cache(maxsize=65_536)
def _same(word: str, other: str) -> bool:
    """Return whether two words are one: equal, of one stem, synonyms, or the same sound in the other script."""
    if word == other or _groups().get(word, _NONE) & _groups().get(other, _NONE) or _slipped(word, other):
        return True
    if word.isascii() and other.isascii():
        return _english_stem(word) == _english_stem(other) or (
            min(len(word), len(other)) >= 4 and (word.startswith(other) or other.startswith(word))
        )
    if not word.isascii() and not other.isascii():
        short, long = sorted((word, other), key=len)
        return len(short) >= 2 and (long.startswith(short) or long.endswith(short))
    korean, latin = (word, other) if not word.isascii() else (other, word)
    sound = _skeleton(latin)
    return len(korean) >= 2 and len(sound) >= 3 and _skeleton(_romanised(korean)) == sound


def _slipped(word: str, other: str) -> bool:
    """Return whether a word is another one with one slip of a key; Korean ones are compared by jamo."""
    if (
        word in lexicon.listed("right")
        or word.isascii() != other.isascii()
        or min(len(word), len(other)) < (5 if word.isascii() else 3)
    ):
        return False
    from rapidfuzz.distance import OSA

    one, two = (unicodedata.normalize("NFD", each) for each in (word, other))
    return abs(len(one) - len(two)) <= 1 and OSA.distance(one, two, score_cutoff=1) <= 1


@cache
def _groups() -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for number, group in enumerate(lexicon.table("synonyms")["groups"]):
        for word in group:
            found.setdefault(word, set()).add(number)
    return {word: frozenset(numbers) for word, numbers in found.items()}


def _english_stem(word: str) -> str:
    for ending, rest in _PLURALS.items():
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word.removesuffix(ending) + rest
    return word.removesuffix("s") if len(word) > 3 and not word.endswith("ss") else word


def _stem(word: str) -> str:
    """Return a Korean word without its particles, as far as something of it is left."""
    short = word
    for _ in range(2):
        without = _PARTICLE.sub("", short)
        if not without:
            break
        short = without if len(without) >= 2 or len(word) <= 3 else short
    return short


def _romanised(word: str) -> str:
    text = []
    for char in word:
        code = ord(char) - _FIRST_SYLLABLE
        if 0 <= code < _SYLLABLES:
            text += [_INITIALS[code // 588], _MEDIALS[code % 588 // 28], _FINALS[code % 28]]
    return "".join(text)


def _skeleton(word: str) -> str:
    """Return the consonants that survive a loan into the other script: helmet and 헬멧 are both hlmt."""
    word = re.sub(r"ph|f|v|b|pp", "p", re.sub(r"th|tt|d", "t", re.sub(r"ck|c|q|g|kk|x", "k", word)))
    word = re.sub(r"z|ss|sh|ch|j", "s", word.replace("l", "r"))
    return re.sub(r"(.)\1+", r"\1", re.sub(r"[aeiouyw]", "", word)) or "-"
