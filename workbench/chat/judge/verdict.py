"""What the judge decided of a turn.

What lives here: ``Verdict`` with its refusals and notes, as plain data that a log keeps. What does not: deciding
(``hearing``), and the words for it (``messages``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from workbench.chat.cleaning import clean_name
from workbench.chat.turn import Op, Question
from workbench.config.patch import Change, Patch, listed, tupled

Reason = Literal[
    "out_of_range",  # low, high and nearest say what would do
    "not_whole",  # a number with decimals where only whole ones are
    "unknown_word",  # not one of choices
    "no_such_size",  # the family has no model of that size, or none bigger or smaller; choices are its sizes
    "no_such_dataset",
    "no_such_device",
    "no_gpu",  # one is asked for, and the machine has none
    "no_such_run",
    "task_mismatch",  # the family that was named has no model for the task, which is the value; choices do have one
    "owned",  # the workbench sets it
    "unknown_field",  # nearest is the field that may be meant
    "not_legal",  # another kind of value, e.g. text where a number is
]
NoteKey = Literal[
    "already",  # field, value
    "imgsz_rounded",  # value, used: the trainer goes up to a multiple of the model's stride
    "time_overrides_epochs",  # time, epochs
    "task_mismatch",  # data, dataset_task, task
    "family_changed",  # before, after, task: the family that was chosen has no model for the task
    "size_changed",  # before, after, family: the family has no such size
    "no_weights",  # model: there are none to start from, so it is trained from scratch
    "own_model",  # model, task: whether the checkpoint is made for the task shows when it is read
]
REASONS = get_args(Reason)
NOTE_KEYS = get_args(NoteKey)


@dataclass(frozen=True)
class Refusal:
    """A wish that is not done; the field stays as it was.

    Attributes:
        field: a key of the config, or what was taken for one.
        value: what was asked for, or what it came to; text where JSON cannot hold it, e.g. NaN.
        reason: a key of the messages.
        low: the least legal number, where there is one.
        high: the greatest.
        choices: the legal words; of many the likeliest.
        nearest: the legal value that may be meant.
        evidence: the words that asked for it.
    """

    field: str
    value: Any
    reason: Reason
    low: int | float | str | None = None
    high: int | float | str | None = None
    choices: tuple[Any, ...] = ()
    nearest: Any = None
    evidence: str = ""

    def __post_init__(self) -> None:
        # A hostile number of thousands of digits would even fail to be printed.
        object.__setattr__(self, "value", shown(self.value))

    def to_payload(self) -> dict[str, Any]:
        """Return the refusal as JSON-able data."""
        return {
            **vars(self),
            "choices": list(self.choices),
            "nearest": listed(self.nearest),
        }

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Refusal:
        """Read what ``to_payload`` wrote."""
        known = {name: payload[name] for name in cls.__dataclass_fields__ if name in payload}
        return cls(**{**known, "choices": tupled(known.get("choices", ()))})


@dataclass(frozen=True)
class Note:
    """What else is worth saying about a turn.

    Attributes:
        key: a key of the messages.
        values: what stands in that message.
    """

    key: NoteKey
    values: Mapping[str, Any] = field(default_factory=dict)

    def to_payload(self) -> dict[str, Any]:
        """Return the note as JSON-able data."""
        return {"key": self.key, "values": {name: listed(value) for name, value in self.values.items()}}

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Note:
        """Read what ``to_payload`` wrote."""
        return cls(payload["key"], dict(payload.get("values", {})))


@dataclass(frozen=True)
class Verdict:
    """What is done of a turn, what is not, and what is left to a click.

    Attributes:
        changes: are applied, at most one a field.
        refusals: at most one a field.
        suggestions: legal ops that the user's own words do not ask for.
        notes: what else is worth saying.
        questions: none or one.
    """

    changes: tuple[Change, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    suggestions: tuple[Op, ...] = ()
    notes: tuple[Note, ...] = ()
    questions: tuple[Question, ...] = ()

    @property
    def question(self) -> Question | None:
        """The one question, if there is one."""
        return self.questions[0] if self.questions else None

    def patch(self, turn: str = "", note: str = "") -> Patch:
        """Return the changes as the patch of a turn."""
        return Patch(self.changes, turn, note)


def shown(value: Any) -> Any:
    """Return ``value`` as JSON can hold it and a person can read it: text for NaN and for huge numbers."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else _short(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (list, tuple)):
        return [shown(item) for item in value[:20]]
    return clean_name(str(value))


def _short(number: int) -> str:
    return str(number) if number.bit_length() < 130 else f"{'-' if number < 0 else ''}2^{number.bit_length() - 1}"
