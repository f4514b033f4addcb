"""The models that the installed ultralytics knows: architectures, official weights, tasks and headline metrics.

What lives here: reading its model files and constants as text, and ``measure``, which builds a model to count it (the
only import of ultralytics here). What does not: where weights lie or come from (``runs.training.weights``).
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml as yaml_reader

from workbench.config import source
from workbench.errors import ModelError, did_you_mean

_STEM = re.compile(r"(?P<family>yolo(?:e-)?v?\d+|rtdetr)(?P<rest>.*)")
_FIGURES = re.compile(r"(?P<parameters>\d[\d,]*) parameters\b.*?(?P<gflops>\d+(?:\.\d+)?) GFLOP", re.IGNORECASE)
_SCALE_LINE = re.compile(r"^ +(?P<scale>\w+): *\[.*?\] *#(?P<comment>.*)$", re.MULTILINE)
# The last module of the head, in the order in which ultralytics guesses the task from it.
_HEADS = {
    "classify": "classify",
    "detect": "detect",
    "rtdetr": "detect",
    "semanticsegment": "semantic",
    "segment": "segment",
    "pose": "pose",
    "obb": "obb",
    "depth": "depth",
}
_ENDINGS = (".yaml", ".yml", ".pt")


@dataclass(frozen=True)
class ModelEntry:
    """One model of the installed ultralytics.

    Attributes:
        name: e.g. ``yolo26n-seg``.
        family: e.g. ``yolo26``.
        scale: ``n``, ``s``, ``m``, …; empty where the family has no scales.
        task: one of the seven tasks.
        yaml: the file to train from scratch with, e.g. ``yolo26n-seg.yaml``.
        weights: the official pretrained checkpoint, or ``None``.
        parameters: number of parameters with the classes of the file, not fused; ``None`` when no file states it.
        gflops: billions of floating point operations for one image of the file's usual size, or ``None``.
    """

    name: str
    family: str
    scale: str
    task: str
    yaml: str
    weights: str | None
    parameters: int | None = None
    gflops: float | None = None


@cache
def models() -> tuple[ModelEntry, ...]:
    """Return every architecture at every scale, and official weights that share one; newest family first."""
    entries = [entry for path in _files() for entry in _read(path)]
    plain = {entry.name: entry for entry in _without_copied_figures(entries)}
    return tuple(sorted([*plain.values(), *_variants(plain)], key=_order))


def find(name: str) -> ModelEntry:
    """Return the entry for ``yolo26n``, ``yolo26n.yaml`` or ``yolo26n.pt``.

    Raises:
        ModelError: when the installed ultralytics has no such model; a path is never in the catalogue.
    """
    known = _by_name()
    stem = next((name.removesuffix(ending) for ending in _ENDINGS if name.endswith(ending)), name)
    entry = known.get(stem)
    if entry is None or (name.endswith((".yaml", ".yml")) and entry.yaml != f"{stem}.yaml"):
        raise ModelError(
            f"No model is called '{name}'.",
            "A model of the installed ultralytics, such as yolo26n.yaml (from scratch), yolo26n.pt (pretrained) or "
            "yolo26n-seg.yaml, or the path of a checkpoint.",
            did_you_mean(entry.yaml if entry else stem, [*known, entry.yaml] if entry else known)
            or "Choose one of `workbench.config.catalogue.models()`.",
            model=name,
        )
    return entry


def task_of(name: str) -> str:
    """Return the task of a model of the catalogue.

    Raises:
        ModelError: when the installed ultralytics has no such model.
    """
    return find(name).task


@cache
def headline_metric(task: str) -> str:
    """Return the key of the task's one number, e.g. ``metrics/mAP50-95(B)``.

    Raises:
        ModelError: when ultralytics has no such task.
    """
    table: dict[str, str] = source.constant("cfg", "TASK2METRIC")
    if task not in table:
        raise ModelError(
            f"No task is called '{task}'.",
            f"One of {', '.join(table)}.",
            did_you_mean(task, table) or "Choose one of these.",
            task=task,
        )
    return table[task]


@cache
def measure(name: str) -> ModelEntry:
    """Return the entry with the figures that are missing, by building the model once (seconds, imports torch).

    Raises:
        ModelError: when there is no such model.
    """
    entry = find(name)
    if entry.parameters is not None and entry.gflops is not None:
        return entry
    count, gflops = _count(entry)
    return replace(entry, parameters=count, gflops=gflops)


def _count(entry: ModelEntry) -> tuple[int, float | None]:
    ultralytics: Any = importlib.import_module("ultralytics")
    torch_utils: Any = importlib.import_module("ultralytics.utils.torch_utils")
    rtdetr = entry.yaml.startswith("rtdetr") or "-rtdetr" in entry.yaml
    network = (ultralytics.RTDETR(entry.yaml) if rtdetr else ultralytics.YOLO(entry.yaml, task=entry.task)).model
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return parameters, round(float(torch_utils.get_flops(network)), 1) or None


@cache
def _by_name() -> dict[str, ModelEntry]:
    by_weights = {entry.weights.removesuffix(".pt"): entry for entry in models() if entry.weights is not None}
    return {**by_weights, **{entry.name: entry for entry in models()}}


@cache
def _assets() -> frozenset[str]:
    return frozenset(source.constant("utils.downloads", "GITHUB_ASSETS_NAMES"))


def _files() -> list[Path]:
    return sorted((source.root() / "cfg" / "models").rglob("*.yaml"))


def _read(path: Path) -> Iterator[ModelEntry]:
    """Yield one entry per scale of a model file; a file that we cannot make sense of has none."""
    text = path.read_text(encoding="utf-8")
    layout = yaml_reader.load(text, getattr(yaml_reader, "CSafeLoader", yaml_reader.SafeLoader))  # noqa: S506  both are safe
    stem, task = _STEM.fullmatch(path.stem), _task(layout)
    if stem is None or task is None:
        return
    comments = {match["scale"]: match["comment"] for match in _SCALE_LINE.finditer(text)}
    for scale, name in _names(stem, layout.get("scales")):
        parameters, gflops = _figures(comments.get(scale, "") if layout.get("scales") else text)
        yield ModelEntry(
            name, stem["family"], scale, task, f"{name}.yaml", _official(name, stem["family"]), parameters, gflops
        )


def _names(stem: re.Match[str], scales: dict[str, Any] | None) -> Iterator[tuple[str, str]]:
    """Yield (scale, name): ``yolo26-seg`` at n is ``yolo26n-seg``; ``yolov9c`` and ``rtdetr-l`` say it themselves."""
    family, rest = stem["family"], stem["rest"]
    if scales and family != "rtdetr" and (not rest or rest.startswith("-")):
        yield from ((scale, f"{family}{scale}{rest}") for scale in scales)
    elif rest.startswith("-"):
        yield rest[1:] if len(rest) == 2 else "", f"{family}{rest}"
    else:
        yield rest[:1], f"{family}{rest}"


def _task(layout: dict[str, Any]) -> str | None:
    head = str(layout["head"][-1][-2]).lower()
    return next((task for part, task in _HEADS.items() if part in head), None)


def _figures(comment: str) -> tuple[int | None, float | None]:
    match = _FIGURES.search(comment)
    return (int(match["parameters"].replace(",", "")), float(match["gflops"])) if match else (None, None)


def _official(name: str, family: str) -> str | None:
    spellings = [f"{name}.pt", f"{name}u.pt"]
    if family == "yolov5":
        spellings.append(f"{name.removesuffix('-p6')}6u.pt" if name.endswith("-p6") else "")
    return next((spelling for spelling in spellings if spelling in _assets()), None)


def _without_copied_figures(entries: list[ModelEntry]) -> Iterator[ModelEntry]:
    # yolo26-sem states yolo26's figures to the parameter, and yoloe those of yolo-world: the plainer name is right.
    first: dict[tuple[int, str], str] = {}
    for entry in sorted(entries, key=_plainness):
        if entry.parameters is not None:
            first.setdefault((entry.parameters, entry.scale), entry.name)
    for entry in entries:
        copied = entry.parameters is not None and first[entry.parameters, entry.scale] != entry.name
        yield replace(entry, parameters=None, gflops=None) if copied else entry


def _plainness(entry: ModelEntry) -> tuple[bool, int, str]:
    return entry.family.startswith("yoloe"), len(entry.name), entry.name


def _variants(plain: dict[str, ModelEntry]) -> Iterator[ModelEntry]:
    """Yield official weights with an architecture of the catalogue and a training of their own, e.g. ``yolov8n-oiv7``.

    Their class counts differ from the file's, so they have no figures. Prompt-free ones (``-pf``) cannot be trained.
    """
    taken = {entry.weights for entry in plain.values()}
    for weights in sorted(
        asset for asset in _assets() if asset.endswith(".pt") and not asset.endswith("-pf.pt") and asset not in taken
    ):
        name = weights.removesuffix(".pt")
        parts = name.split("-")
        known = [entry for entry in plain.values() if _within(entry.name.split("-"), parts)]
        if known:
            base = max(known, key=lambda entry: len(entry.name))
            yield replace(base, name=name, weights=weights, parameters=None, gflops=None)


def _within(short: list[str], parts: list[str]) -> bool:
    remaining = iter(parts)
    return short[0] == parts[0] and all(part in remaining for part in short)


def _order(entry: ModelEntry) -> tuple[Any, ...]:
    version = re.search(r"\d+", entry.family)
    sizes = "ntsmbclex"
    return (
        entry.family.startswith(("yoloe", "rtdetr")),
        -int(version.group()) if version else 0,
        entry.family,
        entry.name.replace(f"{entry.family}{entry.scale}", "", 1),
        sizes.find(entry.scale),
        entry.name,
    )
