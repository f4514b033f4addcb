"""Which packages a format needs, as the installed ultralytics has it, and which of them are missing here.

What lives here: requirements in pip's words. What does not: where they are installed (``environment``).
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from workbench.config import source
from workbench.exports.formats import Format

HERE: Final = frozenset({"torchscript", "onnx"})
"""Names of the formats that need no more than what the workbench depends on."""
TORCH: Final = ("torch", "torchvision")
"""Never installed twice: gigabytes, and an exporter takes the one that trained."""
_EXTRAS: Final = MappingProxyType({"openvino": ("export-openvino",), "coreai": ("export-coreai",)})
"""Of formats that ultralytics counts to its base, which has more in it than ours."""
_TORCH_WANTED: Final = MappingProxyType({"coreai": ">=2.8"})  # as export_coreai asserts
# torch2paddle and PaddleBackend choose among these by expressions that cannot be read as text, and no extra has them
_PADDLE: Final = (
    'paddlepaddle>=3.0.0,<3.3.0; platform_machine != "aarch64"',
    'paddlepaddle==3.0.0; platform_machine == "aarch64"',
    "x2paddle",
)


def family(fmt: Format) -> str:
    """Return what the environment of a format is called: formats of one family share it."""
    return fmt.name if fmt.environment == "base" else fmt.environment


@cache
def needs(fmt: Format) -> tuple[Requirement, ...]:
    """Return what a format needs beside ultralytics, on this platform.

    Returns:
        First what is its own, then onnx and what goes with it, which nearly every conversion passes by. Nothing for a
        format that needs no more than the workbench does, and for one whose packages do not exist for this platform.
    """
    own = tuple(_given(fmt))
    found = (*own, *(each for each in _extras(["export-base"]) if own and each.name not in {one.name for one in own}))
    for each in found:
        each.marker = None  # it holds
    return found


def missing(wanted: tuple[Requirement, ...]) -> tuple[Requirement, ...]:
    """Return those that are not installed here at a fitting version."""
    return tuple(each for each in wanted if not _is_met(each))


def torch_wanted(fmt: Format) -> str:
    """Return which versions of torch the packages of a format work with, e.g. ``>=2.12``; empty for any."""
    if fmt.environment == "base":
        return _TORCH_WANTED.get(fmt.name, "")
    return str(_row(fmt).get("torch") or "")


def installed(name: str) -> str | None:
    """Return the version of a package that is installed here."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _given(fmt: Format) -> Iterator[Requirement]:
    if fmt.name in HERE:
        return
    if fmt.name == "paddle":
        yield from _holding(_PADDLE)
    elif fmt.name == "engine":
        yield from _tensorrt()
    elif fmt.environment == "base":
        yield from _extras(_EXTRAS.get(fmt.name, ()))
    else:
        row = _row(fmt)
        yield from _holding(row["requirements"])
        yield from _extras(name for name in row["extras"] if name != "export-base")


def _row(fmt: Format) -> dict[str, Any]:
    found: dict[str, Any] = source.constant("engine.exporter", "EXPORT_ENVS")[fmt.environment]
    return found


def _extras(names: Iterable[str]) -> Iterator[Requirement]:
    declared = _declared()
    for name in names:
        yield from _holding((each for each in declared if f'extra == "{name}"' in each), name)


@cache
def _declared() -> tuple[str, ...]:
    """Return what the distribution requires that brings ultralytics: there is one without libGL."""
    there = next((name for name in ("ultralytics-opencv-headless", "ultralytics") if installed(name)), None)
    return tuple(requires(there) or ()) if there else ()


def _holding(texts: Iterable[str], extra: str = "") -> Iterator[Requirement]:
    for found in map(Requirement, texts):
        if found.marker is None or found.marker.evaluate({"extra": extra}):
            yield found


def _tensorrt() -> Iterator[Requirement]:
    cuda = cuda_version()
    if cuda:
        yield Requirement(f"tensorrt-cu{cuda.partition('.')[0]}>=7.0.0,!=10.2.0")  # as check_tensorrt has it


def cuda_version() -> str:
    """Return the version of CUDA that torch was built with, without importing it; empty when it was built without."""
    spec = importlib.util.find_spec("torch")
    about = Path(spec.origin).with_name("version.py") if spec and spec.origin else None
    text = about.read_text(encoding="utf-8") if about else ""
    found = re.search(r"^cuda\b[^=\n]*= *'([\d.]+)'", text, re.MULTILINE)
    return found[1] if found else ""


def _is_met(requirement: Requirement) -> bool:
    there = installed(canonicalize_name(requirement.name))
    return there is not None and requirement.specifier.contains(there, prereleases=True)
