"""What can be done to a run from a board, and doing it.

What lives here: cancel, resume, restart, delete, and whether a run's state allows each. What does not: any of the work
(``runs``, ``workspace``).

An act may have to start the engine, which takes seconds: what has not ended after a moment goes on in a thread, and
its outcome is fetched later. Meanwhile the board answers.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from workbench.errors import ConflictError, WorkbenchError
from workbench.runs.model import RunState
from workbench.runs.run import Run
from workbench.workspace import Workspace

Act = Literal["cancel", "resume", "restart", "delete"]
ACTS: Final[tuple[Act, ...]] = ("cancel", "resume", "restart", "delete")
MOMENT_S: Final = 0.5


def hindrances(state: RunState, *, damaged: bool = False) -> dict[str, str]:
    """Return why each act is not possible, as a word for the script's texts; empty where it is."""
    going, completed = not state.ended, state is RunState.COMPLETED
    return {
        "cancel": "" if going else "ended",
        "resume": "damaged" if damaged else "going" if going else "completed" if completed else "",
        "restart": "damaged" if damaged else "",
        "delete": "going" if going else "",
    }


def line(act: Act, run_id: str) -> str:
    """Return the Python that does the same."""
    run = f'ws.run("{run_id}")'
    return {
        "cancel": f"{run}.cancel()",
        "resume": f"{run}.resume()",
        "restart": f"ws.restart({run})",
        "delete": f"ws.delete({run})",
    }[act]


@dataclass
class Doing:
    """An act under way; ``late`` says that whoever asked has been answered before its end."""

    run: str
    act: Act
    done: threading.Event = field(default_factory=threading.Event)
    error: WorkbenchError | None = None
    made: str = ""
    late: bool = False

    @property
    def outcome(self) -> dict[str, Any]:
        """What became of it; ``made`` is the id of a new run."""
        told = self.error and {part: getattr(self.error, part) for part in ("happened", "expected", "todo")}
        return {"run": self.run, "act": self.act, "made": self.made, "error": told}


class Acts:
    """Does things to runs, each in a thread.

    Args:
        workspace: of the runs.
        moment_s: how long an act is waited for.
    """

    def __init__(self, workspace: Workspace, moment_s: float = MOMENT_S) -> None:
        self._workspace, self._moment_s = workspace, moment_s
        self._lock = threading.Lock()
        self._doing: dict[str, Doing] = {}
        self._late: list[Doing] = []

    def do(self, act: Act, run_id: str) -> Doing:
        """Begin an act, and return it, mostly done.

        Raises:
            ConflictError: when something is being done to the run already.
            WorkbenchError: what the act raised within the moment.
        """
        doing = Doing(run_id, act)
        with self._lock:
            if run_id in self._doing:
                raise ConflictError(
                    f"Run '{run_id}' is busy: {self._doing[run_id].act} goes on.",
                    "One thing at a time.",
                    "Wait a moment.",
                )
            self._doing[run_id] = doing
        threading.Thread(target=self._work, args=(doing,), name=f"{act} {run_id}", daemon=True).start()
        doing.done.wait(self._moment_s)
        with self._lock:
            doing.late = not doing.done.is_set()
        if not doing.late and doing.error is not None:
            raise doing.error
        return doing

    def late(self) -> list[dict[str, Any]]:
        """Return, once, the outcomes of acts that took longer than their moment."""
        with self._lock:
            found, self._late = self._late, []
        return [doing.outcome for doing in found]

    @property
    def busy(self) -> dict[str, str]:
        """What is being done, by run."""
        with self._lock:
            return {run_id: doing.act for run_id, doing in self._doing.items()}

    def _work(self, doing: Doing) -> None:
        try:
            doing.made = self._perform(doing)
        except WorkbenchError as error:
            doing.error = error
        except Exception as error:  # noqa: BLE001  it is told where it was asked for, not in a thread's traceback
            doing.error = WorkbenchError(f"{type(error).__name__}: {error}")
        finally:
            with self._lock:
                del self._doing[doing.run]
                self._late += [doing] if doing.late else []
                doing.done.set()

    def _perform(self, doing: Doing) -> str:
        run = Run(self._workspace.ledger, self._workspace.dispatcher, doing.run)
        if doing.act == "cancel":
            run.cancel("Somebody asked for it on the board.")
        elif doing.act == "resume":
            run.resume()
        elif doing.act == "restart":
            return self._workspace.restart(run).id
        else:
            self._workspace.delete(run)
        return ""
