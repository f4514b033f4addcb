"""The runs that a board lists, kept in step with the ledger for little.

What lives here: all runs as the database tells them, and what changed since the last look. What does not: what their
folders say (``board_depth``), their order (``board_query``).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import KeysView
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, func, select

from workbench.database import RunRow
from workbench.runs.ledger import Ledger
from workbench.runs.model import RunState

WHOLE_S: Final = 60.0  # whatever a look may have missed, e.g. a changed name, is seen after so long
_GOING: Final = tuple(state.value for state in RunState if not state.ended)
_TABLE: Final = RunRow.__table__
_COLUMNS: Final = tuple(
    _TABLE.c[name]
    for name in (
        *("id", "name", "kind", "notebook", "project", "session", "tags", "note", "model", "dataset", "source"),
        *("state", "created_at", "seconds", "headline_name", "headline_value"),
    )
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A run as the database tells it; ``text`` is what a search looks through."""

    id: str
    name: str
    kind: str
    notebook: str
    project: str
    session: str
    tags: tuple[str, ...]
    model: str | None
    dataset: str | None
    source: str | None
    state: str
    created_at: str
    seconds: float | None
    headline_name: str | None
    headline_value: float | None
    text: str

    @property
    def going(self) -> bool:
        """Whether something may still happen by itself."""
        return self.state in _GOING


class Roster:
    """All runs of a workspace.

    Args:
        ledger: where they are recorded.

    Attributes:
        runs: newest first.
        version: grows whenever a run came, went, or changed its state.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.runs: list[Listed] = []
        self.version = 0
        self._by_id: dict[str, Listed] = {}
        self._whole_at = float("-inf")
        self._seen: tuple[int, frozenset[tuple[str, str]]] = (-1, frozenset())

    def get(self, run_id: str) -> Listed | None:
        """Return a run; None when there is none."""
        return self._by_id.get(run_id)

    @property
    def going(self) -> list[Listed]:
        """The runs that have not ended, newest first."""
        return [run for run_id, _ in self._seen[1] if (run := self._by_id.get(run_id)) is not None]

    def tally(self) -> dict[str, int]:
        """Return how many runs stand in each state."""
        return dict(Counter(run.state for run in self.runs))

    def choices(self) -> dict[str, list[str]]:
        """Return what runs can be filtered by: kinds, projects and tags, sorted."""
        return {
            "kind": sorted({run.notebook for run in self.runs}),
            "project": sorted({run.project for run in self.runs}),
            "tag": sorted({tag for run in self.runs for tag in run.tags}),
        }

    @property
    def ids(self) -> KeysView[str]:
        """The ids of all runs, as they were at the last look; a later look leaves this as it is."""
        return self._by_id.keys()

    def look(self) -> None:
        """Look at the database: at those that go on, and at all only when a run came, went or ended.

        Raises:
            StorageError: when the database does not answer.
        """
        seen = self._glance()
        if seen == self._seen and time.monotonic() - self._whole_at < WHOLE_S:
            return
        before, self._by_id = self._by_id, {run.id: run for run in self._read()}
        self.runs = list(self._by_id.values())
        self._seen, self._whole_at = seen, time.monotonic()
        if before != self._by_id:
            self.version += 1

    def _glance(self) -> tuple[int, frozenset[tuple[str, str]]]:
        going = select(_TABLE.c.id, _TABLE.c.state).where(_TABLE.c.state.in_(_GOING))
        with self._ledger.database.transaction() as session:
            count = session.scalar(select(func.count()).select_from(_TABLE)) or 0
            return count, frozenset((run_id, state) for run_id, state in session.execute(going))

    def _read(self) -> list[Listed]:
        query = select(*_COLUMNS).order_by(_TABLE.c.created_at.desc(), _TABLE.c.id.desc())
        with self._ledger.database.transaction() as session:
            return [_listed(row) for row in session.execute(query)]


def _listed(row: Row[Any]) -> Listed:
    found = row._asdict()
    note, tags = found.pop("note"), tuple(found.pop("tags") or ())
    said = (*(found[name] for name in ("id", "name", "model", "dataset", "project", "session")), note, *tags)
    return Listed(**found, tags=tags, text="\n".join(word for word in said if word).casefold())
