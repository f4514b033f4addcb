"""What a schedule is: its record.

What lives here: plain records. What does not: reading or writing them (``collection``), and times (``cron``).
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from workbench.runs.model import now


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="strings")


class Firing(_Record):
    """What became of the last time."""

    due: str = Field(description="the newest due time that it stands for, UTC; earlier ones are not made up for")
    at: str = Field(default_factory=now, description="when it fired")
    run: str | None = Field(default=None, description="the run that it recorded")
    error: str | None = Field(default=None, description="why it recorded none")


class Schedule(_Record):
    """``schedules/<name>.json``: what is run again and again, and when."""

    name: str
    notebook: str | None = Field(default=None, description="a notebook's absolute path, unless a config is trained")
    parameters: dict[str, Any] = Field(default_factory=dict, description="of the notebook")
    config: dict[str, Any] | None = Field(default=None, description="of the training: what differs from the defaults")
    policy: dict[str, Any] = Field(default_factory=dict, description="what differs from the notebook's run policy")
    cron: str
    timezone: str
    project: str = "default"
    session: str | None = None
    tags: tuple[str, ...] = ()
    note: str = ""
    created_at: str = Field(default_factory=now)
    last: Firing | None = None

    @property
    def since(self) -> str:
        """The time up to which nothing is missed, UTC: the last due time that fired, else when it was made."""
        return self.last.due if self.last else self.created_at
