"""A wish for one field: an op with what is known of its words.

What lives here: the record that a hearing goes by, whoever made it: an engine, a form, or a click on a suggestion. What
does not: the op of an engine (``turn``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from workbench.config.patch import Source


@dataclass(frozen=True)
class Wish:
    """One change that is wanted of one field.

    Attributes:
        field: a key of the config, or what was taken for one.
        op: as in ``turn.Op``.
        value: as in ``turn.Op``, of any type: it comes from a form, too.
        evidence: the words that ask for it.
        source: who wants it.
        literal: whether the value is meant to the letter: ``yolo11m.pt`` is then that very file, and no size ``m``.
    """

    field: str
    op: Literal["set", "scale", "add", "unset"] = "set"
    value: Any = None
    evidence: str = ""
    source: Source = "user"
    literal: bool = False
