"""Which runs a board shows, and in which order: filter, sort, group.

What lives here: requests for rows, and arranging runs by them; pure. What does not: reading runs (``board_roster``).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import Field

from workbench.widgets.state.board_roster import Listed
from workbench.widgets.state.messages import Request

CONFIG: Final = "config."  # before the name of a setting: a column, or what runs are grouped by
COLUMNS: Final = (
    *("state", "name", "id", "kind", "model", "dataset", "project", "session", "tags", "progress", "eta", "place"),
    *("headline", "spark", "created", "started", "duration", "attempt"),
)
GROUPS: Final = ("state", "kind", "model", "dataset", "project", "session")
LISTED: Final[Mapping[str, Callable[[Listed], Any]]] = {
    "state": lambda run: run.state,
    "name": lambda run: (run.name or run.id).casefold(),
    "id": lambda run: run.id,
    "kind": lambda run: run.notebook,
    "model": lambda run: run.model,
    "dataset": lambda run: run.dataset,
    "project": lambda run: run.project,
    "session": lambda run: run.session,
    "tags": lambda run: ", ".join(run.tags) or None,
    "headline": lambda run: run.headline_value,
    "created": lambda run: run.created_at,
}
Value = Callable[[Listed], Any]


class Filter(Request):
    """Which runs; of each list, any of its words, and all where it is empty."""

    text: str = Field("", max_length=400, description="words that must all be in the name, id, model, dataset or note")
    state: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    project: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()


class Rows(Request):
    """A window of the board.

    ``closed`` names the groups of which only the head is shown; ``fields`` the settings that rows are to carry.
    """

    filter: Filter = Filter()
    sort: str = "-created"
    group: str = ""
    closed: tuple[str, ...] = ()
    fields: tuple[str, ...] = Field((), max_length=12)
    start: int = Field(0, ge=0)
    count: int = Field(60, ge=1, le=300)

    @property
    def arrangement(self) -> Hashable:
        """What the order of the rows depends on."""
        return self.filter, self.sort, self.group, self.closed


@dataclass(frozen=True)
class Head:
    """The head of a group: its key, what it is called (None where runs lack the setting), its runs, their states."""

    key: str
    label: str | None
    count: int
    states: Mapping[str, int]


def passes(wanted: Filter) -> Callable[[Listed], bool]:
    """Return what says whether a run passes a filter."""
    words = wanted.text.casefold().split()
    states, kinds, projects, tags = map(set, (wanted.state, wanted.kind, wanted.project, wanted.tag))

    def test(run: Listed) -> bool:
        return (
            (not states or run.state in states)
            and (not kinds or run.notebook in kinds)
            and (not projects or run.project in projects)
            and (not tags or not tags.isdisjoint(run.tags))
            and all(word in run.text for word in words)
        )

    return test


def sorted_by(runs: Sequence[Listed], value: Value, *, falling: bool) -> list[Listed]:
    """Return the runs by a value, and those that have none last, whichever way; equals keep their order."""
    keyed = [(value(run), run) for run in runs]
    there = [(key, run) for key, run in keyed if key is not None]
    there.sort(key=lambda pair: pair[0], reverse=falling)
    return [run for _, run in there] + [run for key, run in keyed if key is None]


def grouped(runs: Iterable[Listed], value: Value, closed: Iterable[str]) -> list[Listed | Head]:
    """Return the runs under the heads of their groups, the groups in the order in which their first run stands."""
    groups: dict[str, list[Listed]] = {}
    labels: dict[str, str | None] = {}
    for run in runs:
        found = value(run)
        label = found if found is None or isinstance(found, str) else json.dumps(found, ensure_ascii=False)
        key = "=" + label if label is not None else ""
        labels[key] = label
        groups.setdefault(key, []).append(run)
    shut, items = set(closed), list[Listed | Head]()
    for key, members in groups.items():
        items.append(Head(key, labels[key], len(members), Counter(run.state for run in members)))
        if key not in shut:
            items += members
    return items
