"""The process of the local worker: ``python -m pipelines.work WAKE_FILE``.

What lives here: Prefect's process worker, made quick to answer and hard to end. What does not: what a job does
(``job``, ``flows``).

What differs from ``prefect worker start``: whoever launches a run touches the wake file, so the worker asks the server
at once and is silent otherwise. It learns of flow runs that are due later, and starts their processes just early enough
to be ready when they are. Of a schedule's flow runs that all were missed, one is executed. And a server that is away
for minutes does not end the worker, which would take its jobs along.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
import warnings
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import slim, timetable
from pipelines.alarm import LEAD_S, POLL_S, Alarm, choose
from pipelines.api import Api
from pipelines.registration import POOL, WORKER, register
from pipelines.variables import MEMBER
from workbench.paths import EnginePaths
from workbench.settings import environment

if TYPE_CHECKING:
    from prefect.workers.process import ProcessWorker

_HORIZON_S = POLL_S + LEAD_S + 5.0
_SERVER_WAIT_S = 120.0
_POLLS_WITHOUT_ANSWER = 10_000  # one every 10 s: a day


def make_worker(alarm: Alarm) -> ProcessWorker:
    """Return the worker; imports Prefect."""
    import httpx
    from prefect.exceptions import ObjectNotFound
    from prefect.workers.process import ProcessWorker

    warnings.filterwarnings("ignore", message="Type 'Worker'", category=UserWarning)  # it takes ProcessWorker's place

    class Worker(ProcessWorker):
        """Prefect's process worker behind an alarm."""

        async def get_and_submit_flow_runs(self) -> list[Any]:
            if not alarm.rings():
                return []
            alarm.again()  # unless the server answers: until the worker has made itself known, it is not even asked
            try:
                return await super().get_and_submit_flow_runs()
            except httpx.HTTPError as error:
                self._logger.warning("The server did not answer; trying again: %r", error)
                return []

        async def _submit_scheduled_flow_runs(self, flow_run_response: list[Any]) -> list[Any]:
            choice = choose([entry.flow_run for entry in flow_run_response], time.time())
            alarm.set_for(choice.look_at)
            for run in choice.drop:
                with suppress(ObjectNotFound):
                    await self.client.delete_flow_run(run.id)
            wanted = [entry for entry in flow_run_response if entry.flow_run in choice.start]
            return await super()._submit_scheduled_flow_runs(wanted)

        async def sync_with_backend(self) -> None:
            try:
                await super().sync_with_backend()
            except httpx.HTTPError as error:
                self._logger.warning("The server did not take the heartbeat; trying again: %r", error)

    return Worker(
        work_pool_name=POOL, name=WORKER, limit=None, create_pool_if_not_found=False, prefetch_seconds=_HORIZON_S
    )


def outlast_outages() -> None:
    """Keep Prefect from giving up on cancellation when its server is away.

    The observer that carries "cancel" to a running job ends for good after three failed polls, half a minute; a job
    that is still training could then not be cancelled any more.
    """
    from prefect._internal import observers

    patient = partial(observers.critical_service_loop, consecutive=_POLLS_WITHOUT_ANSWER)  # type: ignore[attr-defined]
    observers.critical_service_loop = patient  # type: ignore[attr-defined]


async def work(worker: ProcessWorker) -> None:
    """Run the worker until SIGTERM; its jobs are asked to end first, and have 30 s for it."""
    task = asyncio.ensure_future(worker.start())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return


def await_server(api_url: str, paths: EnginePaths) -> None:
    """Wait until the server answers, and see to it that work pool, deployment and schedules are there."""
    deadline = time.monotonic() + _SERVER_WAIT_S
    with Api(api_url) as api:
        while not api.healthy(_SERVER_WAIT_S) and time.monotonic() < deadline:
            time.sleep(0.1)
        # Before the worker's own first calls: SQLite refuses two writers at once.
        register(api)
        timetable.restore(api, paths)


def main() -> None:
    """Work for the server that PREFECT_API_URL names."""
    slim.skip_iri_grammar()
    outlast_outages()
    known = environment()
    worker = make_worker(Alarm(Path(sys.argv[1])))
    await_server(known["PREFECT_API_URL"], EnginePaths(Path(known[MEMBER])))
    asyncio.run(work(worker))


if __name__ == "__main__":
    main()
