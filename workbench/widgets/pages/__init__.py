"""Pages for people who only look: what the dashboards of ``workbench dashboard`` show.

What lives here: the pages as HTML that needs no script, the visit that they are shown to, the server. What does not:
anything that changes a workspace, the widgets in which somebody works (``widgets.board`` and its neighbours).

A page is a function of a ``Visit``; what was typed by people is escaped by the templates, wherever it stands.
"""

from __future__ import annotations

from workbench.widgets.pages.dataset import dataset
from workbench.widgets.pages.deployment import deployment
from workbench.widgets.pages.overview import overview
from workbench.widgets.pages.page import Page
from workbench.widgets.pages.run import run
from workbench.widgets.pages.visit import Visit, visit

__all__ = ["Page", "Visit", "dataset", "deployment", "overview", "run", "visit"]
