"""Numbers with what they count: epochs, hours, pixels, GPUs; and factors: 두 배, a third, times 4.

What lives here: giving the numbers of a line their units, and amounts that are no numbers by themselves ("an hour and a
half"). What does not: the numbers (``numbers``), and the fields that the units stand for (``amounts``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from workbench.chat.rules import numbers, patterns, vocabulary
from workbench.chat.rules.mention import Mention
from workbench.chat.rules.numbers import Number

_TIMES: Final = patterns.read("quantities", "times")
_FACTOR: Final = patterns.read("quantities", "factor")
_MULTIPLIED: Final = patterns.read("quantities", "multiplied")
_PRODUCT: Final = patterns.read("quantities", "product")
_OF_ONE: Final = patterns.read("quantities", "of_one")
_SQUARE: Final = patterns.read("quantities", "square")
_UNIT_GAP: Final = patterns.read("quantities", "unit_gap")
_REST_OF_HOURS: Final = patterns.read("quantities", "rest_of_hours")
_QUARTERS: Final = patterns.read("quantities", "quarters")
_HALF_HOUR: Final = patterns.read("quantities", "half_hour")
_ONE_HOUR: Final = patterns.read("quantities", "one_hour")
_DAY: Final = patterns.read("quantities", "day")
_HOUR_AND_HALF: Final = patterns.read("quantities", "hour_and_half")
_MORE: Final = patterns.read("quantities", "more")
_GPU: Final = patterns.read("quantities", "gpu")
_GPUS: Final = patterns.read("quantities", "gpus")
_SIZES: Final = patterns.read("quantities", "sizes")
_SMALLEST_SIDE: Final = 32  # pixels of "640x640"
_FAR: Final = 60  # characters between "multiply" and its number
_COUNTS: Final = {"two": 2, "three": 3, "four": 4, "five": 5, "두": 2, "세": 3, "네": 4}


def find(text: str) -> list[Mention]:
    """Return the quantities of a line; those that overlap are all named."""
    return [*_durations(text), *_devices(text), *_steps(text), *_numbers(text)]


def _numbers(text: str) -> list[Mention]:
    found: list[Mention] = []
    for number in numbers.find(text):
        if not found or number.start >= found[-1].end:  # "1280x1280" is one
            found.append(_with_unit(text, number))
    return found


def _with_unit(text: str, number: Number) -> Mention:
    """Return a number with what it counts.

    A percent sign is part of the number, so nothing else can follow. Words of multiplying go before units: in "3배" the
    배 counts nothing. Of these, what stands right behind the number goes first.
    """
    if number.percent:
        return Mention("number", number.value, number.start, number.end, "%", number)
    mention = Mention("number", number.value, number.start, number.end, number=number)
    rules = (_times, _of_factor, _multiplied, _product, _part, _square, _counted)
    return next((found for rule in rules if (found := rule(text, mention))), mention)


def _times(text: str, mention: Mention) -> Mention | None:
    """Read "3x", "3배"."""
    match = _TIMES.match(text, mention.end)
    return replace(mention, kind="factor", end=match.end()) if match else None


def _of_factor(text: str, mention: Mention) -> Mention | None:
    """Read "by a factor of 3"."""
    return replace(mention, kind="factor") if _FACTOR.search(text, 0, mention.start) else None


def _multiplied(text: str, mention: Mention) -> Mention | None:
    """Read "multiply the batch by 3", "divided by 3", "곱하기 3"."""
    match = _MULTIPLIED.search(text, max(0, mention.start - _FAR), mention.start)
    if match is None or not mention.value:
        return None
    value = 1 / mention.value if match["divided"] or match["parted"] else mention.value
    return replace(mention, kind="factor", value=value, unit="times")


def _product(text: str, mention: Mention) -> Mention | None:
    """Read "3을 곱해", "3으로 나눠"."""
    match = _PRODUCT.match(text, mention.end)
    if match is None or not mention.value:
        return None
    value = 1 / mention.value if match["divided"] else mention.value
    return replace(mention, kind="factor", value=value, end=match.end(), unit="times")


def _part(text: str, mention: Mention) -> Mention | None:
    """Read "3분의 1"."""
    match = _OF_ONE.match(text, mention.end)
    if match is None or not mention.value:
        return None
    return replace(mention, kind="factor", value=1 / mention.value, end=match.end())


def _square(text: str, mention: Mention) -> Mention | None:
    """Read "640x640"."""
    match = _SQUARE.match(text, mention.end)
    if match is None or float(match["other"]) != mention.value or mention.value < _SMALLEST_SIDE:
        return None
    return replace(mention, end=match.end(), unit="pixels")


def _counted(text: str, mention: Mention) -> Mention | None:
    """Read "3 epochs", "3 more epochs", "세 시간 반"."""
    gap, start = _UNIT_GAP.match(text, mention.end), mention.end
    if gap is not None:
        start = gap.end()
        if mention.number and (gap["more"] or gap["less"]):
            mention = replace(mention, number=replace(mention.number, signed="+" if gap["more"] else "less"))
    for entry in vocabulary.entries():
        if entry.kind == "unit" and (match := entry.pattern.match(text, start)):
            return _in_hours(text, replace(mention, end=match.end(), unit=entry.value))
    return mention


def _in_hours(text: str, mention: Mention) -> Mention:
    """Bring hours, minutes and days into hours."""
    if mention.unit == "minutes":
        return replace(mention, value=_tidy(mention.value / 60), unit="hours")
    if mention.unit == "days":
        return replace(mention, value=mention.value * 24, unit="hours")
    rest = _REST_OF_HOURS.match(text, mention.end) if mention.unit == "hours" else None
    if rest is None:
        return mention
    minutes = 30.0 if rest["half"] else _minutes(rest["minutes"])
    return replace(mention, value=_tidy(mention.value + minutes / 60), end=rest.end())


def _minutes(word: str) -> float:
    found = numbers.find(f"{word}분")
    return found[0].value if found else 0.0


def _tidy(value: float) -> float:
    return round(value, 6)


def _durations(text: str) -> Iterator[Mention]:
    """Yield times that are words: "an hour and a half", "30분", "하루"."""
    for match in _QUARTERS.finditer(text):
        quarters = 0.75 if "three" in match["part"] else 0.25
        yield _hours(match, quarters + (1.0 if match["whole"] else 0.0))
    for pattern, hours in ((_HALF_HOUR, 0.5), (_ONE_HOUR, 1.0), (_DAY, 24.0)):
        for match in pattern.finditer(text):
            yield _hours(match, hours)
    for match in _HOUR_AND_HALF.finditer(text):
        yield _hours(match, (_count(match["hours"]) if match["hours"] else 1.0) + 0.5)


def _hours(match: re.Match[str], hours: float) -> Mention:
    number = Number(hours, *match.span(), signed="+" if _MORE.search(match[0]) else "")
    return Mention("number", hours, *match.span(), "hours", number)


def _devices(text: str) -> Iterator[Mention]:
    """Yield GPUs that are counted, and those that are named by number: "on 2 gpus", "gpu 0 and 1"."""
    for match in _GPUS.finditer(text):
        yield Mention("device", ",".join(map(str, range(_count(match["count"] or match["korean"])))), *match.span())
    for match in _GPU.finditer(text):
        yield Mention("device", ",".join(dict.fromkeys(re.findall(r"\d", match[0]))), *match.span())


def _steps(text: str) -> Iterator[Mention]:
    """Yield steps of more than one size: "two sizes up"."""
    for match in _SIZES.finditer(text):
        count, up = _count(match["count"] or match["korean"]), match["up"] or match["wide"]
        if up or match["down"] or match["small"]:
            yield Mention("size_step", count if up else -count, *match.span())


def _count(word: str) -> int:
    return _COUNTS.get(word) or int(word)
