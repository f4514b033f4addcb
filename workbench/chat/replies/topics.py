"""What a question can be about: fields, concepts such as early stopping, datasets, runs.

What lives here: the fields that belong to each concept, and telling what a question is about. What does not: their
words and paragraphs, which are in the catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final, Literal

from workbench.chat.cleaning import folded
from workbench.chat.context import Context
from workbench.chat.messages import concepts, field
from workbench.chat.turn import Language
from workbench.config import limits

_LANGUAGES: Final[tuple[Language, ...]] = ("en", "ko")

# Concept to its fields: the first concept of a field is the one that explains it.
FIELDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "early_stopping": ("patience",),
        "overfitting": (),
        "underfitting": (),
        "mosaic": ("mosaic",),
        "mosaic_closing": ("close_mosaic",),
        "warmup": ("warmup_epochs", "warmup_momentum", "warmup_bias_lr"),
        "learning_rate": ("lr0", "lrf", "cos_lr"),
        "optimizer": ("optimizer",),
        "batch_memory": ("batch",),
        "accumulation": ("nbs",),
        "image_size": ("imgsz",),
        "model_size": ("model",),
        "map": (),
        "precision_recall": (),
        "loss": ("box", "cls", "dfl"),
        "epoch": ("epochs",),
        "pretrained": ("pretrained",),
        "freezing": ("freeze",),
        "mixed_precision": ("amp",),
        "seed": ("seed", "deterministic"),
        "export_format": ("format",),
        "onnx": (),
        "tensorrt": (),
        "torchscript": (),
        "coreml": (),
        "litert": (),
        "openvino": (),
        "quantization": ("quantize",),
        "deployment": (),
        "endpoint": (),
        "edge": (),
        "container": (),
        "download": (),
        "confidence": ("conf",),
        "iou": ("iou",),
        "class_imbalance": ("cls_pw",),
        "augmentation": (),
        "splits": ("split",),
        "distillation": ("distill_model",),
    }
)
CONCEPT_OF: Final = MappingProxyType({name: concept for concept, names in FIELDS.items() for name in names})


@dataclass(frozen=True)
class Topic:
    """What a question is about.

    Attributes:
        kind: a field, a concept, or a dataset or run of the context.
        name: which one.
        value: the value that a what-if asks about; ``...`` without one.
    """

    kind: Literal["field", "concept", "dataset", "run"]
    name: str
    value: Any = ...


def topic(about: str, context: Context) -> Topic | None:
    """Return what an entry of a proposal's ``about`` names; ``None`` when it is nothing that is known here.

    Args:
        about: a field, a concept by its id or its words, a dataset, a run, or a what-if such as ``epochs=500``.
        context: whose datasets and runs may be meant.
    """
    name, given, text = about.partition("=")
    name = name.strip()
    if name in limits.fields():
        return Topic("field", name, limits.rules()[name].read(text.strip()) if given else ...)
    if name in FIELDS:
        return Topic("concept", name)
    if context.dataset(name) is not None:
        return Topic("dataset", name)
    if any(name in (run.id, run.name) for run in context.runs):
        return Topic("run", name)
    return _by_words().get(folded(name.replace("_", " ")))


@cache
def _by_words() -> Mapping[str, Topic]:
    by_label = {
        folded(field(name, lang).label): Topic("field", name) for name in limits.fields() for lang in _LANGUAGES
    }
    by_word = {folded(word): Topic("concept", name) for name, each in concepts().items() for word in each}
    return MappingProxyType({**by_word, **by_label})
