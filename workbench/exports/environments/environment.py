"""The private environment of a family of formats: what is in it, where it lies, how much it takes.

What lives here: ``Environment``. What does not: making it (``making``).
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from workbench.exports.environments.needs import TORCH, family, installed, missing, needs
from workbench.exports.formats import Format, table

READY_NAME: Final = "installed.json"
UNMEASURED_MB: Final = 1000
# Blocks of the disk, with what Python compiled: many small files take more than their bytes
ABOUT_MB: Final = MappingProxyType(
    {
        "coreai": 200,
        "coreml": 105,
        "executorch": 320,
        "litert": 1020,
        "mnn": 175,
        "ncnn": 120,
        "openvino": 200,
        "paddle": 745,
        "tensorflow": 2400,
        "engine": 4000,  # not measured: no machine at hand
    }
)


@dataclass(frozen=True)
class Environment:
    """An environment that has a family's own packages, and sees those of this one behind them.

    Attributes:
        name: of the family.
        formats: names of the formats that it is for.
        requirements: what it needs and this environment lacks, in pip's words.
        beside: what it needs and is here: another version comes where what is here does not go with the requirements.
        constraints: versions of what never comes again, in pip's words.
        about_mb: disk that it takes beside this environment, in MB, as measured on Linux with Python 3.11.
        folder: where it lies, or will.
    """

    name: str
    formats: tuple[str, ...]
    requirements: tuple[str, ...]
    beside: tuple[str, ...]
    constraints: tuple[str, ...]
    about_mb: int
    folder: Path

    @property
    def ready(self) -> bool:
        """It is made, to its end."""
        return (self.folder / READY_NAME).is_file() and self.python.exists()

    @property
    def python(self) -> Path:
        """The interpreter that sees its packages."""
        return self.folder / "bin" / "python"


def environment_of(fmt: Format, home: Path) -> Environment | None:
    """Return the environment of a format; None when this one has what the format needs.

    Its folder bears a digest of what goes into it and of this environment, so that another Python, or another torch,
    never meets it.

    Args:
        fmt: one whose packages exist for this platform.
        home: the folder of environments.
    """
    wanted = needs(fmt)
    absent = missing(wanted)
    if not absent:
        return None
    name = family(fmt)
    requirements = tuple(sorted(map(str, absent)))
    beside = tuple(sorted(str(each) for each in wanted if each not in absent))
    constraints = tuple(f"{each}=={found}" for each in TORCH if (found := installed(each)))
    return Environment(
        name=name,
        formats=tuple(each.name for each in table().values() if each.made and family(each) == name),
        requirements=requirements,
        beside=beside,
        constraints=constraints,
        about_mb=ABOUT_MB.get(name, UNMEASURED_MB),
        folder=home / f"{name}-{_key(requirements, beside, constraints)}",
    )


def _key(*goes_in: tuple[str, ...]) -> str:
    text = json.dumps([goes_in, platform.python_version(), sys.prefix])
    return hashlib.sha256(text.encode()).hexdigest()[:12]
