"""What a log says of a text or a file.

What lives here: plain records, cheap to import. What does not: making and finding them (``keep``).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """A text that was noted, e.g. a prompt or a remark.

    Attributes:
        name: what it is.
        text: the text.
        step: the step it belongs to.
        at: when, in unix seconds.
    """

    name: str
    text: str
    step: int
    at: float


@dataclass(frozen=True)
class Kept:
    """A file that was logged.

    Attributes:
        kind: ``image``, ``plot``, ``confusion_matrix``, ``curve``, ``file``, ``checkpoint``, …
        name: how whoever logged it calls it.
        path: relative to the run's folder, with slashes.
        step: the step it belongs to; None for the run as a whole.
        sha256: of its bytes.
        bytes: how many.
        at: when, in unix seconds.
    """

    kind: str
    name: str
    path: str
    step: int | None
    sha256: str
    bytes: int
    at: float
