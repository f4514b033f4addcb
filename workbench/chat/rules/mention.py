"""What was found at one place of a line.

What lives here: the record. What does not: the finding (``scan``, ``quantities``, ``names``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workbench.chat.rules.numbers import Number


@dataclass(frozen=True)
class Mention:
    """Something of a known meaning in a line.

    Attributes:
        kind: see ``vocabulary.Entry``; besides ``number``, ``dataset``, ``run``, ``model`` and ``word`` (unknown).
        value: what is meant.
        start: where it begins in the searched text.
        end: where it ends.
        unit: of a number, what it counts.
        number: the number itself.
    """

    kind: str
    value: Any
    start: int
    end: int
    unit: str = ""
    number: Number | None = None

    def at(self, kind: str, *values: Any) -> bool:
        """Return whether this is of a kind and, when values are given, means one of them."""
        return self.kind == kind and (not values or self.value in values)

    def overlaps(self, other: Mention) -> bool:
        """Return whether the two share a character."""
        return self.start < other.end and other.start < self.end
