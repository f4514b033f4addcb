"""The process that is started when a schedule is due: ``python -m pipelines.due ENTRY_FILE``, started by the worker.

What lives here: its first steps, before Prefect takes over. What does not: the flow (``scheduled``).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pipelines import entries, job, variables
from pipelines.timetable import ENTRYPOINT
from workbench.settings import environment


def main() -> None:
    """Take the environment of whoever added the schedule, then run the flow in this process."""
    given, sys.argv[1:] = sys.argv[1:], []  # prefect.engine would take an argument for a flow run id
    if given:
        kept = entries.read(Path(given[0]))
        if kept is None:  # the schedule was removed a moment ago
            return
        command = [sys.executable, "-P", "-m", "pipelines.due"]
        os.execve(sys.executable, command, variables.job_environment(kept.environment, environment()))  # noqa: S606
    job.become(ENTRYPOINT)


if __name__ == "__main__":
    main()
