"""Names of models: taken apart, changed by a part, and put together again.

What lives here: what a person may call a model (``small``, ``v8``, ``yolo11m-seg``), and which model of the catalogue
that is. What does not: what follows for the task (``subject``).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from workbench.chat.cleaning import folded
from workbench.config import catalogue
from workbench.config.catalogue import ModelEntry

SIZES: Final = ("n", "s", "m", "l", "x")
_ORDER: Final = "ntsmbclex"
_LONGEST: Final = 4096  # characters of a path
_NAME_LONGEST: Final = 80
_SIZE_WORDS: Final[Mapping[str, str]] = {
    **{size: size for size in _ORDER},
    **dict.fromkeys(("nano", "smallest"), "n"),
    **dict.fromkeys(("tiny",), "t"),
    **dict.fromkeys(("small",), "s"),
    **dict.fromkeys(("medium", "mid"), "m"),
    **dict.fromkeys(("large", "big"), "l"),
    **dict.fromkeys(("xlarge", "x-large", "extra large", "extra-large", "xl", "huge", "largest", "biggest"), "x"),
}
_TASK_WORDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("detect", "detection", "det"), "detect"),
    **dict.fromkeys(("seg", "segment", "segmentation"), "segment"),
    **dict.fromkeys(("cls", "classify", "classification"), "classify"),
    **dict.fromkeys(("sem", "semantic"), "semantic"),
    **{task: task for task in ("pose", "obb", "depth")},
}
_words = "|".join(sorted(_SIZE_WORDS, key=len, reverse=True))
_LOOSE: Final = re.compile(
    r"(?P<line>yolo[-_ ]?e[-_ ]|yoloe|yolo|rt[-_ ]?detr)?[-_ ]?v?(?P<number>\d{1,2})?"
    rf"(?:[-_ ]?(?P<size>{_words}))?(?:[-_ ](?P<task>{'|'.join(sorted(_TASK_WORDS, key=len, reverse=True))}))?"
)
_ENDING: Final = re.compile(r"\.(?:pt|ya?ml)$")
_OFFICIAL: Final = re.compile(r"yolo(?:e-)?v?\d{1,2}[a-z]?")


@dataclass(frozen=True)
class Model:
    """A model of the catalogue in its parts, or a checkpoint of the user's.

    Attributes:
        family: e.g. ``yolo26``.
        scale: ``n``, ``s``, …; empty where the family has none.
        variant: the entry's name where it is no plain one, e.g. ``yolov8n-p2``.
        ending: ``.pt`` (pretrained) or ``.yaml`` (from scratch).
        own: the path or name of the user's checkpoint; then the other parts are empty.
    """

    family: str = ""
    scale: str = ""
    variant: str = ""
    ending: str = ".pt"
    own: str = ""


@dataclass(frozen=True)
class Said:
    """What a person's word for a model says: parts that are not said are ``None`` or empty.

    Attributes:
        family, scale, variant: as in ``Model``.
        task: where the name bears one, e.g. ``yolo11m-seg``.
        ending: where the name bears one.
        own: a checkpoint of the user's.
        implied: the task of the model of exactly that name: what a file name means when it is taken at its word.
    """

    family: str = ""
    scale: str | None = None
    variant: str = ""
    task: str = ""
    ending: str = ""
    own: str = ""
    implied: str = ""


def read(name: str) -> Model:
    """Return the parts of a config's model."""
    stem, ending = _parted(name)
    entry = _by_stem().get(stem)
    if entry is None:
        return Model(ending=ending or ".pt", own=name)
    return Model(entry.family, entry.scale, _variant(entry), ending or ".pt")


def heard(value: str) -> Said | None:
    """Return what a word says about the model, or ``None`` when it is no word for one."""
    word = folded(value[:_LONGEST])
    if word in _SIZE_WORDS:
        return Said(scale=_SIZE_WORDS[word])
    stem, ending = _parted(word)
    if (entry := _by_stem().get(stem)) is not None:
        variant = _variant(entry)
        bears = entry.task if entry.task != "detect" or variant else ""
        return Said(entry.family, entry.scale, variant, bears, ending, implied=entry.task)
    if (said := _loosely(stem, ending)) is not None:
        return said
    own = bool(ending) and not _misspelt(stem)
    return Said(own=value.strip(), ending=ending) if own else None


def named(model: Model, task: str) -> str:
    """Return the name of ``model`` for ``task``; pretrained only where there are official weights.

    Raises:
        KeyError: when the family has no such size for that task.
    """
    if model.own:
        return model.own
    entry = _by_stem().get(model.variant)
    if entry is None or entry.task != task or entry.scale != model.scale:
        entry = _plain()[model.family, model.scale, task]
    weights = model.ending == ".pt" or f"{entry.name}.yaml" != entry.yaml
    return entry.weights if weights and entry.weights is not None else entry.yaml


def resized(model: Model, scale: str) -> Model:
    """Return ``model`` in another size; a variant stays one where it has that size."""
    if not model.variant:
        return replace(model, scale=scale)
    start = f"{model.family}{model.scale}"
    name = f"{model.family}{scale}{model.variant.removeprefix(start)}"
    kept = model.variant.startswith(start) and name in _by_stem()
    return replace(model, scale=scale, variant=name if kept else "")


def sizes(family: str, task: str) -> tuple[str, ...]:
    """Return the sizes of a family for a task, the smallest first; none when it has no model for it."""
    found = {scale for name, scale, for_task in _plain() if name == family and for_task == task}
    return tuple(sorted(found, key=_ORDER.find))


def ladder(model: Model, task: str) -> tuple[str, ...]:
    """Return the sizes that "one bigger" goes through: n s m l x, or the family's own where it has others."""
    known = tuple(size for size in sizes(model.family, task) if size)
    return SIZES if set(SIZES) <= set(known) and model.scale in SIZES else known


def nearest_size(scale: str, known: tuple[str, ...]) -> str:
    """Return the size of ``known`` that comes closest to ``scale``."""
    return min(filter(None, known), key=lambda size: abs(_ORDER.find(size) - _ORDER.find(scale)), default=known[0])


@cache
def families(task: str) -> tuple[str, ...]:
    """Return the families with a model for ``task``, the newest first."""
    return tuple(dict.fromkeys(entry.family for entry in catalogue.models() if entry.task == task))


def likeliest(word: str, ending: str) -> str | None:
    """Return the name that an unknown word comes closest to; ``None`` when none does, or only the number is unknown."""
    stem, said = _parted(folded(word[:_NAME_LONGEST]))
    if _LOOSE.fullmatch(stem):
        return None
    found = difflib.get_close_matches(stem, _by_stem(), n=1)
    return f"{found[0]}{said or ending}" if found else None


@cache
def _by_stem() -> dict[str, ModelEntry]:
    weights = {entry.weights.removesuffix(".pt"): entry for entry in catalogue.models() if entry.weights is not None}
    return {**weights, **{entry.name: entry for entry in catalogue.models()}}


@cache
def _plain() -> dict[tuple[str, str, str], ModelEntry]:
    """Return the model that is meant when only family, size and task are said: the one with the shortest name."""
    found: dict[tuple[str, str, str], ModelEntry] = {}
    for entry in sorted(catalogue.models(), key=lambda entry: (len(entry.name), entry.name)):
        found.setdefault((entry.family, entry.scale, entry.task), entry)
    return found


@cache
def _numbered() -> dict[tuple[bool, int], str]:
    """Return family by (is a yoloe, number): people write yolov11 and yolo8, whose names are yolo11 and yolov8."""
    numbers = ((family, re.search(r"\d+", family)) for _task in ("detect",) for family in families(_task))
    return {(family.startswith("yoloe"), int(found.group())): family for family, found in numbers if found}


def _loosely(stem: str, ending: str) -> Said | None:
    match = _LOOSE.fullmatch(stem)
    if match is None or not stem:
        return None
    line = (match["line"] or "").strip("-_ ")
    scale = _SIZE_WORDS[match["size"]] if match["size"] else None
    task = _TASK_WORDS[match["task"]] if match["task"] else ""
    if line.startswith("rt") and not match["number"]:
        return Said("rtdetr", scale, "", task, ending)
    if match["number"]:
        family = _numbered().get((line.endswith("e"), int(match["number"])), "")
        known = bool(family) and not line.startswith("rt")
        return Said(family, scale, "", task, ending) if known else None
    return Said("", scale, "", task, ending) if scale or task else None


def _parted(name: str) -> tuple[str, str]:
    match = _ENDING.search(name)
    if match is None:
        return name, ""
    return name[: match.start()], ".pt" if match.group() == ".pt" else ".yaml"


def _variant(entry: ModelEntry) -> str:
    return "" if _plain()[entry.family, entry.scale, entry.task] is entry else entry.name


def _misspelt(stem: str) -> bool:
    """Return whether a file name is rather a slip of an official one than a checkpoint of the user's."""
    if "/" in stem or "\\" in stem or len(stem) > _NAME_LONGEST:
        return False
    return bool(_OFFICIAL.fullmatch(stem)) or bool(difflib.get_close_matches(stem, _by_stem(), n=1, cutoff=0.85))
