"""The config while it is edited: what patches add up to, and taking them back.

What lives here: ``Draft``. What does not: the patches themselves (``changes``, whose names stand here too), deciding
which change is legal (``chat.judge``, ``check``), and keeping patches (the conversation's log).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Any, Final, Self

from workbench.config import catalogue, check
from workbench.config.changes import Change, Kind, Patch, Provenance, Source, listed, same, tupled
from workbench.config.schema import DEFAULTS, TrainingConfig
from workbench.errors import ModelError

__all__ = ["Change", "Draft", "Kind", "Patch", "Provenance", "Source", "listed", "same", "tupled"]

_PAIR: Final = ("model", "task")  # a model is made for one task: neither goes back without the other


@dataclass(frozen=True)
class _Trace:
    """What a field is, and below it what it was."""

    provenance: Provenance
    entry: int = 0
    below: _Trace | None = None

    @property
    def value(self) -> Any:
        return self.provenance.value


_Traces = Mapping[str, _Trace]


@dataclass(frozen=True)
class _Entry:
    """An edit that can be taken back: its fields before and after."""

    kind: Kind
    turn: str
    before: _Traces
    after: _Traces

    def parted(self, fields: Iterable[str]) -> Self:
        chosen = set(fields)
        before = {name: trace for name, trace in self.before.items() if name in chosen}
        return replace(self, before=before, after={name: self.after[name] for name in before})

    def joined(self, other: _Entry | None) -> _Entry:
        """Return this entry with the fields of ``other``, which came before it where both have one."""
        if other is None:
            return self
        before, after = {**self.before, **other.before}, {**other.after, **self.after}
        kind: Kind = self.kind if self.kind == other.kind else "edit"
        joined = replace(self, kind=kind, before=before, after=after)
        return joined.parted(name for name in before if not same(before[name].value, after[name].value))


class Draft:
    """A config while it is edited; every method returns a new draft or only a proposal, none changes this one.

    Args:
        base: what the fields are before anything is changed, and what a reset goes back to; fields that are left out
            are as ``schema.DEFAULTS`` has them.
        start: what the fields are to begin with where that is not the base, e.g. those of a run; an undo does not go
            back behind it, a reset does.

    Raises:
        ConfigError: when ``base``, or ``base`` with ``start``, is no legal config.
    """

    __slots__ = ("_count", "_done", "_traces", "_undone", "base", "values")

    def __init__(self, base: Mapping[str, Any] = DEFAULTS, start: Mapping[str, Any] | None = None) -> None:
        self.base: Mapping[str, Any] = MappingProxyType(dict(TrainingConfig.model_validate(base)))
        self.values: Mapping[str, Any] = self._begun(start) if start else self.base
        self._traces: _Traces = {name: _Trace(self._origin(name, value)) for name, value in self.values.items()}
        self._done: dict[int, _Entry] = {}
        self._undone: dict[int, _Entry] = {}
        self._count = 0

    @property
    def digest(self) -> str:
        """The SHA-256 of the values: two drafts with equal values have the same."""
        plain = {name: _canonical(value) for name, value in self.values.items()}
        return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def config(self) -> TrainingConfig:
        """Return the values as a config.

        Raises:
            ConfigError: when they are none, e.g. because a newer version has other ranges.
        """
        return TrainingConfig.model_validate(self.values)

    def changes(self) -> dict[str, Any]:
        """Return the fields that differ from the base with their values, lists for tuples."""
        return {name: listed(value) for name, value in self.values.items() if not same(value, self.base[name])}

    def provenance(self, field: str) -> Provenance:
        """Return where the value of a field comes from.

        Raises:
            ConfigError: when a config has no such field.
        """
        self._known(field)
        return self._traces[field].provenance

    def apply(self, patch: Patch) -> Draft:
        """Return the draft after ``patch``; one that changes nothing leaves no trace.

        An edit sets its fields, whatever they are here, and ends what could be redone. A way back that was worked out
        on an older draft moves only what still holds the value it starts from.

        Raises:
            ConfigError: when a config has no such field.
        """
        self._known(*(change.field for change in patch.changes))
        if patch.kind == "edit":
            return self._edited(patch)
        if patch.kind == "undo_field":
            return self._popped(patch)
        draft = self
        for number in patch.entries:
            draft = draft._undone_once(number) if patch.kind == "undo" else draft._redone_once(number)
        return draft

    def undo(self, steps: int = 1) -> Patch | None:
        """Return the patch that takes back the last ``steps`` edits, or as many as there are; ``None`` without any."""
        draft = self
        entries: list[int] = []
        while len(entries) < steps and (number := draft._last_to_undo()) is not None:
            draft, entries = draft._undone_once(number), [*entries, number]
        return self._way_to(draft, "undo", entries) if entries else None

    def undo_turn(self, turn: str) -> Patch | None:
        """Return the patch that takes back one turn's edit among later ones; ``None`` when there is none to take back.

        What was changed again since stays, and stands in ``kept``; when that is all of it, ``changes`` is empty.
        """
        number = next((number for number, entry in reversed(self._done.items()) if entry.turn == turn), None)
        return None if number is None else self._way_to(self._undone_once(number), "undo", [number])

    def undo_field(self, field: str) -> Patch | None:
        """Return the patch that takes back the last change of one field; ``None`` when it was never changed.

        Model and task go back together, and so do those two with the dataset that brought them.

        Raises:
            ConfigError: when a config has no such field.
        """
        self._known(field)
        back = self._below(field)
        return Patch(self._changes_to(back), kind="undo_field") if back else None

    def redo(self, steps: int = 1) -> Patch | None:
        """Return the patch that does again the last ``steps`` edits that were undone; ``None`` without any."""
        draft = self
        entries: list[int] = []
        while len(entries) < steps and (number := draft._last_to_redo()) is not None:
            draft, entries = draft._redone_once(number), [*entries, number]
        return self._way_to(draft, "redo", entries) if entries else None

    def reset(self, fields: Sequence[str] = ()) -> Patch:
        """Return the edit that brings ``fields``, or all of them, back to the base; model and task go together.

        Raises:
            ConfigError: when a config has no such field.
        """
        self._known(*fields)
        wanted = dict.fromkeys(fields or self.base)
        if "model" in wanted or ("task" in wanted and not _fits(self.values["model"], self.base["task"])):
            wanted.update(dict.fromkeys(_PAIR))
        back = {name: _Trace(Provenance(self.base[name])) for name in wanted}
        return Patch(self._changes_to(back))

    def _begun(self, start: Mapping[str, Any]) -> Mapping[str, Any]:
        base = dict(self.base)
        if "model" in start:
            del base["task"]  # a model brings its own
        return MappingProxyType(dict(TrainingConfig.model_validate({**base, **start})))

    def _origin(self, name: str, value: Any) -> Provenance:
        base = self.base[name]
        return Provenance(value) if same(value, base) else Provenance(value, "user", previous=base)

    def _known(self, *fields: str) -> None:
        for field in fields:
            if field not in self.base:
                raise check.unknown(field, self.base)

    def _next(self, traces: _Traces, done: dict[int, _Entry], undone: dict[int, _Entry], count: int) -> Draft:
        draft = object.__new__(Draft)
        draft.base, draft._count, draft._done, draft._undone = self.base, count, done, undone
        draft._traces = {**self._traces, **traces}
        draft.values = MappingProxyType({name: trace.value for name, trace in draft._traces.items()})
        return draft

    def _edited(self, patch: Patch) -> Draft:
        number = self._number(patch.turn)
        traces = {
            change.field: self._trace(change, patch.turn, number)
            for change in patch.changes
            if not same(change.after, self.values[change.field])
        }
        return self._entered("edit", patch.turn, traces)

    def _trace(self, change: Change, turn: str, number: int) -> _Trace:
        below = self._traces[change.field]
        return _Trace(Provenance(change.after, change.source, turn, change.evidence, below.value), number, below)

    def _entered(self, kind: Kind, turn: str, traces: _Traces) -> Draft:
        if not traces:
            return self
        number = self._number(turn)
        done = dict(self._done)
        entry = _Entry(kind, turn, {name: self._traces[name] for name in traces}, traces).joined(done.pop(number, None))
        return self._next(traces, {**done, number: entry} if entry.before else done, {}, max(number, self._count))

    def _number(self, turn: str) -> int:
        """Return the number of the edit that comes next: patches of one turn are one edit, and go back as one."""
        number, last = next(reversed(self._done.items()), (0, None))
        return number if turn and last is not None and last.turn == turn else self._count + 1

    def _below(self, field: str) -> dict[str, _Trace]:
        """Return what lies below a field, and below the fields that were changed with it and fit only together."""
        top = self._traces[field]
        together = [name for name in self._tied(field) if self._traces[name].entry == top.entry]
        back = {name: below for name in together if (below := self._traces[name].below) is not None}
        while back and not self._fitting(back):
            partner = next((name for name in _PAIR if name not in back), _PAIR[0] if field == _PAIR[1] else _PAIR[1])
            below = back.get(partner, self._traces[partner]).below
            if below is None:
                return {}
            back[partner] = below
        return back

    def _tied(self, field: str) -> tuple[str, ...]:
        if field in _PAIR:
            return _PAIR
        brought = (name for name in _PAIR if self._traces[name].provenance.source == "dataset")
        return (field, *brought) if field == "data" else (field,)

    def _popped(self, patch: Patch) -> Draft:
        back = {
            change.field: below
            for change in patch.changes
            if same(self.values[change.field], change.before)
            and (below := _beneath(self._traces[change.field], change.after)) is not None
        }
        return self._entered("undo_field", patch.turn, self._safe(back))

    def _undone_once(self, number: int) -> Draft:
        entry = self._done.get(number)
        if entry is None:
            return self
        moved = self._movable(entry.after, entry.before)
        if not moved:
            return self
        rest = entry.parted(name for name in entry.before if name not in moved)
        done = {key: value for key, value in self._done.items() if key != number or rest.before}
        done |= {number: rest} if rest.before else {}
        back = entry.parted(moved).joined(self._undone.get(number))
        undone = {key: value for key, value in self._undone.items() if key != number}
        return self._next(moved, done, {**undone, number: back}, self._count)

    def _redone_once(self, number: int) -> Draft:
        entry = self._undone.get(number)
        if entry is None:
            return self._restored(number)
        undone = {key: value for key, value in self._undone.items() if key != number}
        moved = self._movable(entry.before, entry.after)
        if not moved:
            return self._next({}, self._done, undone, self._count)
        again = entry.parted(moved).joined(self._done.get(number))
        return self._next(moved, {**self._done, number: again}, undone, self._count)

    def _restored(self, number: int) -> Draft:
        """Bring back what the undo of one field took; that undo is then as if it had never been."""
        entry = self._done.get(number)
        moved = self._movable(entry.after, entry.before) if entry is not None else {}
        if not moved:
            return self
        done = {key: value for key, value in self._done.items() if key != number}
        return self._next(moved, done, self._undone, self._count)

    def _movable(self, start: _Traces, end: _Traces) -> dict[str, _Trace]:
        """Return the part of ``end`` whose fields still hold the values of ``start``."""
        return self._safe({name: end[name] for name in start if same(self.values[name], start[name].value)})

    def _safe(self, traces: dict[str, _Trace]) -> dict[str, _Trace]:
        """Leave model and task where they are when they would no longer fit each other."""
        if self._fitting(traces):
            return traces
        return {name: trace for name, trace in traces.items() if name not in _PAIR}

    def _fitting(self, traces: _Traces) -> bool:
        if not any(name in traces for name in _PAIR):
            return True
        model, task = (traces.get(name, self._traces[name]).value for name in _PAIR)
        return _fits(model, task)

    def _last_to_undo(self) -> int | None:
        entries = reversed(self._done.items())
        return next((number for number, entry in entries if self._movable(entry.after, entry.before)), None)

    def _last_to_redo(self) -> int | None:
        entries = reversed(self._undone.items())
        last = next((number for number, entry in entries if self._movable(entry.before, entry.after)), None)
        if last is not None or not self._done:
            return last
        # The undo of one field is an edit of its own, so what it took is not among the undone.
        number, entry = next(reversed(self._done.items()))
        return number if entry.kind == "undo_field" and self._movable(entry.after, entry.before) else None

    def _way_to(self, draft: Draft, kind: Kind, entries: Sequence[int]) -> Patch:
        kept = {name: None for number in entries if number in self._done for name in self._stuck(draft, number)}
        changed = {name: trace for name, trace in draft._traces.items() if trace is not self._traces[name]}
        return Patch(self._changes_to(changed), kind=kind, entries=tuple(entries), kept=tuple(kept))

    def _stuck(self, draft: Draft, number: int) -> Iterable[str]:
        return draft._done[number].before if number in draft._done else ()

    def _changes_to(self, traces: _Traces) -> tuple[Change, ...]:
        return tuple(
            Change(name, self.values[name], trace.value, trace.provenance.source, trace.provenance.evidence)
            for name, trace in traces.items()
            if not same(self.values[name], trace.value)
        )


def _canonical(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_canonical(item) for item in value]
    return value + 0.0 if isinstance(value, float) else value  # -0.0 equals 0.0, and is written otherwise


def _beneath(trace: _Trace, value: Any) -> _Trace | None:
    below = trace.below
    while below is not None and not same(below.value, value):
        below = below.below
    return below


@cache
def _fits(model: str, task: str) -> bool:
    try:
        return catalogue.task_of(model) == task
    except ModelError:
        return True  # a checkpoint of the user's, whose task is read when it is resolved
