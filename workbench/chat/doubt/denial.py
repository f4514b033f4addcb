"""Whether the words around a place deny the wish: "don't touch batch 8", "배치 8은 건드리지 마".

What lives here: telling a value that is not wanted, and a setting that is to stay as it is. What does not: wishes that
are themselves a denial, such as "no mosaic".
"""

from __future__ import annotations

import re
from typing import Final

_FAR: Final = 40  # characters before a place in which an English denial reaches it
_NEAR: Final = 16  # characters after a place in which a Korean one does
_NOT: Final = r"(?<!why )\b(?:(?:don|doesn|shouldn|won)[’']?t|(?:do |does )?not(?: to)?|never|avoid)\b"
_TOUCH: Final = r"(?:touch|chang|alter|modify|mess|mov|rais|lower|increas|decreas|reset)"
_TOUCHING: Final = r"(?:건드리|건들|바꾸|바꿔|변경|수정|손대|만지)\w{0,3}\s?(?:마|말|않)"
_HERE_ENDS: Final = (
    r"|(?P<end>[.,;:!?\n](?=\s|$)|\b(?:but|instead(?! of)|rather|then)\b"
    r"|\band (?=(?:set|use|make|put|train|run|go|change|give)\b))"
)
_THERE_ENDS: Final = r"|(?P<end>[.,!?;\n]|\d|고\s|지만|는데|면서|니까)"
_REFUSED: Final = (
    re.compile(rf"(?P<deny>(?:{_NOT}|\binstead of\b)(?! (?:forget|hesitate|only|just))){_HERE_ENDS}"),
    re.compile(rf"(?P<deny>말고|말아|마라|마세요|마요|지\s?마|지\s?말|지\s?않|아니|빼고|제외|금지|대신){_THERE_ENDS}"),
)
_KEPT: Final = (
    re.compile(rf"(?P<deny>{_NOT} {_TOUCH}){_HERE_ENDS}"),
    re.compile(rf"(?P<deny>{_TOUCHING}){_THERE_ENDS}"),
)


def denied(text: str, start: int, end: int) -> bool:
    """Return whether what stands between ``start`` and ``end`` of ``text`` (folded) is named as not wanted."""
    return _reached(_REFUSED, text, start, end)


def kept(text: str, start: int, end: int) -> bool:
    """Return whether what is spoken of between ``start`` and ``end`` of ``text`` (folded) is to stay as it is."""
    return _reached(_KEPT, text, end, start)


def _reached(denials: tuple[re.Pattern[str], re.Pattern[str]], text: str, before: int, after: int) -> bool:
    """Return whether a denial that ends before one place, or begins after the other, reaches it."""
    english = list(denials[0].finditer(text, max(0, min(before, after) - _FAR), before))
    korean = denials[1].search(text, after, max(before, after) + _NEAR)
    return bool(english and english[-1]["deny"]) or bool(korean and korean["deny"])
