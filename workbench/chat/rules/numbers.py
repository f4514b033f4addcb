"""Numbers as people write them: digits, words of both languages, fractions, percent.

What lives here: finding them in a line, with their value. What does not: what they count (``quantities``, ``binding``).
English number words add up within one run ("one hundred and twenty"); Korean ones come in two systems, Chinese (일, 이,
삼) and native (하나, 둘, 셋), and count as numbers only before a unit or after a field: 이 is also "this".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from workbench.chat.rules import lexicon, patterns

_TABLES: Final[Mapping[str, Mapping[str, int]]] = lexicon.table("numbers")
_ONES: Final = _TABLES["english_ones"]
_TENS: Final = _TABLES["english_tens"]
_WORDS: Final = {**_ONES, **_TENS, **_TABLES["english_more"]}
_SINO: Final = _TABLES["sino"]
_SCALES: Final = _TABLES["sino_scales"]
_NATIVE_TENS: Final = _TABLES["native_tens"]
_NATIVE_ONES: Final = _TABLES["native_ones"]
_KILO: Final = {"k": 1000, "천": 1000, "만": 10_000}
_LARGEST: Final = 1e300
_any: Final = "|".join
_DIGITS: Final = patterns.read("numbers", "digits")
_PERCENT: Final = patterns.read("numbers", "percent")
_TENTHS: Final = patterns.read("numbers", "tenths")
_IN_NAME: Final = patterns.read("numbers", "in_name")
_MINUS: Final = patterns.read("numbers", "minus")
_NO_ONE: Final = patterns.read("numbers", "no_one")
_ONE_OF: Final = patterns.read("numbers", "one_of")
_SUM: Final = _any([*_ONES, *_TENS, "hundred", "thousand"])
_ENGLISH: Final = re.compile(
    r"(?<![\w-])(?:(?:a|one)[\s-](?=hundred|thousand|dozen|couple))?"
    rf"(?:(?:{_any([*_WORDS, 'hundred', 'thousand'])})(?:\s+of(?=\s))?(?:[\s-](?:and\s)?(?=(?:{_SUM})\b))?)+"
    rf"(?:\s+point(?P<decimals>(?:\s+(?:oh|{_any(list(_ONES)[:10])}))+))?(?![\w-])"
)
# What a Korean number word must stand before, to be one.
_COUNTED: Final = f"(?:{patterns.alternatives('numbers', 'counted')})"
_KOREAN_SINO: Final = re.compile(
    rf"(?<![가-힣])(?P<sino>{patterns.alternatives('numbers', 'sino')})"
    rf"(?=\s?{_COUNTED}|{patterns.alternatives('numbers', 'after_sino')})"
)
_KOREAN_GLUED: Final = patterns.read("numbers", "glued")
_KOREAN_NATIVE: Final = re.compile(
    rf"(?<![가-힣])(?P<tens>{_any(_NATIVE_TENS)})?(?P<ones>{_any(_NATIVE_ONES)})?(?=\s?{_COUNTED})"
    rf"|(?<![가-힣])(?P<tens_only>{_any(_NATIVE_TENS)})(?P<ones_only>{_any(_NATIVE_ONES)})?"
    rf"(?={patterns.alternatives('numbers', 'after_tens')})"
)
_KOREAN_LAST: Final = patterns.read("numbers", "last")


@dataclass(frozen=True)
class Number:
    """A number in a line.

    Attributes:
        value: its value; of ``50%`` it is 50.
        start: where it begins in the searched text.
        end: where it ends, its percent sign included.
        percent: whether it is of a hundred.
        signed: ``+`` or ``-`` when one was written; ``less`` of "10 fewer".
    """

    value: float
    start: int
    end: int
    percent: bool = False
    signed: str = ""


def find(text: str) -> list[Number]:
    """Return the numbers of a line from left to right."""
    found: list[Number] = []
    for number in sorted([*_digits(text), *_english(text), *_korean(text)], key=lambda each: (each.start, -each.end)):
        if not found or number.start >= found[-1].end:
            found.append(number)
    return found


def _digits(text: str) -> Iterator[Number]:
    for match in _DIGITS.finditer(text):
        if match["power"] is not None:
            yield Number(_bounded(f"{match['mantissa']}e{match['power']}"), *match.span())
        elif not _is_place(text, match) and not _is_in_name(text, match):
            plain = match["number"].replace(",", "")
            value = _bounded(f"{plain}e{match['exponent'] or 0}") * _KILO.get(match["kilo"], 1)
            sign = (match["sign"] or "").strip()
            sign = "-" if sign not in {"", "+"} else sign
            yield _with_percent(text, Number(-value if sign == "-" else value, *match.span(), signed=sign))


def _is_place(text: str, match: re.Match[str]) -> bool:
    """Return whether a number is a place in a list: "2) epochs 50"."""
    return text.startswith(")", match.end()) and not text[: match.start()].strip().endswith("(")


def _is_in_name(text: str, match: re.Match[str]) -> bool:
    """Return whether a number is part of a name: v2, camera-3, #7."""
    return bool(_IN_NAME.search(text[: match.start()])) or text.startswith(("_", "⁄"), match.end())


def _bounded(text: str) -> float:
    return min(float(text), _LARGEST)


def _with_percent(text: str, number: Number) -> Number:
    if tenths := _TENTHS.match(text, number.end):
        return replace(number, value=number.value * 10, end=tenths.end(), percent=True)
    if sign := _PERCENT.match(text, number.end):
        return replace(number, end=sign.end(), percent=True)
    return number


def _english(text: str) -> Iterator[Number]:
    for match in _ENGLISH.finditer(text):
        words = [word for word in re.findall(r"[a-z]+", match[0]) if word != "of"]
        before, after = text[: match.start()], text[match.end() :]
        if words == ["one"] and (_NO_ONE.match(after) or not _ONE_OF.match(after)):
            continue  # "the other one", "one more time"
        if words == ["zero"] and before.endswith("from "):
            continue
        value = float(min(_sum(words[: words.index("point")] if "point" in words else words), _LARGEST))
        if match["decimals"]:
            digits = "".join(str({"oh": 0, **_ONES}[word]) for word in match["decimals"].split())
            value = float(f"{int(value)}.{digits}")
        end = match.start() + len(match[0].rstrip())
        if minus := _MINUS.search(before):
            yield _with_percent(text, Number(-value, minus.start(), end, signed="-"))
        else:
            yield _with_percent(text, Number(value, match.start(), end))


def _sum(words: Sequence[str]) -> int:
    """Return what English number words come to."""
    total, part = 0, 0
    for word in words:
        if word == "hundred":
            part = max(part, 1) * 100
        elif word == "thousand":
            total, part = total + max(part, 1) * 1000, 0
        elif word == "dozen":
            part = max(part, 1) * 12
        else:
            # "nine sixty" is said of sizes: 960, "twelve eighty": 1280
            said = _WORDS.get(word, 0)
            part = part * 100 + said if 1 <= part < 20 and said >= 20 else part + said
    return total + part


def _korean(text: str) -> Iterator[Number]:
    for pattern in (_KOREAN_SINO, _KOREAN_GLUED):
        for match in pattern.finditer(text):
            value = _sino(match["sino"])
            if value is not None and not text.startswith("이번", match.start()):
                yield _with_percent(text, Number(value, *match.span()))
    for match in _KOREAN_LAST.finditer(text):
        yield Number(float({**_NATIVE_ONES, **_NATIVE_TENS}[match["ones"]]), *match.span())
    for match in _KOREAN_NATIVE.finditer(text):
        if match[0]:
            tens, ones = match["tens"] or match["tens_only"], match["ones"] or match["ones_only"]
            value = float(_NATIVE_TENS.get(tens, 0) + _NATIVE_ONES.get(ones, 0))
            yield _with_percent(text, Number(value, *match.span()))


def _sino(word: str) -> float | None:
    """Return what Chinese number words come to; ``None`` for 이일, which nobody counts with."""
    whole, _, decimals = word.partition("점")
    total, part, digit = 0, 0, 0
    if len(whole) > 1 and all(char in _SINO for char in whole):
        return None
    for char in whole:
        if char in _SINO:
            digit = _SINO[char]
        elif char == "만":
            total, part, digit = (total + part + digit or 1) * 10_000, 0, 0
        else:
            part, digit = part + max(digit, 1) * _SCALES[char], 0
    value = int(min(total + part + digit, _LARGEST))
    return float(f"{value}.{''.join(str(_SINO[char]) for char in decimals)}") if decimals else float(value)
