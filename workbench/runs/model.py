"""What a run is: its spec, its states and its result.

What lives here: plain records. What does not: reading or writing them (``ledger``), running them (``execute``), and how
hard a run is tried (``config.policy``).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from workbench.config.policy import Policy as Policy  # noqa: PLC0414  a spec holds one, so it is had from here too

RunKind = Literal["train", "export", "notebook"]


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    FAILED = "failed"
    CRASHED = "crashed"
    COMPLETED = "completed"

    @property
    def ended(self) -> bool:
        """Return whether nothing more happens by itself."""
        return self in ENDED


ENDED = frozenset({RunState.CANCELLED, RunState.FAILED, RunState.CRASHED, RunState.COMPLETED})
# Back to queued: from running it is a retry, from queued a launch that was lost, from an end a resume by hand.
NEXT: Mapping[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset(set(RunState) - {RunState.COMPLETED}),
    RunState.RUNNING: frozenset({RunState.QUEUED, RunState.CANCELLING, *ENDED}),
    RunState.CANCELLING: ENDED,
    RunState.CANCELLED: frozenset({RunState.QUEUED}),
    RunState.FAILED: frozenset({RunState.QUEUED}),
    RunState.CRASHED: frozenset({RunState.QUEUED}),
    RunState.COMPLETED: frozenset(),
}


def now() -> str:
    """Return the time as ``2026-11-22T20:53:00.123Z`` (UTC)."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_run_id(kind: str) -> str:
    """Return an id that sorts by time and never repeats, e.g. ``train-20261122-205300-9f3a1c``."""
    return f"{kind}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


class _Record(BaseModel):
    # JSON has no numbers for NaN and the infinities: they are written as words, which a float field reads back.
    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="strings")


class DatasetLock(_Record):
    """Which data a run sees."""

    name: str
    uri: str
    digest: str = Field(description="sha256 over the manifest")
    images: dict[str, int] = Field(description="number of images per split")
    data_yaml: str


class ModelLock(_Record):
    """Which weights a run starts from."""

    ref: str = Field(description="what the user named")
    kind: Literal["scratch", "pretrained", "checkpoint"]
    task: str
    path: str = Field(description="a yaml that ships with ultralytics, or a checkpoint file")
    sha256: str | None = None


class Headline(_Record):
    """The one number of a run."""

    name: str
    value: float


class Artifact(_Record):
    """A file that a run made, by its path inside the run's folder."""

    path: str
    bytes: int
    sha256: str


class RunSpec(_Record):
    """``run.json``: what the run is, and what a replay needs."""

    id: str
    kind: RunKind
    notebook: str = Field(description="the job notebook, e.g. train")
    project: str
    session: str
    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    created_at: str = Field(default_factory=now)
    parameters: dict[str, Any] = Field(default_factory=dict, description="what papermill injects, less run_dir")
    config: dict[str, Any] | None = Field(default=None, description="the full training config, for kind train")
    seed: int | None = None
    dataset: DatasetLock | None = None
    model: ModelLock | None = None
    policy: Policy = Policy()
    source: str | None = Field(default=None, description="the run whose checkpoint is exported or evaluated")
    lock: dict[str, Any] = Field(default_factory=dict, description="code, packages and hardware")


class RunResult(_Record):
    """``result.json``: written last, its existence means complete."""

    run: str
    attempt: int
    headline: Headline | None = None
    metrics: dict[str, float | str] = Field(default_factory=dict)
    images: int | None = None
    artifacts: tuple[Artifact, ...] = ()
    details: dict[str, Any] = Field(default_factory=dict)
    seconds: float = 0.0
    notebook_sha256: str | None = None
    completed_at: str = Field(default_factory=now)
