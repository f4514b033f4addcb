"""The few calls of Prefect's REST API that the workbench makes.

What lives here: a small client over httpx. What does not: processes (``engine``) and runs (``launcher``).

``import prefect`` costs seconds and a hundred megabytes in every process that only wants to say "start this"; the
REST API is versioned and documented, so the command line and the widgets speak it directly.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self, cast

import httpx

from workbench.errors import EngineError

RETRIES = 6
_PAGE = 200  # the most that Prefect lists at once
_PAGE = 200  # Prefect returns no more at once
_BUSY = 503  # SQLite is locked for a moment: Prefect asks to try again


class Api:
    """A connection to one Prefect server.

    Every call may be repeated without harm (flow runs carry an idempotency key), so each is tried ``RETRIES`` times
    when the server is busy or unreachable.

    Args:
        url: e.g. ``http://127.0.0.1:4200/api``.
        timeout_s: how long one request may take.
        sleep: waits between two tries.
    """

    def __init__(self, url: str, timeout_s: float = 30.0, sleep: Callable[[float], None] = time.sleep) -> None:
        self.url = url.rstrip("/")
        self._sleep = sleep
        # A proxy is for the internet, never for a server on this machine.
        tls = httpx.URL(self.url).scheme == "https"  # without it, reading certificates would cost 27 ms a client
        loopback = httpx.URL(self.url).host in {"127.0.0.1", "localhost", "::1"}
        self._client = httpx.Client(timeout=timeout_s, trust_env=not loopback, verify=tls)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def healthy(self, timeout_s: float) -> bool:
        """Return whether the server answers within ``timeout_s``."""
        try:
            return self._client.get(f"{self.url}/health", timeout=timeout_s).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def ensure_work_pool(self, name: str) -> None:
        """Create the work pool ``name`` of type process, unless one of that name exists."""
        self._call("POST", "/work_pools/", {"name": name, "type": "process"}, also=(httpx.codes.CONFLICT,))

    def ensure_deployment(self, flow: str, entrypoint: str, pool: str, schema: Mapping[str, Any]) -> str:
        """Create or update the deployment ``flow/flow`` and return its id.

        Args:
            flow: the flow's name, and the deployment's.
            entrypoint: the importable name of the flow function: it is found wherever the package is installed.
            pool: the work pool that runs it.
            schema: JSON schema of the flow's parameters.
        """
        body = {"entrypoint": entrypoint, "work_pool_name": pool, "parameter_openapi_schema": dict(schema)}
        return self.put_deployment(flow, flow, body)

    def put_deployment(self, flow: str, name: str, fields: Mapping[str, Any]) -> str:
        """Create or update the deployment ``flow/name`` and return its id; its former schedules are replaced.

        Args:
            flow: the flow's name; it is made when it is new.
            name: the deployment's name.
            fields: what else Prefect's DeploymentCreate takes.
        """
        found = self._call("POST", "/flows/", {"name": flow}).json()
        body = {"name": name, "flow_id": found["id"], **fields}
        return str(self._call("POST", "/deployments/", body).json()["id"])

    def deployments(self, flow: str) -> dict[str, str]:
        """Return the deployments of a flow: their ids by name."""
        found: dict[str, str] = {}
        while True:
            body = {"flows": {"name": {"any_": [flow]}}, "sort": "NAME_ASC", "offset": len(found), "limit": _PAGE}
            page = self._call("POST", "/deployments/filter", body).json()
            found.update((row["name"], row["id"]) for row in page)
            if len(page) < _PAGE:
                return found

    def schedule_runs(self, deployment_id: str) -> None:
        """Create the next flow runs of a deployment's schedules now, not when the server comes round to it."""
        self._call("POST", f"/deployments/{deployment_id}/schedule", {})

    def delete_deployment(self, deployment_id: str) -> None:
        """Delete a deployment and every flow run of it, whatever its state; one that is gone is no error."""
        self._call("DELETE", f"/deployments/{deployment_id}", also=(httpx.codes.NOT_FOUND,))
        self.delete_flow_runs(deployment_id)  # Prefect deletes only those that wait

    def delete_flow_runs(self, deployment_id: str, states: Sequence[str] = ()) -> None:
        """Delete the flow runs of a deployment in one of ``states``; left out, in any."""
        chosen: dict[str, Any] = {"deployment_id": {"any_": [deployment_id]}}
        if states:
            chosen["state"] = {"type": {"any_": list(states)}}
        body = {"flow_runs": chosen}
        while self._call("POST", "/flow_runs/bulk_delete", body).json()["deleted"]:
            pass

    def flow_runs(self, deployment_id: str, states: Sequence[str]) -> list[dict[str, Any]]:
        """Return the flow runs of a deployment in one of ``states``, at most 200, the earliest first."""
        body = {
            "flow_runs": {"deployment_id": {"any_": [deployment_id]}, "state": {"type": {"any_": list(states)}}},
            "sort": "EXPECTED_START_TIME_ASC",
            "limit": _PAGE,
        }
        return cast("list[dict[str, Any]]", self._call("POST", "/flow_runs/filter", body).json())

    def flow_runs_by_id(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return those of the flow runs ``ids`` that the server knows."""
        found: list[dict[str, Any]] = []
        for start in range(0, len(ids), _PAGE):
            body = {"flow_runs": {"id": {"any_": list(ids[start : start + _PAGE])}}}
            found += self._call("POST", "/flow_runs/filter", body).json()
        return found

    def create_flow_run(
        self,
        deployment_id: str,
        key: str,
        parameters: Mapping[str, Any],
        job_variables: Mapping[str, Any],
        due: datetime | None = None,
    ) -> dict[str, Any]:
        """Create a flow run; the same ``key`` returns the same run (``id``, ``state_type``, …).

        Args:
            deployment_id: what is run.
            key: its name.
            parameters: of the flow.
            job_variables: of the job.
            due: when it is to start; left out, now.
        """
        details = {"state_details": {"scheduled_time": due.isoformat()}} if due else {}
        body = {
            "name": key,
            "idempotency_key": key,
            "parameters": dict(parameters),
            "job_variables": dict(job_variables),
            "state": {"type": "SCHEDULED", **details},
        }
        answer = self._call("POST", f"/deployments/{deployment_id}/create_flow_run", body)
        return cast("dict[str, Any]", answer.json())

    def flow_run(self, flow_run_id: str) -> dict[str, Any] | None:
        """Return a flow run as the server knows it: ``state_type``, ``start_time``, …; None when it does not."""
        answer = self._call("GET", f"/flow_runs/{flow_run_id}", also=(httpx.codes.NOT_FOUND,))
        return None if answer.status_code == httpx.codes.NOT_FOUND else cast("dict[str, Any]", answer.json())

    def set_flow_run_state(self, flow_run_id: str, state: str) -> str:
        """Propose a state, e.g. ``CANCELLING``, and return what the server made of it: ``ACCEPT`` or ``REJECT``."""
        body = {"state": {"type": state}}
        answer = self._call("POST", f"/flow_runs/{flow_run_id}/set_state", body, also=(httpx.codes.NOT_FOUND,))
        return str(answer.json().get("status", "NOT_FOUND"))

    def workers(self, pool: str) -> list[dict[str, Any]]:
        """Return the workers of a pool as the server knows them: ``name``, ``status``, ``last_heartbeat_time``."""
        answer = self._call("POST", f"/work_pools/{pool}/workers/filter", {}, also=(httpx.codes.NOT_FOUND,))
        return answer.json() if answer.status_code == httpx.codes.OK else []

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, also: tuple[int, ...] = ()
    ) -> httpx.Response:
        tries_left = RETRIES
        while True:
            tries_left -= 1
            try:
                answer = self._client.request(method, self.url + path, json=body)
            except httpx.TransportError as error:
                if not tries_left:
                    raise self._silent(error) from error
            else:
                if answer.is_success or answer.status_code in also:
                    return answer
                if answer.status_code != _BUSY or not tries_left:
                    raise self._refused(method, path, answer)
            self._sleep(2.0**-tries_left)

    def _silent(self, error: httpx.TransportError) -> EngineError:
        return EngineError(
            f"The Prefect server at {self.url} does not answer: {type(error).__name__}: {error}.",
            "A Prefect server that listens there.",
            "`workbench doctor --stop` and start again; with PREFECT_API_URL set, ask whoever runs that server.",
            url=self.url,
        )

    def _refused(self, method: str, path: str, answer: httpx.Response) -> EngineError:
        return EngineError(
            f"The Prefect server answered {answer.status_code} to {method} {path}: {answer.text[:500]}",
            "An answer of status 2xx.",
            f"Is {self.url} a Prefect 3 server? `workbench doctor` shows its log.",
            url=self.url,
            status=answer.status_code,
            body=answer.text[:500],
        )
