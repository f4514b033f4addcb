"""The process of one job: ``python -m pipelines.job HANDOVER_FILE``, started by the worker.

What lives here: its first steps, before Prefect takes over. What does not: the flow (``flows``).
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

from pipelines import handover, slim, variables
from pipelines.registration import ENTRYPOINT
from workbench.paths import EnginePaths
from workbench.settings import environment, export_environment


def main() -> None:
    """Take the launcher's environment, then run ``python -m prefect.engine`` in this process."""
    own = environment()
    given, sys.argv[1:] = sys.argv[1:], []  # prefect.engine would take an argument for a flow run id
    handed = handover.take(Path(given[0])) if given else None
    if handed is not None:
        command = [sys.executable, "-P", "-m", "pipelines.job"]
        os.execve(sys.executable, command, variables.job_environment(handed, own))  # noqa: S606
    become(ENTRYPOINT)


def become(entrypoint: str) -> None:
    """Run the flow run that the environment names in this process, as ``python -m prefect.engine`` does.

    Args:
        entrypoint: the importable name of the flow: this saves asking the server for the deployment.
    """
    _log_to(EnginePaths(Path(environment()[variables.MEMBER])).log("job"))
    slim.skip_iri_grammar()
    export_environment({"PREFECT__FLOW_ENTRYPOINT": entrypoint})
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)


def _log_to(log: Path) -> None:
    """Write stdout and stderr to a file: a pipe to the worker would break with the worker."""
    with log.open("ab") as stream:
        for number in (1, 2):
            os.dup2(stream.fileno(), number)


if __name__ == "__main__":
    main()
