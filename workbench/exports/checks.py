"""The rows of a certificate: what was looked at, what was found, and the verdict.

What lives here: ``Check``. What does not: what is looked at (``inside``, ``parity``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from workbench.errors import ExportError, ModelError

Verdict = Literal["pass", "fail", "unverified"]


@dataclass(frozen=True)
class Check:
    """One row.

    Attributes:
        name: what was looked at, e.g. ``class names``.
        verdict: ``unverified`` when it could not be looked at here.
        found: what was found, for people.
        wanted: what passes.
    """

    name: str
    verdict: Verdict
    found: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.name}: {self.found}; wanted: {self.wanted}"


def check(name: str, met: object, found: object, wanted: object) -> Check:
    """Return a row that passes when something is met."""
    return Check(name, "pass" if met else "fail", str(found), str(wanted))


def attempt(name: str, wanted: str, look: Callable[[], Check]) -> Check:
    """Look; an export that is so wrong that it cannot even be looked at has failed."""
    try:
        return look()
    except (ExportError, ModelError) as error:
        return Check(name, "fail", error.happened, wanted)
