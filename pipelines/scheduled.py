"""The flow behind every schedule: record and start its run.

What lives here: what Prefect calls when a schedule is due. What does not: what is to be done then, and whether it was
done before (``workbench.schedules``).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from pipelines.timetable import FLOW
from workbench.errors import StorageError
from workbench.schedules.collection import Schedules

# Prefect imports this before the time is due and calls the flow when it is: what is imported here costs no lateness.
from workbench.workspace import Workspace


@flow(name=FLOW, validate_parameters=False)
def fire_schedule(workspace: str, name: str) -> str | None:
    """Start what schedule ``name`` of ``workspace`` is for, and return the run's id; None when nothing is to be done.

    Args:
        workspace: absolute path of the workspace folder.
        name: a schedule in it.

    Raises:
        StorageError: when the workspace is not there: a disk that is not mounted must not get a new one.
        WorkbenchError: when the run was not started; the schedule's record says so.
    """
    due = datetime.fromisoformat(flow_run.get_scheduled_start_time().isoformat())
    time.sleep(max((due - datetime.now(UTC)).total_seconds(), 0.0))  # Prefect may be half a second early
    if not Path(workspace).is_dir():
        raise StorageError(
            f"The workspace of schedule '{name}' is not there: '{workspace}'.",
            "The folder that it was added to.",
            "Mount its disk; if it has moved, `workbench schedule start` in it wakes its schedules from there.",
            path=workspace,
        )
    run = Schedules(Workspace(workspace)).fire(name, due)
    return run.id if run else None
