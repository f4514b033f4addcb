"""The devices that a training on this machine can be given.

What lives here: counting them through the driver, without torch. What does not: whose turn it is on them
(``runs.supervision``).
"""

from __future__ import annotations

import importlib
import platform
import sys

from workbench import settings


def devices() -> tuple[str, ...]:
    """Return the devices of this machine as a config names them, e.g. ``("cpu", "0", "1")``; ``cpu`` comes first."""
    apple = sys.platform == "darwin" and platform.machine() == "arm64"
    return ("cpu", *(str(number) for number in range(_cards())), *(("mps",) if apple else ()))


def _cards() -> int:
    """Return how many NVIDIA cards a process started here sees; 0 without a driver."""
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        return 0
    try:
        nvml.nvmlInit()
        try:
            count = int(nvml.nvmlDeviceGetCount())
        finally:
            nvml.nvmlShutdown()
    except nvml.NVMLError:
        return 0
    chosen = settings.environment().get("CUDA_VISIBLE_DEVICES")  # an empty one hides all cards
    return count if chosen is None else min(count, _listed(chosen, count))


def _listed(chosen: str, count: int) -> int:
    """Return how many of ``count`` cards a list names; CUDA reads it up to the first that is none, e.g. ``-1``."""
    names = [name.strip() for name in chosen.split(",")]
    ends = (place for place, name in enumerate(names) if not _is_card(name, count))
    return next(ends, len(names))


def _is_card(name: str, count: int) -> bool:
    return int(name) < count if name.isdecimal() else name.startswith(("GPU-", "MIG-"))
