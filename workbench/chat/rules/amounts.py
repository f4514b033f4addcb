"""How much: what a number does to a field, by the words around it.

What lives here: absolute and relative changes, shares, and the fields that units name. What does not: which field
(``binding``). A number with a field and no word for more, less, by, times or percent is the value itself, also after
"reduce"; Korean says it with a particle: 8로 줄여 is to 8, 8만 줄여 is by 8.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from workbench.chat.rules import patterns, switching
from workbench.chat.rules.line import Line
from workbench.chat.rules.mention import Mention
from workbench.chat.rules.sentences import Clause
from workbench.chat.turn import Op, Situation

_NEXT_TO: Final = patterns.read("amounts", "next_to")
_DIRECTLY_AFTER: Final = patterns.read("amounts", "directly_after")
_AT_EPOCH: Final = patterns.read("amounts", "at_epoch")
_EPOCH_PAST: Final = patterns.read("amounts", "epoch_past")
_FIXED: Final = patterns.read("amounts", "fixed")
_LAYER_WORD: Final = patterns.read("amounts", "layer_word")
_PER_BATCH: Final = patterns.read("amounts", "per_batch")
_COUNTS_EPOCHS: Final = patterns.read("amounts", "counts_epochs")
_VERBS: Final = patterns.read("amounts", "verbs")
_MINUS: Final = patterns.read("amounts", "minus")
_SUBTRACT: Final = patterns.read("amounts", "subtract")
_LESS_AFTER: Final = patterns.read("amounts", "less_after")
_MORE_BEFORE: Final = patterns.read("amounts", "more_before")
_MORE_AFTER: Final = patterns.read("amounts", "more_after")
_TO_BEFORE: Final = patterns.read("amounts", "to_before")
_TO_AFTER: Final = patterns.read("amounts", "to_after")
_BY_BEFORE: Final = patterns.read("amounts", "by_before")
_BY_AFTER: Final = patterns.read("amounts", "by_after")
_TAKE_OUT: Final = patterns.read("amounts", "take_out")
_OF_WHAT: Final = patterns.read("amounts", "of_what")
_OF_THE_TIME: Final = patterns.read("amounts", "of_the_time")
_LARGEST_RATE: Final = 0.2
_DIGITS: Final = 12  # that are kept behind the point
_WHOLE_BELOW: Final = 1e15


def is_past(value: Mention, text: str) -> bool:
    """Return whether a number says when something happened: "at epoch 12", "37에폭에서"."""
    return bool(_AT_EPOCH.search(text[: value.start]) or _EPOCH_PAST.match(text[value.end :]))


@dataclass(frozen=True)
class _Amount:
    """A number or a factor, and what stands around it in its clause."""

    value: Mention
    clause: Clause
    text: str

    @property
    def before(self) -> str:
        """The words of the clause before it."""
        return self.text[self.clause.start : self.value.start]

    @property
    def after(self) -> str:
        """The words of the clause after it."""
        return self.text[self.value.end : self.clause.end]

    @property
    def sign(self) -> str:
        """``+``, ``-``, ``less``, or nothing."""
        return self.value.number.signed if self.value.number else ""

    @property
    def lowers(self) -> bool:
        """Whether the clause says down, or less."""
        return self.clause.has("cue", "down", "less")

    @property
    def is_target(self) -> bool:
        """Whether it is said to be reached: "to 8", "8로"."""
        return bool(_TO_AFTER.match(self.after) or _TO_BEFORE.search(self.before))


def field_of_unit(value: Mention, clause: Clause, text: str) -> str | None:
    """Return the field that the unit of a number names, or None.

    What the unit alone says goes first; what depends on other words of the clause follows, and last what has no unit.
    """
    if value.kind != "number":
        return None
    amount = _Amount(value, clause, text)
    rules = (_of_hours, _of_pixels, _of_layers, _of_share, _of_each_batch)
    return next((name for rule in rules if (name := rule(amount))), None)


def _of_hours(amount: _Amount) -> str | None:
    if amount.value.unit != "hours":
        return None
    return "max_hours" if amount.clause.has("field", "max_hours") else "time"


def _of_pixels(amount: _Amount) -> str | None:
    return "imgsz" if amount.value.unit == "pixels" else None


def _of_layers(amount: _Amount) -> str | None:
    """Read "10 layers", and "freeze ... 10 ... layers" unless the number follows another field."""
    if amount.value.unit == "layers":
        return "freeze"
    clause, text = amount.clause, amount.text
    frozen = clause.has("field", "freeze") or _FIXED.search(text, clause.start, clause.end)
    if not frozen or not _LAYER_WORD.search(text, clause.start, clause.end):
        return None
    others = [each for each in clause.all("field") if each.value != "freeze"]
    return None if any(directly_after(text, each, amount.value) for each in others) else "freeze"


def _of_share(amount: _Amount) -> str | None:
    """Read "80% of the GPU memory", "30% of the data"."""
    if amount.value.unit != "%":
        return None
    if amount.clause.has("mark", "gpu_memory"):
        return "batch"
    return "fraction" if amount.clause.has("field", "fraction") else None


def _of_each_batch(amount: _Amount) -> str | None:
    """Read "16 at a time"."""
    return "batch" if not amount.value.unit and _PER_BATCH.match(amount.after) else None


def change(name: str, value: Mention, clause: Clause, line: Line, situation: Situation) -> Op | None:
    """Return what a number does to a field, or None when that cannot be told without asking."""
    evidence = _evidence(name, value, clause, line)
    amount = _Amount(value, clause, line.text)
    if value.kind == "factor":
        if switching.is_share(name) and _OF_THE_TIME.match(amount.after):
            return Op(field=name, value=_plain(value.value), evidence=evidence)
        return Op(field=name, op="scale", value=_factor(amount), evidence=evidence)
    if value.unit == "%":
        return _of_hundred(name, amount, evidence)
    direction = _direction(amount)
    if not direction or (direction > 0 and _begins_time(name, amount, situation)):
        return Op(field=name, op="set", value=_plain(value.value), evidence=evidence)
    return Op(field=name, op="add", value=_plain(direction * abs(value.value)), evidence=evidence)


def _begins_time(name: str, amount: _Amount, situation: Situation) -> bool:
    """Return whether "train two hours longer" sets the time: there was none, and nothing says more of it."""
    return (
        name == "time"
        and situation.values.get("time") is None
        and amount.sign != "+"
        and not amount.clause.has("cue", "more")
    )


def directly_before(text: str, value: Mention, mention: Mention) -> bool:
    """Return whether a number stands right before a field: "50 epochs"."""
    return bool(_NEXT_TO.match(text[value.end : mention.start]))


def directly_after(text: str, mention: Mention, value: Mention) -> bool:
    """Return whether a number stands right after a field: "epochs 50", "batch of 8"."""
    return bool(_DIRECTLY_AFTER.match(text[mention.end : value.start]))


def is_verb(text: str, value: Mention) -> bool:
    """Return whether a factor is an English verb, which stands before what it changes: "double the batch"."""
    return bool(_VERBS.match(text, value.start))


def counts_epochs_of(text: str, clause: Clause, name: str) -> bool:
    """Return whether "N epochs" in a clause are those of another field, such as the patience."""
    return name != "patience" or bool(_COUNTS_EPOCHS.search(text[clause.start : clause.end]))


def is_learning_rate(value: Mention) -> bool:
    """Return whether a bare number can hardly be anything but a learning rate."""
    return value.kind == "number" and not value.unit and 0 < value.value <= _LARGEST_RATE


def is_image_size(value: Mention) -> bool:
    """Return whether a bare number can hardly be anything but an image size."""
    number = value.value
    return value.kind == "number" and not value.unit and 192 <= number <= 4096 and number % 32 == 0


def _evidence(name: str, value: Mention, clause: Clause, line: Line) -> str:
    near = [mention for mention in clause.all("field") if name in switching.members(mention.value)]
    near.sort(key=lambda mention: max(mention.start - value.end, value.start - mention.end))
    spans = [(value.start, value.end), *((mention.start, mention.end) for mention in near[:1])]
    return line.quote(min(start for start, _ in spans), max(end for _, end in spans))


def _factor(amount: _Amount) -> float:
    """Return by what a field is multiplied: a third can be what is left, what is taken away, or what is added."""
    factor, clause = float(amount.value.value), amount.clause
    if amount.value.unit == "times":
        return factor
    by = _BY_BEFORE.search(amount.before) or _LESS_AFTER.match(amount.after) or _MORE_AFTER.match(amount.after)
    if factor < 1 and factor != 0.5 and by:
        return 1 - factor if amount.lowers else 1 + factor
    if factor == 0.5 and _MORE_AFTER.match(amount.after):
        return 1.5
    if factor > 1 and clause.has("cue", "down"):
        return round(1 / factor, _DIGITS)
    return 1 + factor if factor < 1 and clause.has("cue", "up") and not clause.has("cue", "to") else factor


def _direction(amount: _Amount) -> int:
    """Return +1 or -1 when a number says by how much, 0 when it is the value itself.

    A sign of the number goes before all words, and words for more and less go before a target: "to 10 more". Only what
    is no target can be an amount that a verb moves the field by.
    """
    rules = (_signed, _taken_away, _added, _target, _moved_by)
    return next((direction for rule in rules if (direction := rule(amount)) is not None), 0)


def _signed(amount: _Amount) -> int | None:
    """Read "+8", "8 more", "8 fewer", "minus 8" before its field; behind the field -8 is a value."""
    if amount.sign == "-":
        said = _MINUS.match(amount.text[amount.value.start :])
        return -1 if said and not amount.clause.has_before("field", amount.value.start) else 0
    return {"+": 1, "less": -1}.get(amount.sign)


def _taken_away(amount: _Amount) -> int | None:
    """Read "subtract 8", "8 off"."""
    return -1 if _SUBTRACT.search(amount.before) or _LESS_AFTER.match(amount.after) else None


def _added(amount: _Amount) -> int | None:
    """Read "another 8", "8 더"."""
    if not (_MORE_BEFORE.search(amount.before) or _MORE_AFTER.match(amount.after)):
        return None
    return _down_or_up(amount)


def _target(amount: _Amount) -> int | None:
    return 0 if amount.is_target else None


def _moved_by(amount: _Amount) -> int | None:
    """Read "raise by 8", "8만 줄여"."""
    moved = amount.clause.has("cue", "up", "down") or _down_or_up(amount) < 0
    by = (moved and _BY_BEFORE.search(amount.before)) or _BY_AFTER.match(amount.after)
    return _down_or_up(amount) if by else None


def _down_or_up(amount: _Amount) -> int:
    return -1 if amount.lowers or _TAKE_OUT.search(amount.after) else 1


def _of_hundred(name: str, amount: _Amount, evidence: str) -> Op | None:
    """Return what a percentage does: the value of a share, else what is left of the field, or added to it."""
    value, clause, is_share = amount.value.value / 100, amount.clause, switching.is_share(name)
    down = amount.lowers or bool(_LESS_AFTER.match(amount.after))
    moved = down or clause.has("cue", "up", "more")
    if name == "fraction" or (name == "batch" and clause.has("mark", "gpu_memory")):
        return Op(field=name, value=_plain(value), evidence=evidence)
    if _OF_WHAT.match(amount.after) or (amount.is_target and not is_share and (moved or name != "batch")):
        return Op(field=name, op="scale", value=_plain(value), evidence=evidence)
    if moved and not (amount.is_target and is_share):
        return Op(field=name, op="scale", value=_plain(1 - value if down else 1 + value), evidence=evidence)
    return Op(field=name, value=_plain(value), evidence=evidence) if is_share else None


def _plain(value: float) -> int | float:
    """Return a whole number as an int: ``8.0`` epochs are 8."""
    value = round(value, _DIGITS)
    return int(value) if float(value).is_integer() and abs(value) < _WHOLE_BELOW else value
