"""What has been bound so far in a turn.

What lives here: the changes, and what was spoken of on the way. What does not: deciding what belongs together
(``binding`` and the modules that it is made of).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from workbench.chat.rules import amounts, switching
from workbench.chat.rules.line import Line
from workbench.chat.rules.mention import Mention
from workbench.chat.rules.sentences import Clause
from workbench.chat.turn import Op, Option, Question, Situation

# Counted in epochs, as the epochs are.
EPOCH_FIELDS: Final = ("patience", "warmup_epochs", "close_mosaic", "save_period")
VALUES: Final = frozenset({"number", "factor"})


class Bound:
    """What has been bound so far.

    Args:
        line: the text.
        situation: what was said before, and the config.

    Attributes:
        ops: the changes, in the order in which they were said.
        wanting: fields that are to change by an amount that was not said.
        focus: fields that were spoken of, the last one first.
        told: values of stories, which "use that" may mean.
        loose: numbers that belong to no field.
        kept: fields that are to stay as they are.
        asked: a question that came up on the way.
        alone: whether nothing else is said in the turn: only then may a bare number go on with what was said before.
        aside: whether something else was said since the last change: what follows may correct it.
    """

    def __init__(self, line: Line, situation: Situation) -> None:
        self.line, self.situation = line, situation
        self.ops: list[Op] = []
        self.wanting: list[str] = []
        self.focus: list[str] = []
        self.told: list[tuple[str, Mention]] = []
        self.loose: list[Mention] = []
        self.kept: set[str] = set()
        self.asked: Question | None = None
        self.aside = False
        self.alone = True

    def look_at(self, names: Iterable[str]) -> None:
        """Make fields the ones that are spoken of."""
        for name in names:
            self.focus = [name, *(other for other in self.focus if other != name)]

    def put(self, op: Op) -> None:
        """Add a change; what was said later of a field counts."""
        relative = op.op in {"scale", "add"}
        self.ops = [
            other for other in self.ops if other.field != op.field or (relative and other.op in {"set", "unset"})
        ]
        self.ops.append(op)
        self.look_at([op.field])

    def want(self, name: str) -> None:
        """Note that a field is to change by an amount that was not said."""
        if name not in self.wanting:
            self.wanting.append(name)
        self.look_at([name])

    def set(self, name: str, value: Mention, clause: Clause) -> None:
        """Add what a number of a clause does to a field."""
        ops = {
            member: amounts.change(member, value, clause, self.line, self.situation)
            for member in switching.members(name)
        }
        if name == "flips" and value.value:
            # Nobody says "the flip" of both
            options = tuple(Option(label=op.field, ops=(op,)) for op in ops.values() if op is not None)
            self.asked = Question(about=switching.members(name), kind="which", options=options)
            return
        for member, op in ops.items():
            if op is None:
                self.want(member)
            else:
                self.put(op)

    def said(self, name: str) -> bool:
        """Return whether a field is changed already."""
        return any(op.field == name for op in self.ops)

    def quote(self, *mentions: Mention) -> str:
        """Return the person's own words from the first to the last of some mentions."""
        return self.line.quote(min(each.start for each in mentions), max(each.end for each in mentions))


def fields_of(mentions: Iterable[Mention]) -> list[str]:
    """Return the fields that are named, groups as they are called."""
    return [str(mention.value) for mention in mentions if mention.kind == "field"]


def takes_number(name: str) -> bool:
    """Return whether a number can be bound to a field or a group."""
    return any(switching.is_number(member) for member in switching.members(name)) and name != "device"
