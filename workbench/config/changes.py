"""Changes of a config, one by one and a turn at a time, and where a value comes from.

What lives here: ``Change``, ``Patch`` and ``Provenance``, and the forms of a value in JSON and in a config. What does
not: what patches add up to, and taking them back (``patch``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from workbench.config.schema import DEFAULTS
from workbench.errors import ConfigError

Source = Literal["user", "default", "dataset", "derived", "model_suggestion"]
Kind = Literal["edit", "undo", "redo", "undo_field"]


@dataclass(frozen=True)
class Change:
    """One field's way from one value to another.

    Attributes:
        field: a key of the config.
        before: the value that is left.
        after: the value that is reached.
        source: who wanted it: the user, a default, the chosen dataset, another field, or a model's suggestion.
        evidence: the words that asked for it.
    """

    field: str
    before: Any
    after: Any
    source: Source
    evidence: str = ""

    def to_payload(self) -> dict[str, Any]:
        """Return the change as JSON-able data."""
        return {
            "field": self.field,
            "before": listed(self.before),
            "after": listed(self.after),
            "source": self.source,
            "evidence": self.evidence,
        }


@dataclass(frozen=True)
class Patch:
    """The changes of one turn, which are done and taken back together.

    Attributes:
        changes: at most one a field.
        turn: the turn that they belong to.
        note: what else is to be kept with them.
        kind: ``edit``, or the way back: ``undo``, ``redo`` and ``undo_field``.
        entries: of an undo or a redo: the numbers of the edits that it takes back or does again.
        kept: of a way back: the fields that stay, because they were changed again since.
    """

    changes: tuple[Change, ...]
    turn: str = ""
    note: str = ""
    kind: Kind = "edit"
    entries: tuple[int, ...] = ()
    kept: tuple[str, ...] = ()

    def inverse(self) -> Patch:
        """Return the edit that leads back, in the other order."""
        back = (Change(change.field, change.after, change.before, "user") for change in reversed(self.changes))
        return Patch(tuple(back), self.turn, self.note)

    def to_payload(self) -> dict[str, Any]:
        """Return the patch as JSON-able data."""
        return {
            "kind": self.kind,
            "changes": [change.to_payload() for change in self.changes],
            "turn": self.turn,
            "note": self.note,
            "entries": list(self.entries),
            "kept": list(self.kept),
        }

    @classmethod
    def from_payload(cls, payload: Any) -> Patch:
        """Read what ``to_payload`` wrote; fields that no config has any more are left out.

        Raises:
            ConfigError: when it is no patch.
        """
        try:
            patch = _patches().validate_python(payload)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
            place = ".".join(str(part) for part in fault["loc"])
            raise ConfigError(
                f"A recorded change does not read: {place or 'it'}: {fault['msg']}.",
                "What `Patch.to_payload` wrote.",
                "Remove the damaged line, or go on in a new session.",
            ) from error
        known = (change for change in patch.changes if change.field in DEFAULTS)
        frozen = (replace(change, before=tupled(change.before), after=tupled(change.after)) for change in known)
        return replace(patch, changes=tuple(frozen))


@dataclass(frozen=True)
class Provenance:
    """Where the value of a field comes from.

    Attributes:
        value: as it is now.
        source: who wanted it.
        turn: in which turn; empty for what was so from the start.
        evidence: the words that asked for it.
        previous: the value before; ``None`` as well for what was so from the start.
    """

    value: Any
    source: Source = "default"
    turn: str = ""
    evidence: str = ""
    previous: Any = None


def same(value: Any, other: Any) -> bool:
    """Return whether two values are one: ``True`` is not 1, and 1 is not 1.0."""
    return type(value) is type(other) and bool(value == other)


def listed(value: Any) -> Any:
    """Return ``value`` with lists for tuples, as JSON has them."""
    return [listed(item) for item in value] if isinstance(value, tuple) else value


def tupled(value: Any) -> Any:
    """Return ``value`` with tuples for lists, as a config has them."""
    return tuple(tupled(item) for item in value) if isinstance(value, (list, tuple)) else value


@cache
def _patches() -> TypeAdapter[Patch]:
    return TypeAdapter(Patch)
