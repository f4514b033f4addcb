"""Provisional: replaced by whoever owns this file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Environment:
    """See above."""

    name: str
    folder: Path
    ready: bool
    python: Path


def make(environment: Environment, told: Callable[[str], object], step: Callable[[float], object]) -> None:
    """See above."""
