"""The dataset browser: ``wb.browse(dataset)``.

What lives here: the widget and the function that makes it. What does not: what it is asked and answered
(``state.grid``).
"""

from __future__ import annotations

from typing import Any

import traitlets

from workbench.datasets.registry import Dataset
from workbench.widgets.base import Widget, script, stylesheet
from workbench.widgets.state.grid import GridModel
from workbench.widgets.state.grid_choice import Filter
from workbench.widgets.state.grid_selection import Selection


class Browser(Widget):
    """A dataset's images, to be looked through, filtered and selected.

    Attributes:
        view: what is shown, see ``datasets.index.views``; it may be set.
        sql: a SELECT of ``image_id`` that narrows it; it may be set.
        selected: how many images are selected.
        height: of the widget in CSS pixels, 240 to 4000.
    """

    _esm = script("grid")
    _css = stylesheet("grid")

    view = traitlets.Unicode("").tag(sync=True)
    sql = traitlets.Unicode("").tag(sync=True)
    selected = traitlets.Int(0).tag(sync=True)
    height = traitlets.Int(620, min=240, max=4000).tag(sync=True)

    model: GridModel

    def __init__(self, model: GridModel, **traits: Any) -> None:
        super().__init__(model, **traits)
        model.changed = self._count

    def __repr__(self) -> str:
        return f"<Browser of dataset '{self.model.dataset.name}'>"

    @traitlets.validate("view", "sql")
    def _check(self, proposal: Any) -> str:
        name, value = "sql" if proposal.trait.name == "sql" else "where", str(proposal.value)
        # While traits are being restored the other one may still be the old one: each is checked for itself
        self.model.check(Filter(**{name: value}))
        return value

    @property
    def selection(self) -> Selection:
        """The images that are selected: ``ids``, ``view``, ``frame()``."""
        return self.model.selection

    def keep(self, name: str) -> str:
        """Keep the selection as a view of the dataset, and return the view.

        Raises:
            RequestError: when nothing is selected, or too much by hand, or the name cannot be a name.
        """
        text = self.selection.view
        self.model.keep_as(name, text)
        return text

    def close(self) -> None:
        """End the widget, its files and threads."""
        super().close()
        self.model.close()

    def _count(self, selected: int) -> None:
        self.selected = selected


def browse(dataset: Dataset, view: str = "", *, sql: str = "", readonly: bool = False, **traits: Any) -> Browser:
    """Show the images of a dataset.

    Args:
        dataset: as ``ws.datasets.show(name)`` gives it.
        view: what to begin with, e.g. ``class:person AND small``.
        sql: a SELECT of ``image_id`` that narrows it.
        readonly: leaves out what changes the dataset.
        traits: ``height`` in CSS pixels; ``lang``, "en" or "ko".

    Returns:
        The browser; ``browser.selection`` is what was selected in it.

    Raises:
        RequestError: when the view or the SQL cannot be understood.
        DatasetError: when the dataset has no index.
    """

    def keep(name: str, text: str) -> Dataset:
        from workbench.workspace import Workspace  # only who keeps a view needs the database

        return Workspace(dataset.workspace.root).datasets.keep_view(dataset.name, name, text)

    model = GridModel(dataset, None if readonly else keep, readonly=readonly)
    return Browser(model, view=view, sql=sql, **traits)
