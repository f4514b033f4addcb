"""Fields that are switched on or off, or stand without a value.

What lives here: "no mosaic or mixup", "켜줘", flags, automatic values, amounts that are missing. What does not: what on
and off mean for a field (``switching``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any, Final

from workbench.chat.rules import switching
from workbench.chat.rules.bound import VALUES, Bound
from workbench.chat.rules.mention import Mention
from workbench.chat.rules.references import is_short
from workbench.chat.rules.refusing import is_refused
from workbench.chat.rules.sentences import Clause, Sentence
from workbench.chat.turn import Op

_AUTOMATIC: Final[Mapping[str, int | str]] = {"batch": -1, "optimizer": "auto"}
_NO_SWITCHES: Final = frozenset({"model", "data", "task", "device"})
_JOINTS: Final = frozenset({"and", "or", ",", "n", "&", "/"})  # "no mosaic, mixup or cutmix"


class Switches:
    """Switches the fields of one sentence after the other.

    Args:
        bound: what has been bound so far.
    """

    def __init__(self, bound: Bound) -> None:
        self.bound, self.situation = bound, bound.situation
        self._asked = False  # whether the sentence asks for something in so many words
        self._unsaid: list[Mention] = []  # fields without anything yet: "mosaic and mixup ..."
        self._switch: Mention | None = None  # the switch that goes on: "no mosaic or mixup"

    def begin(self, sentence: Sentence) -> None:
        """Begin a sentence: nothing of the one before goes on."""
        self._unsaid, self._switch = [], None
        self._asked = sentence.has("mark", "request")

    def read(self, clause: Clause, taken: AbstractSet[str]) -> None:
        """Read a clause.

        Args:
            clause: see there.
            taken: its fields that have got a value already.
        """
        text = self.bound.line.text
        fields = [
            mention
            for mention in clause.all("field")
            if mention.value not in taken and not is_refused(mention, clause, text)
        ]
        switch = self._switch_of(clause, fields, taken)
        if switch is not None:
            self._apply(switch, fields, clause, taken)
        elif fields and not taken and clause.has("mark", "too") and (state := self._last_state()):
            for mention in fields:
                self._turn(mention, replace(mention, kind="cue", value=state))
        else:
            self._without_switch(clause, fields, taken)

    def _switch_of(self, clause: Clause, fields: Sequence[Mention], taken: AbstractSet[str]) -> Mention | None:
        """Return the switch of a clause: its own, unless all its fields have values, or the one that goes on."""
        own = [mention for mention in clause.mentions if mention.at("cue", "off", "on")]
        if own and (fields or not taken):
            return own[-1]
        return self._switch if fields and self._carries_on(clause) else None

    def _apply(self, switch: Mention, fields: Sequence[Mention], clause: Clause, taken: AbstractSet[str]) -> None:
        targets = [*self._unsaid, *fields]
        for mention in targets:
            self._turn(mention, switch)
        if not targets and not taken and not self._switch:
            self._turn_focus(switch, clause)
        self._unsaid, self._switch = [], switch

    def _last_state(self) -> str:
        """Return what was done last when that was a switch: "mosaic off" - "and mixup too"."""
        for name, (_, after) in reversed(list(self.situation.memory.applied.items())):
            if switching.off(name) == (True, after):
                return "off"
            if switching.on(name, self.situation.base) == (True, after):
                return "on"
        return ""

    def _carries_on(self, clause: Clause) -> bool:
        return clause.joint in _JOINTS and not any(
            mention.kind in VALUES or mention.at("cue", "up", "down") for mention in clause.mentions
        )

    def _state(self, name: str, switch: Mention) -> tuple[bool, Any]:
        """Return whether a field can be switched so, and the value that does it."""
        return switching.off(name) if switch.value == "off" else switching.on(name, self.situation.base)

    def _turn(self, mention: Mention, switch: Mention) -> None:
        evidence = self.bound.quote(mention, switch)
        for member in switching.members(mention.value):
            can, value = self._state(member, switch)
            if can and mention.value in switching.GROUPS and self.situation.values.get(member) == value:
                continue
            if can:
                self.bound.put(Op(field=member, op="set", value=value, evidence=evidence))
            elif switch.value == "on":
                self.bound.want(member)

    def _turn_focus(self, switch: Mention, clause: Clause) -> None:
        """Switch what was spoken of: "turn it off", "turn both off"."""
        says_more = any(each.kind not in {"mark", "cue"} for each in clause.mentions)
        if says_more or not is_short(clause, self.bound.line.text, strange=0):
            return
        memory, both = self.situation.memory, clause.has("mark", "both")
        last = list(memory.applied) if memory.intent == "configure" else []
        spoken = [*self.bound.focus, *memory.focus]
        if both and len(last) > 1:
            spoken = last
        for name in spoken[: 2 if both else 1]:
            can, value = self._state(name, switch)
            if can:
                self.bound.put(Op(field=name, op="set", value=value, evidence=self.bound.quote(switch)))

    def _without_switch(self, clause: Clause, fields: Sequence[Mention], taken: AbstractSet[str]) -> None:
        """Read fields that stand without number and switch: each is what the first of these makes of it."""
        if not fields and not taken and clause.has("mark", "amountless"):
            for mention in self._unsaid:  # "the rate is not quite right, so change it"
                self.bound.want(str(mention.value))
        for mention in fields:
            done = (
                self._automatic(mention, clause)
                or self._none(mention, clause)
                or self._by_an_amount(mention, clause, taken)
                or self._flag(mention)
            )
            if not done and mention.value not in _NO_SWITCHES:
                self._unsaid += [] if taken else [mention]
                self.bound.look_at([str(mention.value)])

    def _automatic(self, mention: Mention, clause: Clause) -> bool:
        """Read "let the batch size be automatic"."""
        auto = clause.all("mark", "auto")
        if not auto or mention.value not in _AUTOMATIC:
            return False
        evidence = self.bound.quote(mention, auto[0])
        self.bound.put(Op(field=mention.value, value=_AUTOMATIC[mention.value], evidence=evidence))
        return True

    def _none(self, mention: Mention, clause: Clause) -> bool:
        """Read "no time limit at all"."""
        none, (can, value) = clause.all("mark", "none"), switching.off(mention.value)
        if none and can:
            self.bound.put(Op(field=mention.value, value=value, evidence=self.bound.quote(mention, none[0])))
        return bool(none) and can

    def _by_an_amount(self, mention: Mention, clause: Clause, taken: AbstractSet[str]) -> bool:
        """Read "raise the batch", and "freeze" without the number of layers: the amount must be asked for."""
        name = mention.value
        moved = not clause.has("mark", "deny") and (clause.has("cue", "up", "down") or clause.has("mark", "amountless"))
        moves = moved and name not in _NO_SWITCHES and not clause.has(name)
        freezes = name == "freeze" and not taken and not clause.has("mark", "auto")
        for member in switching.members(name) if moves or freezes else ():
            self.bound.want(member)
        return moves or freezes

    def _flag(self, mention: Mention) -> bool:
        """Read "cosine schedule please"."""
        flag = self._asked and switching.is_flag(mention.value)
        if flag:
            self.bound.put(Op(field=mention.value, value=True, evidence=self.bound.quote(mention)))
        return flag
