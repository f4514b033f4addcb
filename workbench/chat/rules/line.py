"""A line of text in the form that is searched, with the way back to what the person wrote.

What lives here: lower case, one width of characters, and the map from each of them to its original. What does not:
what the words mean.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from workbench.chat.cleaning import clean_lines
from workbench.chat.turn import Language

# Quotes, dashes and dots that keyboards and word processors make.
_PLAIN: Final[Mapping[str, str]] = {
    **dict.fromkeys("’‘", "'"),
    **dict.fromkeys("“”", '"'),
    **dict.fromkeys("–−", "-"),
    **dict.fromkeys("—·、", ","),
    **dict.fromkeys("…。", "."),
    "×": "x",
    "∼": "~",
}
_HANGUL: Final = re.compile(r"[가-힣ㄱ-ㅎㅏ-ㅣ]")
_KOREAN_SHARE: Final = 0.25  # of the letters


@dataclass(frozen=True)
class Line:
    """A text to be searched.

    Attributes:
        original: what the person wrote, cleaned.
        text: the same in lower case and one width; with words written right, once they have been mended.
        origin: for each character of ``text`` its place in ``original``, and one more for the end.
    """

    original: str
    text: str
    origin: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> Line:
        """Read a text."""
        original = unicodedata.normalize("NFC", clean_lines(text))
        chars: list[str] = []
        origin: list[int] = []
        for place, char in enumerate(original):
            # ㄱㄱ stays as it was typed: NFKC makes leading consonants of its letters
            wide = char if "\u3131" <= char <= "\u318e" else unicodedata.normalize("NFKC", char)
            for part in wide.lower():
                chars.append(_PLAIN.get(part, part))
                origin.append(place)
        return cls(original, "".join(chars), (*origin, len(original)))

    @property
    def language(self) -> Language:
        """``ko`` when a good part of it is Korean."""
        letters = [char for char in self.original if char.isalpha()]
        korean = sum(1 for char in letters if _HANGUL.match(char))
        return "ko" if korean and korean >= len(letters) * _KOREAN_SHARE else "en"

    def quote(self, start: int, end: int) -> str:
        """Return the person's own words from ``start`` to ``end`` of the searched text."""
        return self.original[self.origin[start] : self.origin[max(end - 1, start)] + 1].strip()

    def replace(self, spans: Sequence[tuple[int, int, str]]) -> Line:
        """Return the line with other words in some places; the way back leads to what stood there."""
        text, origin, at = [], [], 0
        for start, end, word in spans:
            text += [self.text[at:start], word]
            origin += [*self.origin[at:start], *_spread(self.origin, start, end, len(word))]
            at = end
        return Line(self.original, "".join([*text, self.text[at:]]), (*origin, *self.origin[at:]))


def _spread(origin: tuple[int, ...], start: int, end: int, length: int) -> list[int]:
    """Map a mended word onto the one it stands for: its first character to the first, its last to the last."""
    if length == 1:
        return [origin[start]]
    return [origin[min(start + place, end - 1)] if place < length - 1 else origin[end - 1] for place in range(length)]
