"""What may be different when somebody resumes a run: from settings to the parameters of its notebook.

What lives here: the new parameters. What does not: which settings a training can change on the way (``resume``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.config.policy import Policy
from workbench.config.schema import DOZEN, TrainingConfig
from workbench.errors import ConfigError
from workbench.runs.model import RunSpec
from workbench.runs.standing import Standing
from workbench.runs.training.resume import check_changes


def split_policy(changes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the changes of how hard a run is tried, checked, and the rest.

    Raises:
        ConfigError: when a value is not legal.
    """
    policy = {name: value for name, value in changes.items() if name in Policy.model_fields}
    checked = TrainingConfig(**policy).policy()
    return {name: getattr(checked, name) for name in policy}, {
        name: value for name, value in changes.items() if name not in policy
    }


def changed_parameters(
    spec: RunSpec, standing: Standing, changes: Mapping[str, Any], finished: int = 0
) -> dict[str, Any]:
    """Return the notebook's parameters that differ from now on.

    Args:
        spec: the run.
        standing: holds what was changed before.
        changes: settings of the training config.
        finished: epochs that are finished already.

    Raises:
        ConfigError: when a setting is unknown, not legal, or cannot be changed on the way.
    """
    parameters = {**spec.parameters, **standing.changes}
    if spec.kind != "train":
        raise ConfigError(
            f"Run '{spec.id}' is of kind {spec.kind}: its parameters stay as they were recorded.",
            "Changes for a training run; any other run is resumed as it is.",
            "Leave them out, or start a new run with other parameters.",
        )
    config = TrainingConfig.from_parameters(
        settings=parameters.get("settings"), **{name: parameters[name] for name in DOZEN if name in parameters}
    )
    wanted = config.replace(**changes)
    check_changes({name: after for name, (_, after) in config.diff(wanted).items()}, finished)
    return {name: value for name, value in wanted.parameters().items() if parameters.get(name) != value}
