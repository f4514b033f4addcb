"""How hard a run is tried: the one definition, for the run's record and for the training config.

What lives here: ``Policy``, and its fields as keys of a training config. What does not: waiting, retrying and stopping
(``runs``, ``pipelines``).
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType, NoneType
from typing import Any, Final, get_args

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from workbench.config.defaults import FieldSpec
from workbench.config.rules import Integer, Real, Rule

SECTION: Final = "Run policy"


class Policy(BaseModel):
    """How hard a run is tried, and for how long.

    The k-th retry waits ``first_delay_s * factor ** (k - 1)``, at most ``max_delay_s``, give or take a quarter.
    """

    # Records of a newer version are read all the same.
    model_config = ConfigDict(frozen=True, extra="ignore")

    attempts: int = Field(default=3, ge=1, le=100, description="how often the run is tried in all, the first included")
    first_delay_s: float = Field(default=10.0, ge=0.0, le=86_400.0, description="seconds before the first retry")
    factor: float = Field(default=2.0, ge=1.0, le=100.0, description="by which each further delay is longer")
    max_delay_s: float = Field(default=600.0, ge=0.0, le=86_400.0, description="the longest delay, in seconds")
    max_hours: float | None = Field(
        default=None,
        gt=0.0,
        le=8760.0,
        description="hours for all attempts together, after which the run is stopped as failed and can be resumed; "
        "'time' instead ends the training early, as completed",
    )
    silence_s: float = Field(
        default=900.0, ge=1.0, le=86_400.0, description="seconds without a sign of life, after which it is stopped"
    )
    priority: int = Field(default=0, ge=-100, le=100, description="runs with a higher one leave the queue first")


@cache
def specs() -> MappingProxyType[str, FieldSpec]:
    """Return the policy's keys as the training config shows them, in a section of their own."""
    return MappingProxyType({name: _spec(name, field) for name, field in Policy.model_fields.items()})


def rules() -> dict[str, Rule]:
    """Return the rule of every key of the policy, with the ranges of its fields."""
    return {name: _rule(field) for name, field in Policy.model_fields.items()}


def _spec(name: str, field: FieldInfo) -> FieldSpec:
    kind, optional = _kind(field)
    return FieldSpec(
        name,
        f"{kind.__name__}, optional" if optional else kind.__name__,
        field.default,
        field.description or "",
        SECTION,
    )


def _rule(field: FieldInfo) -> Rule:
    kind, optional = _kind(field)
    bounds: dict[str, Any] = {
        name: getattr(mark, name) for mark in field.metadata for name in ("ge", "gt", "le") if hasattr(mark, name)
    }
    if kind is int:
        return Integer(low=bounds["ge"], high=bounds["le"], optional=optional)
    low = bounds["gt"] if "gt" in bounds else bounds["ge"]
    return Real(low=low, high=bounds["le"], above="gt" in bounds, optional=optional)


def _kind(field: FieldInfo) -> tuple[type, bool]:
    """Return the type of a field without None, and whether None is legal."""
    kinds = get_args(field.annotation) or (field.annotation,)
    return next(kind for kind in kinds if kind is not NoneType), NoneType in kinds
