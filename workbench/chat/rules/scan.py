"""What stands in a line: the phrases of the lexicon, quantities and names, each found once.

What lives here: choosing between those that overlap. What does not: finding each kind (``vocabulary``, ``quantities``,
``names``), and what they mean together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from workbench.chat.rules import quantities, vocabulary
from workbench.chat.rules.mention import Mention

# Of two that are as long, the one with the smaller rank counts.
_RANK: Final = {
    **dict.fromkeys(("optimizer", "device"), 0),
    **dict.fromkeys(("factor", "size_step", "undo", "redo"), 1),
    "action": 2,
    **dict.fromkeys(("wish", "field", "number"), 3),
    "cue": 4,
    "mark": 6,
    "no_optimizer": 7,
}
_MIDDLE: Final = 5
_MANNERS: Final = frozenset({"mark", "cue"})  # how something is said, not what
_ALL: Final = frozenset({*_RANK, "dataset", "run", "model", "size", "task", "format", "deployment", "reset"})
_NAMES: Final = frozenset({"dataset", "run", "model"})
# The kinds that a phrase may overlap: how something is said may lie in the very word that says what (꺼줘 switches off,
# and asks for it), and what a field is to do may stand around its name (bring the rate down).
_BESIDE: Final = {
    "wish": frozenset({"mark", "cue", "run"}),
    "mark": _ALL - _NAMES,
    "cue": frozenset({"mark", "field", "number"}),
}


def scan(text: str, names: Sequence[Mention] = ()) -> list[Mention]:
    """Return what stands in ``text`` from left to right, nothing twice.

    What is said goes before how it is said, a longer phrase before a shorter one, then by rank, then from the left.

    Args:
        text: of a ``Line``.
        names: of datasets, runs and models, found before: nothing inside of them means anything else.
    """
    chosen = list(names)
    for mention in sorted([*quantities.find(text), *_phrases(text)], key=_order):
        beside = _BESIDE.get(mention.kind, _MANNERS)
        if not any(mention.overlaps(other) for other in chosen if other.kind not in beside):
            chosen.append(mention)
    return sorted(chosen, key=lambda mention: mention.start)


def _order(mention: Mention) -> tuple[bool, int, int, int]:
    length = mention.end - mention.start
    return mention.kind in _MANNERS, -length, _RANK.get(mention.kind, _MIDDLE), mention.start


def _phrases(text: str) -> Iterator[Mention]:
    for entry in vocabulary.entries():
        if entry.kind == "unit":
            continue  # it counts after a number only
        for match in entry.pattern.finditer(text):
            if match.end() > match.start():
                yield Mention(entry.kind, entry.value, *match.span())
