"""What the environment says: the only reader of ``os.environ``.

What lives here: one frozen ``Settings``. What does not: anything that acts on it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from workbench.errors import RequestError, did_you_mean
from workbench.paths import EnginePaths

ENGINE_MEMBER = "WORKBENCH_ENGINE_MEMBER"  # marks every process of an engine with the engine's folder
RUN_MARK = "WORKBENCH_RUN_MARK"  # marks every process of an attempt, see ``runs.supervision.remains``
ATTEMPT = "WORKBENCH_ATTEMPT"  # the folder of the attempt that a process belongs to, see ``runs.here``
TRACKER_MARK = "WORKBENCH_TRACKER_MARK"  # marks every process of a backend of a run, see ``tracking.delivery.channel``
DASHBOARD_LANG = "WORKBENCH_DASHBOARD_LANG"  # the language of the dashboards: en, ko, or the browser's
SECRET = re.compile(r"api_?key|_key$|^key$|token|secret|passw(?:or)?d|credential", re.IGNORECASE)  # names of secrets
BACKENDS = ("clearml", "mlflow", "wandb", "database")
TRACKERS_GROUP = "workbench.trackers"  # entry points: third parties register their backends here
ASSETS_URL = "https://github.com/ultralytics/assets/releases/download/v8.4.0"


class Settings(BaseSettings):
    """The settings of this process, read once from the environment.

    Secrets are ``SecretStr``: they never reach a log, a payload or a file of the workspace.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    workbench_home: Path = Field(
        default=Path("workspace"), description="The workspace folder; relative to the working directory."
    )
    workbench_engine_home: Path = Field(
        default=Path(platformdirs.user_state_dir("workbench")) / "engine",
        description="Where the local Prefect server and worker keep their files.",
    )
    workbench_cpu_slots: int = Field(
        default=1, ge=1, le=1024, description="How many runs may train on the CPU at once, over all workspaces."
    )
    workbench_weights: Path | None = Field(
        default=None, description="A folder of pretrained weights, for sites without internet."
    )
    workbench_weights_url: str = Field(
        default=ASSETS_URL, description="Where official pretrained weights are downloaded from."
    )
    workbench_cache: Path = Field(
        default=Path(platformdirs.user_cache_dir("workbench")),
        description="Where files of remote datasets are kept, shared by all workspaces and jobs of this machine.",
    )
    workbench_cache_gb: float = Field(
        default=100.0,
        gt=0,
        description="How large that may grow, in GB; what a job in progress reads is never removed.",
    )
    observability_backends: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Trackers to feed: a comma list of clearml, mlflow, wandb, database."
    )
    observability_finish_s: float = Field(
        default=60.0, ge=0, le=3600, description="How long trackers are tried for after a run has ended, in seconds."
    )
    database_url: SecretStr | None = Field(default=None, description="A Postgres URL instead of the SQLite file.")
    prefect_api_url: str | None = Field(default=None, description="A shared Prefect server instead of the local one.")
    google_api_key: SecretStr | None = Field(default=None, description="Turns the Gemini chat on.")
    workbench_gemini_model: str = Field(
        default="gemini-3.5-flash-lite", min_length=1, description="Which Gemini model the chat asks."
    )
    workbench_gemini_url: str | None = Field(
        default=None, description="The address of a gateway to Gemini, instead of Google's own."
    )
    workbench_gemini_timeout_s: float = Field(
        default=20.0, gt=0, le=300, description="How long a turn of the chat waits for Gemini in all, in seconds."
    )

    @field_validator("observability_backends", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
        for name in names:
            if name not in BACKENDS and name not in (known := known_backends()):
                raise RequestError(
                    f"OBSERVABILITY_BACKENDS names '{name}'.",
                    f"Known backends: {', '.join(known)}.",
                    did_you_mean(name, known) or "Remove it from the list.",
                    name=name,
                )
        return names

    @cached_property
    def engine(self) -> EnginePaths:
        """The folder of the local Prefect server and worker."""
        return EnginePaths(self.workbench_engine_home.expanduser().absolute())

    @property
    def cache(self) -> tuple[Path, int]:
        """Where files of remote datasets are kept, and how many bytes of them at most."""
        return self.workbench_cache.expanduser().absolute() / "store", round(self.workbench_cache_gb * 1e9)

    def workspace(self, path: str | Path | None = None) -> Path:
        """Return the absolute workspace folder: ``path`` when given, else WORKBENCH_HOME."""
        return Path(path or self.workbench_home).expanduser().absolute()


def known_backends() -> tuple[str, ...]:
    """Return the names of our own backends and of those that third parties have registered; reads package metadata."""
    from importlib.metadata import entry_points

    others = {entry.name for entry in entry_points(group=TRACKERS_GROUP)} - set(BACKENDS)
    return (*BACKENDS, *sorted(others))


def load() -> Settings:
    """Read the environment.

    Raises:
        RequestError: when a variable has a value that is not known.
    """
    try:
        found = Settings()
        member = os.environ.get(ENGINE_MEMBER)
        # A job sees the address of the engine that executes it as PREFECT_API_URL; that is no shared server.
        own = {"prefect_api_url": None, "workbench_engine_home": Path(member)} if member else {}
        return found.model_copy(update=own)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "The environment"
        raise RequestError(
            f"{name} is not valid: {first['msg']}.", "See the README.", f"Correct or unset {name}."
        ) from (error)


def environment(**changes: str | None) -> dict[str, str]:
    """Return this process's environment with ``changes``, for a child process; ``None`` removes a variable.

    The marks of a run are left out: what a run's notebook starts apart from itself, e.g. another run, is no part of it.
    """
    merged: dict[str, str | None] = {**os.environ, RUN_MARK: None, ATTEMPT: None, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def variables(*prefixes: str) -> dict[str, str]:
    """Return the variables of a library's own settings, e.g. ``variables("MLFLOW_")``; empty ones are left out."""
    return {name: value for name, value in os.environ.items() if value and name.startswith(prefixes)}


def attempt_folder() -> Path | None:
    """Return the folder of the attempt that this process belongs to; None outside of a run."""
    folder = os.environ.get(ATTEMPT)
    return Path(folder) if folder else None


def export_environment(changes: Mapping[str, str]) -> None:
    """Set variables of this very process: for libraries that read their switches only from ``os.environ``."""
    os.environ.update(changes)


def is_root() -> bool:
    """Return whether this process runs as root, which JupyterLab wants to be told is meant."""
    return hasattr(os, "geteuid") and os.geteuid() == 0
