"""What of a page goes on by itself: the chart of a run that has not ended.

What lives here: choosing it. What does not: the chart (``widgets.chart``), and figures that stand still (``figures``).
"""

from __future__ import annotations

from workbench.errors import WorkbenchError
from workbench.widgets.chart import Chart, watch
from workbench.widgets.pages.visit import Visit


def live(visit: Visit) -> Chart | None:
    """Return the chart of the run that is asked for; None when none is, or it has ended."""
    name = visit.asked("run")
    if not name:
        return None
    try:
        run = visit.workspace.run(name)
        return None if run.state.ended else watch(run, readonly=True, lang=visit.lang)
    except WorkbenchError:  # the page says what is wrong
        return None
