"""What the fault suites share: cases that are noted one by one, so that a suite goes on where it was stopped.

What lives here: the results on disk. What does not: the cases (``kills``, ``cancels``, ``quiet``).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.stage import Failed
from workbench.errors import WorkbenchError

Row = dict[str, Any]


def read(path: Path) -> list[Row]:
    """Return the rows of the cases that were played."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def note(results: Path, case: Row, play: Callable[[], Row]) -> None:
    """Play a case, and append what was seen of it, or what was wrong, to ``results``."""
    try:
        row = {**case, "passed": True, **play()}
    except (Failed, WorkbenchError) as problem:
        row = {**case, "passed": False, "problem": str(problem)}
    with results.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")
    sys.stdout.write(f"{json.dumps(row)}\n")
    sys.stdout.flush()
