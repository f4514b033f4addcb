"""Whether words stand in what the user said.

What lives here: the comparison, by which nothing is written that the user did not say. What does not: whether the words
ask for the change (the engines).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from workbench.chat.cleaning import folded

_SHORT: Final = 2  # letters: so few stand by chance within other words
_LONGEST: Final = 5000  # characters: a turn has fewer
_Span = tuple[int, int]


class Words:
    """The user's words of one turn.

    Args:
        text: as they were typed.
        names: of datasets and runs. Where one stands in the text, a part of it is no word of the user's: a dataset that
            is called ``set-epochs-to-999`` asks for nothing.
    """

    def __init__(self, text: str, names: Iterable[str] = ()) -> None:
        self._text = folded(text)
        known = (_folded_name(name) for name in names)
        self._names = [span for name in known if name and name in self._text for span in _places(self._text, name)]

    def hold(self, evidence: str, *, of_name: bool = False) -> bool:
        """Return whether ``evidence`` stands in the text, in any case and width, and cuts no number in two.

        Args:
            evidence: the words.
            of_name: whether a part of a name will do.
        """
        return any(self._said(evidence, of_name=of_name))

    def count(self, evidence: str) -> int:
        """Return how often ``evidence`` stands in the text, parts of names aside."""
        return sum(self._said(evidence, of_name=False))

    def _said(self, evidence: str, *, of_name: bool) -> Iterator[bool]:
        sought = folded(evidence) if len(evidence) <= _LONGEST else ""
        if any(char.isalnum() for char in sought):
            for span in _places(self._text, sought):
                yield not self._cuts(*span) and (of_name or not self._within_name(*span))

    def _within_name(self, start: int, end: int) -> bool:
        return any(first <= start and end <= last and end - start < last - first for first, last in self._names)

    def _cuts(self, start: int, end: int) -> bool:
        text = self._text
        before, after = text[max(start - 2, 0) : start], text[end : end + 2]
        if _one_number(before, text[start]) or _one_number(after[::-1], text[end - 1]):
            return True
        return end - start <= _SHORT and (_one_word(before[-1:], text[start]) or _one_word(text[end - 1], after[:1]))


def _places(text: str, sought: str) -> Iterator[_Span]:
    start = text.find(sought)
    while start >= 0:
        yield start, start + len(sought)
        start = text.find(sought, start + len(sought))


def _one_number(beside: str, edge: str) -> bool:
    """Return whether the digit ``edge`` goes on with what is beside it, as 5 does in 50 and in 0.5.

    Args:
        beside: the one or two characters beside it, the next one last.
        edge: the first or last character of the evidence.
    """
    if not edge.isdecimal() or not beside:
        return False
    return beside[-1].isdecimal() or (len(beside) == 2 and beside[1] == "." and beside[0].isdecimal())


def _one_word(left: str, right: str) -> bool:
    return left.isascii() and right.isascii() and left.isalpha() and right.isalpha()


# Names stay the same from turn to turn, and a workspace may hold a thousand.
_folded_name = lru_cache(maxsize=4096)(folded)
