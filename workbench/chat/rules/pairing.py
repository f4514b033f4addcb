"""Which number of a clause belongs to which field of it.

What lives here: the pairs of a clause. What does not: numbers without a field (``references``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from workbench.chat.rules import amounts
from workbench.chat.rules.bound import EPOCH_FIELDS, Bound, takes_number
from workbench.chat.rules.mention import Mention
from workbench.chat.rules.sentences import Clause

_FAR: Final = 60  # characters
_STRANGE: Final = re.compile(r"[${}<\\]|(?<![-=~])>")


def pairs_of(
    clause: Clause, values: Sequence[Mention], bound: Bound
) -> tuple[list[tuple[str, Mention]], list[Mention]]:
    """Return (field, value) pairs of a clause, and the values that no field of it takes."""
    fields = [mention for mention in clause.all("field") if takes_number(mention.value)]
    free = list(fields)
    pairs: list[tuple[str, Mention]] = []
    loose: list[Mention] = []
    for value in values:
        name = amounts.field_of_unit(value, clause, bound.line.text)
        if name is not None:
            free = [mention for mention in free if mention.value != name]
            pairs.append((name, value))
            continue
        mention = _partner(value, free, values, bound.line.text, clause)
        if mention is None:
            loose.append(value)
        elif clause.has("mark", "both") and len(free) > 1:
            pairs += [(each.value, value) for each in free]
            free = []
        else:
            free.remove(mention)
            pairs.append((_counted(mention, value, clause, free, bound), value))
    return pairs, loose


def _partner(
    value: Mention, free: Sequence[Mention], values: Sequence[Mention], text: str, clause: Clause
) -> Mention | None:
    """Return the field that a value belongs to: a near one before it, else one behind it, before the next value."""
    before = [mention for mention in free if mention.end <= value.start]
    after = [mention for mention in free if mention.start >= value.end]
    previous = max((other.end for other in values if other.end <= value.start), default=clause.start)
    following = min((other.start for other in values if other.start >= value.end), default=clause.end)
    near = [mention for mention in before if mention.start >= previous and _joined(text[mention.end : value.start])]
    if after and value.kind == "number" and amounts.directly_before(text, value, after[0]):
        # "50 epochs", but "batch 8 epochs 20": a field that stands before goes first when it is as close
        if not near or not amounts.directly_after(text, near[-1], value):
            return after[0]
        rest = [mention for mention in after[1:] if mention.start < following]
        if after[0].value == "epochs" and not rest and near[-1].value in EPOCH_FIELDS:
            return near[-1]
    if value.kind == "factor" and after and amounts.is_verb(text, value):
        return after[0]
    if near:
        return near[-1]
    reachable = [mention for mention in after if mention.start < following]
    return reachable[0] if reachable else (before[-1] if before and value.kind == "factor" else None)


def _joined(between: str) -> bool:
    """Return whether a field and a number can belong together over what stands between them."""
    return len(between) <= _FAR and not _STRANGE.search(between)


def _counted(mention: Mention, value: Mention, clause: Clause, free: Sequence[Mention], bound: Bound) -> str:
    """Return the field that "N epochs" is about: those of patience, of the warm-up, of a story told by the unit."""
    name = str(mention.value)
    said = mention.end <= value.start and clause.has("mark", "request") and not clause.has("field", *EPOCH_FIELDS)
    if name != "epochs" or said:
        return name  # "set epochs to 15" means them
    if clause.has("mark", "no_progress"):
        return "patience"
    told = bound.focus[:1] or list(bound.situation.memory.focus[:1])
    meant = [other for other in told if other in EPOCH_FIELDS and not bound.said(other)]
    if meant and (clause.has("mark", "it") or bound.focus[:1] == meant):
        return meant[0]
    others = [str(other.value) for other in free if other.value in EPOCH_FIELDS]
    return others[0] if others and amounts.counts_epochs_of(bound.line.text, clause, others[0]) else name
