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
ABOUT_MB: Final[MappingProxyType[str, int]] = MappingProxyType({})


@dataclass(frozen=True)
class Environment:
    """An environment that has a family's own packages, and sees those of this one behind them.

    Attributes:
        name: of the family.
        formats: names of the formats that it is for.
        requirements: what is installed into it, in pip's words.
        constraints: what holds for everything that comes with these, in pip's words.
        about_mb: disk that it takes beside this environment, in MB, as measured on Linux with Python 3.11.
        folder: where it lies, or will.
    """

    name: str
    formats: tuple[str, ...]
    requirements: tuple[str, ...]
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
    # Those that are met here may be replaced for another package's sake, and have to fit then as well
    met = (str(each) for each in wanted if each not in absent and not each.extras)
    constraints = (*(f"{each}=={found}" for each in TORCH if (found := installed(each))), *sorted(met))
    return Environment(
        name=name,
        formats=tuple(each.name for each in table().values() if each.made and family(each) == name),
        requirements=requirements,
        constraints=constraints,
        about_mb=ABOUT_MB.get(name, UNMEASURED_MB),
        folder=home / f"{name}-{_key(requirements, constraints)}",
    )


def _key(requirements: tuple[str, ...], constraints: tuple[str, ...]) -> str:
    goes_in = [requirements, constraints, platform.python_version(), sys.prefix]
    return hashlib.sha256(json.dumps(goes_in).encode()).hexdigest()[:12]
