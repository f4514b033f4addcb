"""The training config and the models it may name.

What lives here: ``schema.TrainingConfig`` (the one definition, generated from ultralytics' own ``default.yaml`` and
from ``policy.Policy``), the ranges and enums laid over it, and the catalogue of models. What does not: anything that
trains (``runs``), or that changes a config by conversation (``chat``). Nothing here imports torch; only
``catalogue.measure`` imports ultralytics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.config.schema import DOZEN, TrainingConfig

__all__ = ["DOZEN", "TrainingConfig"]


def __getattr__(name: str) -> Any:
    """Load the schema on first use: it builds a model of more than a hundred fields."""
    if name in __all__:
        from workbench.config import schema

        return getattr(schema, name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
