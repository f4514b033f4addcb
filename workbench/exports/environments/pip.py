"""pip: running it inside an environment, how far it is, and what its failure means.

What lives here: reading what pip says. What does not: what it installs (``needs``), where (``making``).
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from workbench.errors import ExportError, StorageError, WorkbenchError
from workbench.exports.environments.environment import Environment

_KEPT: Final = 40
_SHOWN: Final = 8
_LOOK_S: Final = 1.0
_COUNT: Final = "workbench counts packages: "
_COLLECTED: Final = 0.6
"""Of the whole work: what remains is unpacking."""
_HALFWAY: Final = 20
_LACKING: Final = re.compile(r"(?:No matching distribution found for|satisfies the requirement) ([^\s(]+)")


def install(requirements: Sequence[str], constraints: str, packages: str) -> int:
    """Run pip in the environment of this process, and return its exit code.

    Args:
        requirements: what is installed, in pip's words.
        constraints: a file of what holds for everything.
        packages: the environment's own site-packages, in which what is there is counted meanwhile.
    """
    command = [sys.executable, "-m", "pip", "install", "--no-user", "--no-input", "--progress-bar", "off"]
    command += ["--disable-pip-version-check", "--constraint", constraints, *requirements]
    process = subprocess.Popen(command)
    while True:
        try:
            return process.wait(_LOOK_S)
        except subprocess.TimeoutExpired:
            there = len(list(Path(packages).glob("*.dist-info")))
            sys.stdout.write(f"{_COUNT}{there}\n")  # to the Listener of the process that waits
            sys.stdout.flush()


class Listener:
    """Reads what pip says.

    Args:
        told: is handed its lines.
        step: is handed how far it is, 0-1.
    """

    def __init__(self, told: Callable[[str], object], step: Callable[[float], object]) -> None:
        self.lines: deque[str] = deque(maxlen=_KEPT)
        self._told, self._step = told, step
        self._collected = self._before = self._total = 0

    def __call__(self, line: str) -> None:
        """Hear one line."""
        if line.startswith(_COUNT):
            self._count(int(line.removeprefix(_COUNT)))
            return
        self.lines.append(line)
        self._told(line)
        if line.lstrip().startswith(("Collecting ", "Downloading ", "Processing ")):
            self._collected += 1
            # How many will come is not known before the last one is here
            self._step(_COLLECTED * self._collected / (self._collected + _HALFWAY))
        elif line.startswith("Installing collected packages: "):
            self._total = line.count(",") + 1
            self._step(_COLLECTED)

    def _count(self, there: int) -> None:
        if not self._total:
            self._before = there
        else:
            done = min(max(there - self._before, 0) / self._total, 1.0)
            self._step(_COLLECTED + (1 - _COLLECTED) * done)


def failure(environment: Environment, lines: Iterable[str]) -> WorkbenchError:
    """Return what is wrong, from what pip said last."""
    said = [line for line in lines if line.strip()]
    text = "\n".join(said)
    last = "\n".join(said[-_SHOWN:])
    if "No space left on device" in text or "Errno 28" in text:
        return StorageError(
            f"The disk was full while the environment '{environment.name}' was made. pip said last:\n{last}",
            f"About {environment.about_mb} MB at '{environment.folder.parent}', and as much again for a while.",
            "Free some space, or open a workspace on another disk.",
            environment=environment.name,
        )
    lacking = list(dict.fromkeys(_LACKING.findall(text)))
    wanted = " ".join(f"'{each}'" for each in (*environment.requirements, *environment.beside))
    what = f" for want of {', '.join(lacking)}" if lacking else ""
    return ExportError(
        f"The environment '{environment.name}' was not made{what}. pip said last:\n{last}",
        f"A package index that has {wanted}, or a folder of wheels.",
        "Name an index with PIP_INDEX_URL; or run `pip download --dest wheels "
        f"{wanted}` on a machine that reaches one, bring the folder here, and set PIP_FIND_LINKS to it.",
        environment=environment.name,
        missing=lacking,
        requirements=list(environment.requirements),
    )
