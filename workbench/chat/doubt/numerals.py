"""Numbers as people write them, in digits and in words of both languages, with their places.

What lives here: ``numerals``, which would rather miss a number than see one that is none. What does not: what they
count.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final


def _any(words: Iterable[str]) -> str:
    """Return a pattern of words, the longest first."""
    return "|".join(sorted(words, key=lambda word: (-len(word), word)))


_TABLES: Final[Mapping[str, Mapping[str, float]]] = tomllib.loads(
    Path(__file__).with_name("numbers.toml").read_text(encoding="utf-8")
)
_WORDS: Final = {**_TABLES["ones"], **_TABLES["tens"]}
_GROUPS: Final = _TABLES["groups"]
_COUNTING: Final = _any({*_WORDS, *_GROUPS})
_ENGLISH: Final = re.compile(
    rf"(?<![a-z])(?:(?:an? (?={_any(_GROUPS)}))?(?:{_COUNTING})(?:[ -](?:and )?(?={_COUNTING})|(?![a-z])))+"
)
_PARTS: Final = _TABLES["parts"]
_PART: Final = re.compile(rf"(?<![a-z가-힣])(?:{_any(_PARTS)})(?![a-z])")
_TIMES: Final = _TABLES["times"]
_DIGITS: Final = re.compile(
    r"(?<![\d.])(?<!yolo)(?<!yolov)(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?:e[-+]?\d{1,2}(?!\d))?"
    r"(?P<times>k(?![a-z])|[백천만])?"
)
_DIGIT, _PLACE = _TABLES["digits"], _TABLES["places"]
_SINO_DIGIT: Final = f"[{''.join(_DIGIT)}]"
_SINO_REST: Final = f"[{''.join(_DIGIT)}{''.join(_PLACE)}만]*"
_COUNTED: Final = r"\s?(?:에폭|에포크|배|장|시간|분|초|일|번|개|회|프로|퍼센트|픽셀|단계|층|점)"
_SINO: Final = re.compile(
    rf"{_SINO_DIGIT}[십백천만]{_SINO_REST}"
    rf"|(?<![가-힣])[십백천만]{_SINO_REST}(?={_COUNTED}|으?로|[^가-힣]|$)"
    rf"|(?<![가-힣]){_SINO_DIGIT}(?={_COUNTED})"
)
_TEN, _ONE = _TABLES["native_tens"], _TABLES["native_ones"]
_BEFORE_UNIT: Final = {**_ONE, **_TABLES["before_unit"]}
_NATIVE: Final = re.compile(
    rf"(?<![가-힣])(?:(?P<tens>{_any(_TEN)})?(?P<ones>{_any(_BEFORE_UNIT)})?(?={_COUNTED})"
    rf"|(?P<ten>{_any(_TEN)})?(?P<one>{_any(_ONE)})?(?=으?로|[^가-힣]|$))"
)


@dataclass(frozen=True)
class Numeral:
    """A number in a text.

    Attributes:
        value: without sign.
        start: where it begins.
        end: where it ends.
    """

    value: float
    start: int
    end: int


def numerals(text: str) -> list[Numeral]:
    """Return the numbers that stand in ``text`` (folded), from left to right."""
    found: list[Numeral] = []
    for each in sorted((*_digits(text), *_words(text)), key=lambda each: (each.start, -each.end)):
        if not found or each.start >= found[-1].end:
            found.append(each)
    return found


def _digits(text: str) -> Iterator[Numeral]:
    for match in _DIGITS.finditer(text):
        times = match["times"] or ""
        plain = match[0].removesuffix(times).replace(",", "")
        yield Numeral(float(plain) * _TIMES.get(times, 1), *match.span())


def _words(text: str) -> Iterator[Numeral]:
    for match in _ENGLISH.finditer(text):
        yield Numeral(_english(re.findall("[a-z]+", match[0])), *match.span())
    for match in _PART.finditer(text):
        yield Numeral(_PARTS[match[0]], *match.span())
    for match in _SINO.finditer(text):
        yield Numeral(_sino(match[0]), *match.span())
    for match in _NATIVE.finditer(text):
        if match[0]:
            tens, ones = match["tens"] or match["ten"], match["ones"] or match["one"]
            yield Numeral(_TEN.get(tens, 0) + _BEFORE_UNIT.get(ones, 0), *match.span())


def _english(words: list[str]) -> float:
    total = part = 0.0
    for word in words:
        if word == "thousand":
            total, part = total + max(part, 1) * 1000, 0
        elif word in _GROUPS:
            part = max(part, 1) * _GROUPS[word]
        elif number := _WORDS.get(word, 0):
            # "six forty" is said of sizes: 640
            part = part * 100 + number if 0 < part < 20 and number >= 10 else part + number
    return total + part


def _sino(word: str) -> float:
    total = part = digit = 0.0
    for char in word:
        if char in _DIGIT:
            digit = _DIGIT[char]
        elif char == "만":
            total, part, digit = (total + part + digit or 1) * 10_000, 0, 0
        else:
            part, digit = part + max(digit, 1) * _PLACE[char], 0
    return total + part + digit
