"""The process of the local worker: ``python -m pipelines.work WAKE_FILE``.

What lives here: Prefect's process worker, made quick to answer and hard to end. What does not: what a job does
(``job``, ``flows``).

Two things differ from ``prefect worker start``. Whoever launches a run touches the wake file, so the worker asks
the server at once and is silent otherwise. And a server that is away for minutes does not end the worker, which
would take its jobs along.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import slim
from pipelines.api import Api
from pipelines.registration import POOL, WORKER, register
from workbench.settings import environment

if TYPE_CHECKING:
    from prefect.workers.process import ProcessWorker

POLL_S = 20.0
_SERVER_WAIT_S = 120.0
_POLLS_WITHOUT_ANSWER = 10_000  # one every 10 s: a day


class Alarm:
    """Says when to ask the server: at once when the wake file was touched, else every ``period_s``.

    Args:
        path: the wake file; it need not exist.
        period_s: how long to stay silent at most.
        clock: seconds, never going back.
    """

    def __init__(self, path: Path, period_s: float = POLL_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._period_s, self._clock = path, period_s, clock
        self._touched = self._touch()
        self._due_at = clock()

    def rings(self) -> bool:
        """Return whether it is time, and wind the alarm up again when it is."""
        touched, now = self._touch(), self._clock()
        if touched == self._touched and now < self._due_at:
            return False
        self._touched, self._due_at = touched, now + self._period_s
        return True

    def _touch(self) -> int:
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return 0


def make_worker(alarm: Alarm) -> ProcessWorker:
    """Return the worker; imports Prefect."""
    import httpx
    from prefect.workers.process import ProcessWorker

    warnings.filterwarnings("ignore", message="Type 'Worker'", category=UserWarning)  # it takes ProcessWorker's place

    class Worker(ProcessWorker):
        """Prefect's process worker behind an alarm."""

        async def get_and_submit_flow_runs(self) -> list[Any]:
            if not alarm.rings():
                return []
            try:
                return await super().get_and_submit_flow_runs()
            except httpx.HTTPError as error:
                self._logger.warning("The server did not answer; trying again: %r", error)
                return []

        async def sync_with_backend(self) -> None:
            try:
                await super().sync_with_backend()
            except httpx.HTTPError as error:
                self._logger.warning("The server did not take the heartbeat; trying again: %r", error)

    return Worker(work_pool_name=POOL, name=WORKER, limit=None, create_pool_if_not_found=False)


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


def await_server(api_url: str) -> None:
    """Wait until the server answers, and see to it that the work pool exists."""
    deadline = time.monotonic() + _SERVER_WAIT_S
    with Api(api_url) as api:
        while not api.healthy(_SERVER_WAIT_S) and time.monotonic() < deadline:
            time.sleep(0.1)
        # Before the worker's own first calls: SQLite refuses two writers at once.
        register(api)


def main() -> None:
    """Work for the server that PREFECT_API_URL names."""
    slim.skip_iri_grammar()
    outlast_outages()
    worker = make_worker(Alarm(Path(sys.argv[1])))
    await_server(environment()["PREFECT_API_URL"])
    asyncio.run(work(worker))


if __name__ == "__main__":
    main()
