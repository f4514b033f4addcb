"""Numbers without a field: what they belong to by what was said before.

What lives here: corrections, "the second one", "the same", "double both", answers to questions. What does not: numbers
whose field stands in their own clause (``pairing``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from workbench.chat.rules import amounts, choosing, patterns, switching
from workbench.chat.rules.bound import Bound, fields_of, takes_number
from workbench.chat.rules.mention import Mention
from workbench.chat.rules.sentences import Clause, Sentence
from workbench.chat.turn import Op

_FORMER: Final = patterns.read("references", "former")
_MEANT: Final = patterns.read("references", "meant")
_BACK_TO: Final = patterns.read("references", "back_to")
_CODE: Final = re.compile(r"[{}()<\\;$]|(?<![-=~])>|\d:\d|==|\d ?= ?\d|\*/|//")
_COUNTED: Final = patterns.read("references", "counted_thing")
_TOPIC: Final = re.compile(r"[은는] ")  # 30은 patience 말한 거야
_LATTER: Final = patterns.read("references", "latter")
_OF_THAT: Final = patterns.read("references", "of_that")
_OF_THAT_BEFORE: Final = patterns.read("references", "of_that_before")
_DIGITS: Final = 12  # that are kept behind the point


def counts_things(value: Mention, clause: Clause, text: str) -> bool:
    """Return whether a number counts something that we do not know: "5 employees", "24대"."""
    after = _COUNTED.match(text, value.end, clause.end)
    if after is None or value.unit or value.kind != "number":
        return False
    start, end = after.span("word")
    known = any(each.start < end and start < each.end for each in clause.mentions)
    return not known and bool(choosing.content_words(after["word"]))


def is_short(clause: Clause, text: str, strange: int = 1) -> bool:
    """Return whether a clause says little beside its values: only then may a bare number answer, or continue."""
    spans = [(each.start, each.end) for each in clause.mentions]
    rest = choosing.tokens_outside(text, clause.start, clause.end, spans)
    return len(choosing.content_words(rest)) <= strange


@dataclass(frozen=True)
class _Loose:
    """A value that stands alone, and where."""

    value: Mention
    clause: Clause
    sentence: Sentence

    @property
    def is_asked_for(self) -> bool:
        """Whether anything beside it shows that it is wanted."""
        return self.clause.has("mark", "request") or self.clause.has("cue") or self.sentence.has("field")


class References:
    """Resolves what refers to something that was said before.

    Args:
        bound: what has been bound so far.
    """

    def __init__(self, bound: Bound) -> None:
        self.bound, self.memory = bound, bound.situation.memory
        self._expected: str | None = None  # the field of a value that was refused: "not 50 epochs, 500"

    def field_of(self, value: Mention, clause: Clause, sentence: Sentence) -> str | None:
        """Return the field of a value that stands alone, or None.

        What this turn says of it goes first: a value that was refused, a place, a correction, a field without a value.
        What other turns say of it counts only where the clause says little else; then what the value can hardly but be
        goes before the answer to a question of ours, this before the field that the turn goes on about, and the field
        of the turn before comes last.
        """
        text = self.bound.line.text
        if _CODE.search(text, clause.start, clause.end) or counts_things(value, clause, text):
            return None
        number = _Loose(value, clause, sentence)
        here = [self._corrected, self._returned, self._placed, self._repeated, self._interrupted]
        here += [self._without_value, self._rate]
        before = [self._undone, self._image_size, self._answered, self._going_on, self._spoken_before]
        rules = [*here, *before] if is_short(clause, text) else here
        return next((name for rule in rules if (name := rule(number))), None)

    def _corrected(self, _: _Loose) -> str | None:
        """Read "not 50 epochs, 500"."""
        name, self._expected = self._expected, None
        return name

    def _returned(self, number: _Loose) -> str | None:
        """Read "back to 640": the field that was 640."""
        if not _BACK_TO.search(number.sentence.text):
            return None
        base = self.bound.situation.base
        for name in self.memory.focus:
            before = self.memory.applied.get(name, (base.get(name), None))[0]
            if any(isinstance(each, (int, float)) and each == number.value.value for each in (before, base.get(name))):
                return name
        return None

    def _placed(self, number: _Loose) -> str | None:
        """Read "the first one 50", "뒤에 건 8": of the fields that were changed last."""
        applied = [name for name in self.memory.applied if takes_number(name)]
        spoken = applied if len(applied) > 1 else self._pair
        words = self.bound.line.text[number.clause.start : number.clause.end]
        if len(spoken) < 2 or number.clause.has("field"):
            return None
        if _FORMER.search(words):
            return spoken[0]
        return spoken[1] if _LATTER.search(words) else None

    @property
    def _pair(self) -> list[str]:
        """The two fields of the turns before, in the order in which they were named."""
        pair = self._spoken_in_memory[:2]
        return pair if _FORMER.search(self.memory.text) else pair[::-1]

    def _repeated(self, number: _Loose) -> str | None:
        """Read "the batch can go up to 40, make it 40"."""
        said = [op.field for op in self.bound.ops if op.op == "set" and op.value == number.value.value]
        return said[-1] if said and number.value.kind == "number" else None

    def _interrupted(self, number: _Loose) -> str | None:
        """Read "batch 32, no wait, 16"."""
        spoken = self._spoken or self._spoken_in_memory
        return spoken[0] if spoken and number.sentence.has("mark", "wait") else None

    def _without_value(self, number: _Loose) -> str | None:
        """Read "the batch is too big. make it 8"."""
        unset = [name for name in self._spoken if not self.bound.said(name) and self._alike(name, number.value)]
        return unset[0] if unset and number.is_asked_for else None

    def _rate(self, number: _Loose) -> str | None:
        """Read "AdamW with 0.001"."""
        optimizer = number.clause.has("optimizer") or self.bound.said("optimizer")
        return "lr0" if optimizer and amounts.is_learning_rate(number.value) else None

    def _undone(self, number: _Loose) -> str | None:
        """Read "set 800 again" after 800 was undone."""
        meant = self.memory.intent == "undo" and self.bound.alone and number.is_asked_for
        applied = self.memory.applied.items() if meant else ()
        return next((name for name, (before, _) in applied if before == number.value.value), None)

    def _image_size(self, number: _Loose) -> str | None:
        """Read "640 please", unless it goes on with what was said before."""
        goes_on = bool(self._remembered) and not self.bound.ops
        if goes_on or number.clause.has("mark", "it") or not amounts.is_image_size(number.value):
            return None
        return "imgsz"

    def _answered(self, _: _Loose) -> str | None:
        """Read the answer to a question of ours."""
        pending = self.memory.pending if self.bound.alone else None
        return pending.about[0] if pending and pending.about and takes_number(pending.about[0]) else None

    def _going_on(self, number: _Loose) -> str | None:
        """Read "batch 32... make it 12", "epochs 50, then double"."""
        if not self._spoken:
            return None
        name = self._spoken[0]
        follows = self.bound.aside and number.is_asked_for and self._alike(name, number.value)
        return name if number.value.kind == "factor" or follows else None

    def _spoken_before(self, _: _Loose) -> str | None:
        """Read "and now 16" after a turn about the batch."""
        return self._remembered[0] if self._remembered and not self.bound.ops else None

    @property
    def _spoken(self) -> list[str]:
        """The fields that this turn spoke of."""
        return [name for name in self.bound.focus if takes_number(name)]

    @property
    def _spoken_in_memory(self) -> list[str]:
        """The fields that the turns before spoke of."""
        spoken = dict.fromkeys((*self.memory.supposed, *self.memory.focus))
        return [name for name in spoken if takes_number(name)]

    @property
    def _remembered(self) -> list[str]:
        """The same, where nothing else is said in this turn."""
        return self._spoken_in_memory if self.bound.alone else []

    def refuse(self, refused: Sequence[Mention], clause: Clause) -> None:
        """Expect another value for the field of one that is not wanted."""
        before = [mention for mention in clause.mentions if mention.end <= refused[-1].start]
        named = fields_of(reversed(before)) or fields_of(clause.mentions)
        holders = [name for name in self.bound.focus + list(self.memory.focus) if self._holds(name, refused[-1])]
        self._expected = next(iter([*named, *holders]), None)
        if self._expected:
            self.bound.look_at([self._expected])

    def put_same(self, clause: Clause) -> bool:
        """Bind "the same for vertical flips": the value that was set last."""
        named = [name for name in fields_of(clause.mentions) if takes_number(name)]
        if not named or not clause.has("mark", "same"):
            return False
        values = [op.value for op in self.bound.ops if op.op == "set"]
        values = values or [after for _, after in self.memory.applied.values()]
        if len(named) > 1:
            values = [self.bound.situation.values[switching.members(named[1])[0]]]  # "patience the same as epochs"
        if not values or not isinstance(values[-1], (int, float)) or not self._can_be(named[0], values[-1]):
            return False
        mark = clause.all("mark", "same")[0]
        mention = clause.all("field", named[0])[0]
        for member in switching.members(named[0]):
            self.bound.put(Op(field=member, value=values[-1], evidence=self.bound.quote(mention, mark)))
        return True

    def move(self, clause: Clause, sentence: Sentence) -> bool:
        """Bind "320 epochs, oh sorry, I meant the image size": the value stays, the field is another one."""
        named = [name for name in fields_of(clause.mentions) if takes_number(name)]
        meant = _MEANT.search(self.bound.line.text, clause.start, clause.end)
        if not (named and meant and sentence.has("mark", "wait")):
            return False
        values = clause.all("number")
        if values and not clause.story and not _TOPIC.match(self.bound.line.text, values[0].end):
            return False  # "sorry, I meant imgsz 320" says the value again; "oops, 30 was for patience" tells of it
        said = [op for op in self.bound.ops if op.op == "set" and op.field not in named]
        applied = [(name, *values) for name, values in self.memory.applied.items() if takes_number(name)]
        evidence = self.bound.quote(clause.all("field")[0])
        if said:
            self.bound.ops.remove(said[-1])
            value = said[-1].value
        elif len(applied) == 1 and applied[0][0] not in named:
            name, before, value = applied[0]
            self.bound.put(Op(field=name, value=before, evidence=evidence))
        else:
            return False
        value = _plain(values[0].value) if values else value
        self.bound.put(Op(field=named[0], value=value, evidence=evidence))
        return True

    def put_part(self, name: str, factor: Mention, clause: Clause) -> bool:
        """Bind "half of that for mixup", said of another field: a part of the value that was set last."""
        said = [op.field for op in self.bound.ops if op.op == "set"] or list(self.memory.applied)
        others = [other for other in said if takes_number(other)]
        if factor.kind != "factor" or not others or name in said or not self._is_of_that(factor, clause):
            return False
        ops = [op.value for op in self.bound.ops if op.field == others[-1] and op.op == "set"]
        whole = ops[-1] if ops else self.bound.situation.values[others[-1]]
        if not isinstance(whole, (int, float)):
            return False
        for member in switching.members(name):
            self.bound.put(Op(field=member, value=_plain(whole * factor.value), evidence=self.bound.quote(factor)))
        return True

    def _is_of_that(self, factor: Mention, clause: Clause) -> bool:
        text = self.bound.line.text
        before, since = text[clause.start : factor.start], text[factor.start : clause.end]
        return bool(_OF_THAT.search(since) or _OF_THAT_BEFORE.search(before))

    def tell(self, values: Sequence[Mention]) -> None:
        """Take note of a story about a value: "48 is too much", where the batch is 48."""
        for value in (each for each in values if not each.unit):
            self.bound.look_at([name for name in self.memory.focus if self._holds(name, value)][:1])

    def put_both(self, values: list[Mention], clause: Clause) -> list[Mention]:
        """Bind "double both" to all fields that were changed last; return what is left."""
        spoken = list(self.memory.applied) if self.memory.intent == "configure" else list(self.memory.focus[:2])
        names = [name for name in [op.field for op in self.bound.ops] or spoken if takes_number(name)]
        if len(names) < 2:
            return values
        for name in names:
            self.bound.set(name, values[0], clause)
        return values[1:]

    def _holds(self, name: str, value: Mention) -> bool:
        said = [op.value for op in self.bound.ops if op.field == name]
        now = said[-1] if said else self.bound.situation.values.get(name)
        return isinstance(now, (int, float)) and not isinstance(now, bool) and float(now) == value.value

    def _alike(self, name: str, value: Mention) -> bool:
        """Return whether a number can be one of the field: no learning rate for a batch."""
        return self._can_be(name, value.value)

    def _can_be(self, name: str, value: float) -> bool:
        now = self.bound.situation.base.get(name)
        return not (isinstance(now, int) and not isinstance(now, bool) and 0 < value < 1)


def _plain(value: float) -> int | float:
    value = round(value, _DIGITS)
    return int(value) if value.is_integer() else value
