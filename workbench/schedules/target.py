"""What a schedule runs, from the words of a command line.

What lives here: telling notebooks from training configs, and refusing what would fail every night. What does not: when
it runs (``cron``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from workbench import paths
from workbench.config import check
from workbench.config.schema import TrainingConfig
from workbench.errors import ConfigError, RequestError, did_you_mean
from workbench.runs.notebook.parameters import check_notebook, parse_values

TRAIN = "train"
_CONFIGS = {".yaml", ".yml", ".json"}
_FILES = ("data", "model")  # keys that may name a file


def read_policy(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that were given, checked.

    Raises:
        ConfigError: when one is out of range.
    """
    given = {name: value for name, value in values.items() if value is not None}
    TrainingConfig.model_validate(given)  # it has the same keys, and says what is wrong in words
    return given


def read_target(target: str, words: Mapping[str, str], policy: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a schedule's record says of its target: ``notebook``, ``parameters`` and ``policy``, or ``config``.

    Args:
        target: a notebook, a file with a training config (YAML or JSON), ``train``, or the name of another of the
            workbench's own job notebooks.
        words: parameters or settings, by name, as text.
        policy: keys of the run policy that were chosen; a training config has them among its own.

    Raises:
        RequestError: when there is no such target.
        ParameterError: when it is no notebook, or does not take the parameters.
        ConfigError: when the training config is not valid, or names no dataset.
    """
    path = Path(target).expanduser()
    if target == TRAIN:
        return {"config": _config(policy, words)}
    if target in _jobs():
        path = paths.notebook("jobs", target)
    elif path.suffix not in {".ipynb", *_CONFIGS}:
        raise RequestError(
            f"'{target}' cannot be scheduled.",
            f"A notebook (.ipynb), a training config (.yaml, .json), or one of: {', '.join(_jobs())}.",
            did_you_mean(target, _jobs()) or "Give the path of a notebook.",
            target=target,
        )
    elif not path.is_file():
        raise RequestError(
            f"There is no file '{path.absolute()}'.",
            "A notebook or a training config that is there.",
            "Check the path.",
            target=target,
        )
    if path.suffix in _CONFIGS:
        return {"config": _config({**_read_mapping(path), **policy}, words)}
    path = path.absolute()
    values = check_notebook(path, parse_values(path, words))
    return {"notebook": str(path), "parameters": values, "policy": dict(policy)}


def _jobs() -> list[str]:
    return sorted(path.stem for path in paths.notebook("jobs", TRAIN).parent.glob("*.ipynb"))


def _config(values: Mapping[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
    """Return what differs from the defaults: those of the version that trains are taken then."""
    config = TrainingConfig.model_validate({**values, **check.read(words)})
    if not config.data:
        raise ConfigError(
            "The config names no dataset: data is empty.",
            "The name of a registered dataset, or a data.yaml.",
            "Choose one with data=…; `workbench datasets list` shows what is registered.",
        )
    changes = config.changes()
    # Whoever wakes the schedule does so in another folder.
    found = {name: Path(str(changes[name])).expanduser() for name in _FILES if name in changes}
    return {**changes, **{name: str(path.absolute()) for name, path in found.items() if path.exists()}}


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))  # JSON is YAML
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"'{path}' cannot be read: {error}.", "A YAML or JSON file.", "Correct the file.") from error
    if not isinstance(values, dict):
        raise ConfigError(
            f"'{path}' holds {type(values).__name__}, no settings.", "KEY: VALUE lines, e.g. epochs: 5.", "Correct it."
        )
    return values
