"""Provisional: replaced by whoever owns this file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbench.exports.environments import Environment
from workbench.exports.formats import Format


@dataclass(frozen=True)
class Ability:
    """See above."""

    format: Format
    can: Literal["make and prove", "make", "refused"]
    reason: str
    environment: Environment | None
    needs_mb: int


def ability(fmt: Format, home: Path) -> Ability:
    """See above."""
    return Ability(fmt, "make and prove", "", None, 0)
