"""What the environment says: the only reader of ``os.environ``.

What lives here: one frozen ``Settings``. What does not: anything that acts on it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from workbench.errors import RequestError, did_you_mean
from workbench.paths import EnginePaths

BACKENDS = ("clearml", "mlflow", "wandb", "database")
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
    workbench_weights: Path | None = Field(
        default=None, description="A folder of pretrained weights, for sites without internet."
    )
    workbench_weights_url: str = Field(
        default=ASSETS_URL, description="Where official pretrained weights are downloaded from."
    )
    observability_backends: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Trackers to feed: a comma list of clearml, mlflow, wandb, database."
    )
    database_url: SecretStr | None = Field(default=None, description="A Postgres URL instead of the SQLite file.")
    prefect_api_url: str | None = Field(default=None, description="A shared Prefect server instead of the local one.")
    google_api_key: SecretStr | None = Field(default=None, description="Turns the Gemini chat on.")

    @field_validator("observability_backends", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        names = tuple(name.strip() for name in value.split(",") if name.strip())
        for name in names:
            if name not in BACKENDS:
                raise RequestError(
                    f"OBSERVABILITY_BACKENDS names '{name}'.",
                    f"Known backends: {', '.join(BACKENDS)}.",
                    did_you_mean(name, BACKENDS) or "Remove it from the list.",
                    name=name,
                )
        return names

    @cached_property
    def engine(self) -> EnginePaths:
        """The folder of the local Prefect server and worker."""
        return EnginePaths(self.workbench_engine_home.expanduser().absolute())

    def workspace(self, path: str | Path | None = None) -> Path:
        """Return the absolute workspace folder: ``path`` when given, else WORKBENCH_HOME."""
        return Path(path or self.workbench_home).expanduser().absolute()


def load() -> Settings:
    """Read the environment.

    Raises:
        RequestError: when a variable has a value that is not known.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "The environment"
        raise RequestError(
            f"{name} is not valid: {first['msg']}.", "See the README.", f"Correct or unset {name}."
        ) from (error)


def environment(**changes: str | None) -> dict[str, str]:
    """Return this process's environment with ``changes``, for a child process; ``None`` removes a variable."""
    merged: dict[str, str | None] = {**os.environ, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def export_environment(changes: Mapping[str, str]) -> None:
    """Set variables of this very process: for libraries that read their switches only from ``os.environ``."""
    os.environ.update(changes)


def is_root() -> bool:
    """Return whether this process runs as root, which JupyterLab wants to be told is meant."""
    return hasattr(os, "geteuid") and os.geteuid() == 0
