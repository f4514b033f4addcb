"""The one flow: execute a recorded run.

What lives here: what Prefect calls. What does not: the work, which knows nothing of Prefect
(``workbench.runs.execute``). The run's folder, not the flow's state, says how the run ended.
"""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from pipelines.api import Api
from pipelines.registration import FLOW
from pipelines.variables import FLOW_RUN
from workbench.errors import EngineError, RequestError
from workbench.settings import environment

_ANSWER_S = 2.0  # this process has 30 s left


@flow(name=FLOW, validate_parameters=False)
def run_job(workspace: str, run_id: str, launch: int = 1) -> None:
    """Execute ``run_id`` of ``workspace`` in this process.

    Args:
        workspace: absolute path of the workspace folder.
        run_id: a queued run in its ledger.
        launch: the number of the launch that this flow run serves.

    Raises:
        WorkbenchError: when the run did not complete; the ledger has it already.
        BaseException: Prefect's termination signal and Ctrl-C pass through, after the run has been closed.
    """
    folder = Path(workspace)
    if not run_id or not folder.is_absolute():
        raise RequestError(
            f"The flow was asked to execute run '{run_id}' of workspace '{workspace}'.",
            "A run id and an absolute path.",
            "Start runs with `workbench train` or `ws.train(config)`, which fill in both.",
        )
    from workbench.runs.execute import execute  # keeps the import of the flow light

    execute(folder, run_id, launch, _cancelled)


def _cancelled() -> bool:
    """Return whether Prefect was told to cancel this flow run, e.g. in its own UI."""
    known = environment()
    try:
        with Api(known["PREFECT_API_URL"], timeout_s=_ANSWER_S) as api:
            run = api.flow_run(known[FLOW_RUN])
    except EngineError:  # then nobody has told it
        return False
    return bool(run and run["state_type"] in {"CANCELLING", "CANCELLED"})
