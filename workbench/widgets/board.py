"""The run board: all runs of a workspace, live, and what can be done to them.

What lives here: the widget, its traits and its look at the ledger. What does not: what it answers (``state.board``).
"""

from __future__ import annotations

import time
from typing import Any

import traitlets

from workbench.errors import ParameterError
from workbench.runs.run import Run
from workbench.widgets.base import Widget, script, stylesheet
from workbench.widgets.state.board import BoardState
from workbench.widgets.state.board_detail import BoardDetail
from workbench.widgets.state.watching import Look
from workbench.workspace import Workspace

DEFAULT_COLUMNS = ("state", "name", "model", "dataset", "progress", "eta", "headline", "spark", "started", "duration")
FILTERS = ("text", "state", "kind", "project", "tag")


class Board(Widget):
    """A board of runs.

    Attributes:
        filter: e.g. ``{"text": "night", "state": ["running"]}``; also ``kind``, ``project`` and ``tag``.
        sort: a column, with ``-`` in front for the greatest first, e.g. ``-headline`` or ``config.lr0``.
        group: what runs are grouped by, e.g. ``model`` or ``config.imgsz``; empty for no groups.
        columns: in their order; ``config.imgsz`` shows a setting.
        selected: ids of the runs that were chosen.
        opened: the id of the run whose details are open; empty for none.
        height: of the table, in CSS pixels.
    """

    _esm = script("board")
    _css = stylesheet("board")
    shows = "runs"

    filter = traitlets.Dict({}).tag(sync=True)
    sort = traitlets.Unicode("-created").tag(sync=True)
    group = traitlets.Unicode("").tag(sync=True)
    columns = traitlets.List(traitlets.Unicode(), list(DEFAULT_COLUMNS)).tag(sync=True)
    selected = traitlets.List(traitlets.Unicode(), []).tag(sync=True)
    opened = traitlets.Unicode("").tag(sync=True)
    height = traitlets.Int(420, min=160, max=2000).tag(sync=True)

    @property
    def runs(self) -> list[Run]:
        """The runs that were chosen on the board."""
        return [self._run(run_id) for run_id in self.selected]

    @property
    def run(self) -> Run | None:
        """The run whose details are open."""
        return self._run(self.opened) if self.opened else None

    def begin(self) -> Look:
        """Look at the ledger."""
        return self._look

    @traitlets.validate("filter")
    def _known_filter(self, proposal: Any) -> dict[str, Any]:
        given: dict[str, Any] = proposal["value"]
        for name in given:
            if name not in FILTERS:
                raise ParameterError(f"A board has no filter '{name}'.", f"One of {', '.join(FILTERS)}.", "")
        return given

    def _run(self, run_id: str) -> Run:
        workspace = self._state.workspace
        return Run(workspace.ledger, workspace.dispatcher, workspace.ledger.resolve(run_id))

    @property
    def _state(self) -> BoardState:
        if not isinstance(self.model, BoardState):
            raise TypeError(f"{type(self.model).__name__} is no state of a board")
        return self.model

    def _look(self) -> float:
        begin = time.monotonic()
        for topic, data in self._state.tick():
            self.push(topic, data)
        return self._state.pause_s(time.monotonic() - begin)


def board(ws: Workspace, *, readonly: bool = False, **traits: Any) -> Board:
    """Return a board of all runs of a workspace.

    Args:
        ws: the workspace.
        readonly: only look: nothing can be cancelled, resumed, restarted or deleted, and nothing is written.
        traits: see ``Board``, e.g. ``group="model"``, ``columns=["state", "name", "config.lr0"]``, ``lang="ko"``.

    Raises:
        ParameterError: when there is no such trait.
    """
    return Board(BoardDetail(ws, readonly=readonly), **traits)
