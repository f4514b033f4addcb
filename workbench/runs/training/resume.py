"""What may be different when a training goes on: settings that do not make its first epochs another training.

What lives here: those settings, each with its reason, and the check. What does not: going on (``trainer``), the
parameters of the notebook (``changes``).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from workbench.errors import ConfigError

CHANGEABLE: Final = MappingProxyType(
    {
        "epochs": "a training may be longer or shorter than planned; the learning rates of the epochs to come follow",
        "device": "the machine may be another one",
        "batch": "memory may be short; ultralytics accumulates gradients to its nominal batch size either way",
        "workers": "it decides who loads the data, not which",
        "cache": "it decides where images are read from",
        "amp": "another device may need another precision",
        "compile": "it decides how fast, not what",
        "channels_last": "it decides how fast, not what",
        "deterministic": "it decides how fast, and how far two runs agree",
        "patience": "when to stop early is asked at every epoch",
        "time": "when to stop early is asked at every epoch",
        "close_mosaic": "it is about the last epochs",
        "val": "it decides which epochs are measured",
        "plots": "it draws, and trains nothing",
        "save_period": "it keeps more files",
        "verbose": "it prints",
    }
)


def check_changes(changes: Mapping[str, Any], finished: int = 0) -> None:
    """Refuse settings that cannot change on the way.

    Args:
        changes: the settings that are to be different, by key.
        finished: epochs that are finished already.

    Raises:
        ConfigError: when a setting would make it another training, or no epoch would be left.
    """
    refused = [key for key in changes if key not in CHANGEABLE]
    if refused:
        raise ConfigError(
            f"{', '.join(f'{key}={changes[key]!r}' for key in refused)} cannot be changed when a training is resumed.",
            f"One of {', '.join(CHANGEABLE)}: its finished epochs were trained with the other settings.",
            "Start a new run with the changed settings; give it --model with this run's last.pt to build on it.",
            problems=[{"key": key, "value": changes[key], "reason": "It is fixed for a run."} for key in refused],
        )
    if "epochs" in changes and int(changes["epochs"]) <= finished:
        raise ConfigError(
            f"epochs={changes['epochs']} leaves nothing to train: {finished} epochs are finished.",
            f"More than {finished} epochs, counted from the start of the run.",
            f"Resume with epochs={finished + 1} or more, or without epochs.",
            problems=[{"key": "epochs", "value": changes["epochs"], "reason": f"{finished} are finished."}],
        )
