"""What this machine can do with each format, said before any work is begun.

What lives here: ``Ability``, and the reasons why something is refused or cannot be proven here. What does not: the
table of formats (``formats``), what a request may ask of one (``request``), environments (``environments``).
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from packaging.specifiers import SpecifierSet

from workbench import settings
from workbench.exports.environments import Environment, environment_of
from workbench.exports.environments.needs import HERE, cuda_version, installed, needs, torch_wanted
from workbench.exports.formats import Format, table
from workbench.runs.lock import gpus

_THEIRS: Final = MappingProxyType(
    {
        "edgetpu": "Google's edgetpu_compiler is a program that no package index has",
        "imx": "Sony's imx500-converter needs Java, and a torch below 2.12",
        "rknn": "Rockchip's rknn-toolkit2 needs torch 2.4, and an onnx below 1.19",
        "axelera": "Axelera's devkit comes from an index of its own",
        "deepx": "DEEPX's compiler needs a torch below 2.12",
        "qnn": "Qualcomm's onnxruntime-qnn takes the place of onnxruntime",
        "hailo": "Hailo hands its Dataflow Compiler out to who signs in there",
        "ascend": "Huawei's compiler atc comes with the CANN toolkit",
        "xilinx": "AMD's compiler comes with Vitis AI",
    }
)
"""What keeps the workbench from formats that a vendor's own tools make."""


@dataclass(frozen=True)
class Ability:
    """What can be done with a format here.

    Attributes:
        format: the format.
        can: ``make`` says that it can be converted to, but that nothing here can run the result.
        reason: why it is so, in a sentence.
        environment: that it is made and asked in; None for this one, and when it is refused.
        needs_mb: disk that making the environment takes first, in MB; 0 when it is there.
    """

    format: Format
    can: Literal["make and prove", "make", "refused"]
    reason: str
    environment: Environment | None
    needs_mb: int


def ability(fmt: Format, home: Path) -> Ability:
    """Return what can be done with a format on this machine.

    Args:
        fmt: the format.
        home: the folder of environments.
    """
    refusal = _refusal(fmt)
    if refusal:
        return Ability(fmt, "refused", refusal, None, 0)
    environment = environment_of(fmt, home)
    needs_mb = 0 if environment is None or environment.ready else environment.about_mb
    ready = (
        f"It needs packages of about {needs_mb} MB, which are installed once." if needs_mb else "All it needs is here."
    )
    foreign = _foreign(fmt)
    return Ability(fmt, "make" if foreign else "make and prove", f"{foreign} {ready}".strip(), environment, needs_mb)


def abilities(home: Path) -> list[Ability]:
    """Return what can be done with each format of the table, in its order."""
    return [ability(each, home) for each in table().values()]


def _refusal(fmt: Format) -> str:
    """Say why a format is not even begun; empty when it is."""
    if fmt.name in _THEIRS:
        return (
            f"{_THEIRS[fmt.name]}, and the result runs on their hardware alone. "
            f"The workbench installs no vendor's tools: run `yolo export format={fmt.name}` where theirs are installed."
        )
    if fmt.name == "engine":
        return _no_gpu()
    if not fmt.made:
        return (
            f"The workbench certifies no {fmt.title} exports; `yolo export format={fmt.name}` makes them without proof."
        )
    if fmt.name not in HERE and not needs(fmt):
        return f"Its packages do not exist for {platform.system()} on {platform.machine()}: export ONNX instead."
    return _unfit_torch(fmt)


def _no_gpu() -> str:
    there = settings.environment().get("CUDA_VISIBLE_DEVICES") not in {"", "-1"} and gpus()
    if not there:
        return (
            "TensorRT engines are built on the GPU that runs them, and this machine has none: "
            "export ONNX and build it there."
        )
    if not cuda_version():
        return "TensorRT engines are built through CUDA, which the installed torch is built without: export ONNX."
    return ""


def _unfit_torch(fmt: Format) -> str:
    wanted, there = torch_wanted(fmt), installed("torch")
    if not wanted or not there or SpecifierSet(wanted).contains(there, prereleases=True):
        return ""
    return f"Its packages go with torch{wanted}, and torch {there} is installed: export ONNX, or install another torch."


def _foreign(fmt: Format) -> str:
    """Say why nothing on this machine runs a format that it makes; empty when something does."""
    if fmt.name == "coreml" and platform.system() != "Darwin":
        return "Core ML models run on macOS alone: made here, and verified there."
    if fmt.name == "coreai" and not _is_core_ai_machine():
        return "Core AI models run on macOS 26 on Apple silicon alone: made here, and verified there."
    return ""


def _is_core_ai_machine() -> bool:
    release = platform.mac_ver()[0].partition(".")[0]
    return platform.machine() == "arm64" and release.isdecimal() and int(release) >= 26
