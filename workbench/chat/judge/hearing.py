"""One pass over the wishes of a turn: what becomes of each, and of all of them together.

What lives here: ``Hearing``. What does not: what a value may be (``values``, ``devices``, ``subject``), and which
wishes are the user's own (``judging``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from workbench.chat.judge import devices, subject, values
from workbench.chat.judge.questions import amount_question
from workbench.chat.judge.verdict import Note, Refusal, Verdict
from workbench.chat.judge.wish import Wish
from workbench.chat.turn import Question, Situation
from workbench.config import limits
from workbench.config.patch import Change, Source, same
from workbench.config.schema import DEFAULTS, TrainingConfig
from workbench.errors import ConfigError

_STRIDE: Final = 32


class Hearing:
    """The wishes of one turn against the config as it is.

    Args:
        situation: the config, the defaults, and what may be talked about.
    """

    def __init__(self, situation: Situation) -> None:
        self._situation = situation
        self._now = {**DEFAULTS, **situation.values}
        self._base = {**DEFAULTS, **situation.base}
        self._after: dict[str, Any] = {}
        self._origins: dict[str, tuple[Source, str]] = {}
        self._refusals: dict[str, Refusal] = {}
        self._notes: list[Note] = []
        self._unclear = ""

    def settle(self, wishes: Sequence[Wish]) -> Verdict:
        """Return what becomes of ``wishes``: those of one field together, the last one wins."""
        by_field: dict[str | None, list[Wish]] = {}
        for wish in wishes:
            by_field.setdefault(None if wish.field in subject.FIELDS else wish.field, []).append(wish)
        for field, group in by_field.items():
            self._settle_field(field, group)
        self._check_together()
        self._note()
        return Verdict(self._changes(), tuple(self._refusals.values()), (), tuple(self._notes), self._questions())

    def _settle_field(self, field: str | None, wishes: list[Wish]) -> None:
        try:
            if field is None:
                self._settle_subject(wishes)
            else:
                self._write(field, self._settled(field, wishes), wishes[-1])
        except values.Refused as refused:
            self._refuse(replace(refused.refusal, evidence=wishes[-1].evidence))
        except values.Unclear as unclear:
            self._unclear = self._unclear or unclear.field

    def _settled(self, field: str, wishes: list[Wish]) -> Any:
        """Return the value that one field's wishes lead to, from the last one that does not go by the value before."""
        if field not in limits.fields():
            raise values.Refused(Refusal(field, wishes[-1].value, "unknown_field", nearest=_meant(field)))
        if field in limits.OWNED:
            raise values.Refused(Refusal(field, wishes[-1].value, "owned"))
        start = max((place for place, wish in enumerate(wishes) if wish.op in ("set", "unset")), default=0)
        value = self._now[field]
        for wish in wishes[start:]:
            value = self._step(field, value, wish)
        return value

    def _step(self, field: str, current: Any, wish: Wish) -> Any:
        if wish.op == "unset":
            return self._base[field]
        if field == "device":
            if wish.op != "set":
                raise values.Refused(Refusal(field, wish.value, "not_legal"))
            device = devices.settled(wish.value, self._situation.context.devices)
            return current if devices.equal(device, current) else device
        if wish.op == "set":
            return values.legal(field, wish.value)
        return values.reckoned(field, wish.op, current, wish.value)

    def _settle_subject(self, wishes: list[Wish]) -> None:
        outcome = subject.Subject(self._now, self._base, self._situation.context).settle(wishes)
        for refusal in outcome.refusals:
            self._refuse(refusal)
        self._notes += outcome.notes
        self._unclear = self._unclear or outcome.unclear
        asked = {wish.field: wish for wish in wishes}
        for field in subject.FIELDS:
            source, evidence = outcome.origins.get(field, ("user", ""))
            origin = Wish(field, asked[field].op if field in asked else "set", None, evidence, source)
            if field in asked or not same(outcome.values[field], self._now[field]):
                self._write(field, outcome.values[field], origin)

    def _write(self, field: str, value: Any, wish: Wish) -> None:
        if not same(value, self._now[field]):
            self._after[field] = value
            self._origins[field] = ("default" if wish.op == "unset" else wish.source, wish.evidence)
        elif field not in self._refusals and field != self._unclear:
            self._notes.append(Note("already", {"field": field, "value": value}))

    def _refuse(self, refusal: Refusal) -> None:
        self._refusals[refusal.field] = refusal

    def _check_together(self) -> None:
        """Take back what is legal by itself and not with the rest; what was illegal before the turn stays its own."""
        while self._after:
            try:
                TrainingConfig.model_validate({**self._now, **self._after})
            except ConfigError as error:
                faulty = {str(problem["key"]) for problem in error.fields.get("problems", ())}
                faulty |= set(subject.FIELDS) if "task" in faulty else set()
                if not faulty & self._after.keys():
                    return
                for field in sorted(faulty & self._after.keys()):
                    self._refuse(Refusal(field, self._after.pop(field), "not_legal", evidence=self._origins[field][1]))
            else:
                return

    def _note(self) -> None:
        merged = {**self._now, **self._after}
        size, stride = merged["imgsz"], 2 * _STRIDE if "-p6" in str(merged["model"]) else _STRIDE
        if "imgsz" in self._after and size % stride:
            self._notes.append(Note("imgsz_rounded", {"value": size, "used": -(-size // stride) * stride}))
        if merged["time"] is not None and {"time", "epochs"} & self._after.keys():
            self._notes.append(Note("time_overrides_epochs", {"time": merged["time"], "epochs": merged["epochs"]}))

    def _changes(self) -> tuple[Change, ...]:
        return tuple(
            Change(field, self._now[field], value, *self._origins[field]) for field, value in self._after.items()
        )

    def _questions(self) -> tuple[Question, ...]:
        return (amount_question(self._unclear, self._situation),) if self._unclear else ()


def _meant(field: str) -> str | None:
    return values.closest(field, tuple(limits.fields()))
