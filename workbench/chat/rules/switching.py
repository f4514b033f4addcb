"""What on and off mean for a field.

What lives here: the value that switches a field off or on, and groups of fields that are switched together. What does
not: finding out what is to be switched (``binding``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from workbench.config import limits
from workbench.config.rules import Choice, Flag, Real, Rule

AUGMENTATIONS: Final = (
    *("mosaic", "mixup", "cutmix", "copy_paste", "fliplr", "flipud", "degrees", "translate", "scale", "shear"),
    *("perspective", "hsv_h", "hsv_s", "hsv_v", "bgr", "erasing"),
)
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {"flips": ("fliplr", "flipud"), "augmentations": AUGMENTATIONS}
_OFF: Final[Mapping[str, Any]] = {
    "patience": 0,
    "time": None,
    "max_hours": None,
    "freeze": None,
    "warmup_epochs": 0.0,
    "weight_decay": 0.0,
    "close_mosaic": 0,
    "save_period": -1,
    "device": "cpu",
    "workers": 0,
    "auto_augment": None,
    "degrees": 0.0,
    "shear": 0.0,
    "multi_scale": 0.0,
    "dropout": 0.0,
    "attempts": 1,
    "conf": None,
    "pretrained": False,
    "momentum": 0.0,
}


def members(field: str) -> tuple[str, ...]:
    """Return the fields that a word stands for: one, or those of a group."""
    return GROUPS.get(field, (field,))


def off(field: str) -> tuple[bool, Any]:
    """Return whether ``field`` can be switched off, and the value that does it."""
    if field in _OFF:
        return True, _OFF[field]
    rule = _rule(field)
    if _flag(rule):
        return True, False
    if field in AUGMENTATIONS:
        return True, 0.0
    return False, None


def on(field: str, base: Mapping[str, Any]) -> tuple[bool, Any]:
    """Return whether ``field`` can be switched on without an amount, and the value that does it."""
    if _flag(_rule(field)):
        return True, True
    default = base.get(field)
    if field in AUGMENTATIONS or field == "patience":
        return bool(default), default
    return False, None


def is_flag(field: str) -> bool:
    """Return whether a field is switched on by being named: "cosine schedule please"."""
    return _flag(_rule(field))


def is_share(field: str) -> bool:
    """Return whether a percentage is a value of the field itself: "mosaic 50 %"."""
    rule = _rule(field)
    return isinstance(rule, Real) and rule.low == 0.0 and rule.high == 1.0


def is_number(field: str) -> bool:
    """Return whether a number can be a value of the field."""
    return field not in {"model", "data", "task", "optimizer"} and not isinstance(_rule(field), (Flag, Choice))


def _flag(rule: Rule | None) -> bool:
    return isinstance(rule, Flag) or (isinstance(rule, Choice) and rule.flags)


def _rule(field: str) -> Rule | None:
    return _rules().get(field)


@cache
def _rules() -> dict[str, Rule]:
    return limits.rules()
