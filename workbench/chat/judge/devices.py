"""Where a training runs: the spellings of a device, and whether it is there.

What lives here: one form for each device. What does not: which devices there are (``Context``).
"""

from __future__ import annotations

import re
from typing import Any

from workbench.chat.judge.values import Refused, legal
from workbench.chat.judge.verdict import Refusal

_GPU = re.compile(r"(?:(?:cuda|gpu)[\s:_-]?)?(?P<index>\d{1,3})|(?:cuda:)?(?P<idle>-1)")
_ANY_GPU = ("gpu", "cuda", "nvidia")


def settled(value: Any, devices: tuple[str, ...] | None) -> str | None:
    """Return a device in its one form: ``cpu``, ``0``, ``0,1``, ``mps``, or ``None`` for the best one.

    Args:
        value: an index, several as a list or as ``"0,1"``, ``cuda:0``, ``gpu`` for the first GPU, or a word.
        devices: those that are there; ``None`` when unknown: then any is accepted.

    Raises:
        Refused: when it is no device, or not there.
    """
    if value is None:
        return None
    known = None if devices is None else tuple(_one(device) for device in devices)
    parts = [_first_gpu(part, known) for part in _parts(value)]
    for part in parts:
        if known == ("cpu",) and (_is_gpu(part) or part == "-1"):
            raise Refused(Refusal("device", value, "no_gpu", choices=known))
        if known is not None and not _there(part, known):
            raise Refused(Refusal("device", value, "no_such_device", choices=known, nearest=_likeliest(part, known)))
    return str(legal("device", ",".join(parts)))


def equal(value: Any, other: Any) -> bool:
    """Return whether two legal values name the same device: 0, ``"0"`` and ``"cuda:0"`` do."""
    return [_one(part) for part in _parts(value)] == [_one(part) for part in _parts(other)]


def _parts(value: Any) -> list[str]:
    if isinstance(value, bool):
        raise Refused(Refusal("device", value, "not_legal"))
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, (list, tuple)):
        return [part for item in value for part in _parts(item)]
    if isinstance(value, str):
        return [_one(part) for part in value.split(",")]
    if isinstance(value, int) and -1 <= value <= 999:
        return [str(value)]
    if value is None:
        return []
    raise Refused(Refusal("device", value, "not_legal"))


def _one(device: str) -> str:
    word = device.strip().casefold()
    match = _GPU.fullmatch(word)
    if match is None:
        return word
    return match["idle"] or str(int(match["index"]))


def _first_gpu(device: str, known: tuple[str, ...] | None) -> str:
    if device not in _ANY_GPU:
        return device
    return next((name for name in known or ("0",) if name.isdecimal()), device)


def _there(device: str, known: tuple[str, ...]) -> bool:
    if device == "-1":
        return any(name.isdecimal() for name in known)
    return device in known or f"{device}:0" in known or device.removesuffix(":0") in known


def _likeliest(device: str, known: tuple[str, ...]) -> str | None:
    gpus = [name for name in known if name.isdecimal()]
    return gpus[-1] if gpus and _is_gpu(device) else next(iter(known), None)


def _is_gpu(device: str) -> bool:
    return device.isdecimal() or device in _ANY_GPU
