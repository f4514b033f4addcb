"""Starting exports from a wizard, aside: the first run of all may have to start the engine, which takes seconds.

What lives here: the thread that starts them, and what came of each. What does not: any of the work (``workspace``).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.errors import WorkbenchError
from workbench.exports.request import ExportRequest
from workbench.widgets.state.exporting_wanted import Planned
from workbench.workspace import Workspace


@dataclass(frozen=True)
class Starting:
    """An export that is being started.

    Attributes:
        run: what is exported.
        format: its name.
        words: how people say what is wanted.
        request: what is wanted.
        fresh: whether one that is there is made anew.
    """

    run: str
    format: str
    words: str
    request: ExportRequest
    fresh: bool


class Starts:
    """Starts exports, one after the other.

    Args:
        workspace: of the runs.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.Lock()
        self._one = threading.Lock()  # of the one that is being started
        self._waiting: list[Starting] = []
        self._outcomes: list[dict[str, Any]] = []

    @property
    def waiting(self) -> list[Starting]:
        """Those that are not runs yet, in their order."""
        with self._lock:
            return list(self._waiting)

    def begin(self, run: str, planned: Sequence[Planned], *, fresh: bool = False) -> int:
        """Begin to start exports of a run; those that are being started already are not started twice.

        Returns:
            How many were begun.
        """
        wanted = [Starting(run, each.format, each.words, each.request, fresh) for each in planned if each.request]
        with self._lock:
            wanted = [each for each in wanted if each not in self._waiting]
            self._waiting += wanted
        if wanted:
            threading.Thread(target=self._work, args=(wanted,), name=f"export {run}", daemon=True).start()
        return len(wanted)

    def outcomes(self) -> list[dict[str, Any]]:
        """Return, once, what came of those that were started: the id of the export run, or the error."""
        with self._lock:
            found, self._outcomes = self._outcomes, []
        return found

    def _work(self, wanted: Sequence[Starting]) -> None:
        for each in wanted:
            with self._one:
                outcome = self._start(each)
            with self._lock:
                self._waiting.remove(each)
                self._outcomes.append({"run": each.run, "words": each.words, **outcome})

    def _start(self, wanted: Starting) -> dict[str, Any]:
        try:
            made = self._workspace.export(wanted.run, wanted.request, fresh=wanted.fresh)
        except WorkbenchError as error:
            beats = {part: getattr(error, part) for part in ("happened", "expected", "todo")}
            return {"made": "", "reused": False, "error": beats}
        except Exception as error:  # noqa: BLE001  it is told where it was asked for, not in a thread's traceback
            beats = {"happened": f"{type(error).__name__}: {error}", "expected": "", "todo": ""}
            return {"made": "", "reused": False, "error": beats}
        return {"made": made.id, "reused": made.reused, "error": None}
