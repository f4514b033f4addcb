"""The environment of the engine's processes, and why each Prefect setting is what it is.

What lives here: environment variables. What does not: starting processes (``engine``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from workbench.paths import EnginePaths
from workbench.settings import ENGINE_MEMBER, environment

MEMBER: Final = ENGINE_MEMBER
FLOW_RUN: Final = "PREFECT__FLOW_RUN_ID"  # Prefect marks a job, and thereby its kernel, with the flow run's id
_PREFECT: Final = "PREFECT"
_LOOPBACK: Final = "127.0.0.1,localhost"

_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
}
# The training shares the cores with the engine, so nothing polls that need not.
_SERVER = {
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",  # no flow of ours uses blocks
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",  # "late" is only another name for waiting
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED": "false",  # nothing pauses
    "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED": "false",  # the worker is known by its pid
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",  # automations reported crashes twice: runs doubled
    "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_ENABLED": "false",  # it serves cloud infrastructure
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS": "120",
    "PREFECT_SERVER_SERVICES_REPOSSESSOR_LOOP_SECONDS": "120",
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "30",
    # A schedule of every minute would have an hour of flow runs written ahead, and all of them late after a night.
    "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME": "PT10M",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",  # a schedule leaves one flow run a time
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(14 * 86_400),
    "PREFECT_SERVER_DATABASE_TIMEOUT": "60",
}
_CLIENT = {
    "PREFECT_WORKER_QUERY_SECONDS": "0.2",  # how often the worker looks at its wake file, not at the server
    "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",  # a run's log lies in its folder
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
}


def engine_environment(paths: EnginePaths, api_url: str) -> dict[str, str]:
    """Return the environment of server and worker: this process's own, with every Prefect setting replaced."""
    return {
        **_without_prefect(environment()),
        **_SERVER,
        **_engine(paths, api_url),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{paths.prefect_home / 'prefect.db'}",
    }


def watcher_environment(paths: EnginePaths) -> dict[str, str]:
    """Return the environment of the watcher: this process's own, without any Prefect setting."""
    return {
        **_without_prefect(environment()),
        **_direct(environment()),
        "PYTHONUNBUFFERED": "1",
        MEMBER: str(paths.root),
    }


def job_environment(handed: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a job: what its launcher handed over, with the engine's Prefect settings.

    Args:
        handed: the environment of the process that launched the run.
        own: the environment that the worker gave the job.
    """
    settings = {name: value for name, value in own.items() if name.startswith(_PREFECT) or name in {*_QUIET, MEMBER}}
    return {**_without_prefect(handed), **_direct(handed), **settings}


def _engine(paths: EnginePaths, api_url: str) -> dict[str, str]:
    return {
        **_QUIET,
        **_CLIENT,
        **_direct(environment()),
        "PREFECT_HOME": str(paths.prefect_home),
        "PREFECT_PROFILES_PATH": str(Path(paths.prefect_home) / "profiles.toml"),
        "PREFECT_API_URL": api_url,
        "PYTHONUNBUFFERED": "1",
        MEMBER: str(paths.root),
    }


def _without_prefect(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if not name.startswith(_PREFECT)}


def _direct(variables: Mapping[str, str]) -> dict[str, str]:
    """Return NO_PROXY with this machine in it: a proxy for the internet must not catch calls to the server."""
    known = variables.get("NO_PROXY") or variables.get("no_proxy") or ""
    joined = f"{known},{_LOOPBACK}" if known else _LOOPBACK
    return {"NO_PROXY": joined, "no_proxy": joined}
