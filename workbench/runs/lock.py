"""What a replay of a run needs to know about the machine and the code.

What lives here: reading versions and hardware. What does not: any value of the environment, which may be secret.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

import psutil

import workbench

_DIFF_BYTES = 1_000_000
_TIMEOUT_S = 10


def take_lock() -> tuple[dict[str, Any], str]:
    """Return ``{"code", "python", "packages", "hardware"}`` and the uncommitted diff of the code (may be empty)."""
    code, diff = _code(Path(workbench.__file__).parent)
    lock = {
        "code": code,
        "python": platform.python_version(),
        "packages": _packages(),
        "hardware": _hardware(),
    }
    return lock, diff


def _packages() -> dict[str, str]:
    return dict(sorted((name, found.version) for found in distributions() if (name := _name(found))))


def _name(found: Distribution) -> str | None:
    # An interrupted `pip install` leaves a folder without metadata.
    names = found.metadata.get_all("Name")
    return names[0] if names else None


def _hardware() -> dict[str, Any]:
    return {
        "platform": platform.platform(),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "gpus": gpus(),
    }


def processor() -> str:
    """Return what this machine's processor is called."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def gpus() -> list[str]:
    """Return the GPUs of this machine, as nvidia-smi names them; empty when there are none."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    return _output([tool, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]).splitlines()


def _code(folder: Path) -> tuple[dict[str, Any], str]:
    code: dict[str, Any] = {"version": workbench.__version__}
    git = shutil.which("git")
    # An installed wheel may lie in a virtual environment inside somebody else's repository: that is not our code.
    if git is None or not _output([git, "-C", str(folder), "ls-files", "--", "errors.py"]):
        return code, ""
    diff = _output([git, "-C", str(folder.parent), "diff", "HEAD", "--", "."])
    code["commit"] = _output([git, "-C", str(folder), "rev-parse", "HEAD"]).strip()
    code["changed"] = bool(diff)
    code["diff_cut"] = len(diff) > _DIFF_BYTES
    return code, diff[:_DIFF_BYTES]


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    # A diff holds the bytes of any file, in whatever encoding that is.
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
