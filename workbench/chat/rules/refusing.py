"""What is not wanted: "not 50", "50 말고", "instead of SGD".

What lives here: telling refused values from wanted ones. What does not: what takes their place (``references``).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from workbench.chat.rules import amounts, patterns
from workbench.chat.rules.bound import VALUES
from workbench.chat.rules.mention import Mention
from workbench.chat.rules.sentences import Clause

_ARROW: Final = patterns.read("refusing", "arrow")
_FROM: Final = patterns.read("refusing", "from")
_TO: Final = patterns.read("refusing", "to")
_VERB_END: Final = patterns.read("refusing", "verb_end")
_NEAR: Final = 16  # characters between a value and the word that refuses it


def is_refused(value: Mention, clause: Clause, text: str) -> bool:
    """Return whether ``value`` is what is not wanted: "not 50", "50 말고", "instead of 50"."""
    kept = clause.all("mark", "keep")
    return any(
        _refuses(mark, value, clause, text)
        for mark in clause.all("mark", "not")
        if not any(mark.overlaps(other) for other in kept)
    )


def _refuses(mark: Mention, value: Mention, clause: Clause, text: str) -> bool:
    """Return whether a "not" means a value: it stands near, before it in English, behind it in Korean."""
    korean = not text[mark.start].isascii()
    start, end = (value.end, mark.start) if korean else (mark.end, value.start)
    if not start <= end <= start + _NEAR or text[: mark.start].rstrip().endswith("지"):
        return False  # "얼리지 말고" is no contrast
    if korean and _VERB_END.search(text[start:end]):
        return False  # "없애고 대신 ..."
    kinds = {*VALUES, value.kind}
    return not any(other.kind in kinds and start <= other.start < end for other in clause.mentions)


def _is_left(one: Mention, other: Mention, clause: Clause, text: str) -> bool:
    """Return whether a value is what another one comes from: "50 → 80", "from 50 to 80"."""
    between = text[one.end : other.start]
    if _FROM.search(text, clause.start, one.start) and _TO.match(between):
        return True
    return bool(_ARROW.match(between))


def values_of(clause: Clause, text: str) -> tuple[list[Mention], list[Mention]]:
    """Return the numbers and factors of a clause, and those that are named to be refused."""
    values = [
        mention
        for mention in clause.mentions
        if mention.kind in VALUES and mention.unit != "other" and not amounts.is_past(mention, text)
    ]
    refused = [value for value in values if is_refused(value, clause, text)]
    refused += [one for one, other in pairwise(values) if _is_left(one, other, clause, text)]
    wanted = [value for value in values if value not in refused]
    if refused and _ARROW.match(text[refused[-1].end : clause.end]):
        return wanted, []  # "50 -> 80": the other value follows by itself
    return wanted, refused
