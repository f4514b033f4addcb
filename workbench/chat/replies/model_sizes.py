"""The sizes of a family of models with their figures.

What lives here: parameters and GFLOPs as the catalogue of models has them. What does not: measuring a model.
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.chat.messages import figure, say
from workbench.chat.replies.objections import task_named
from workbench.chat.turn import Language
from workbench.config import catalogue
from workbench.errors import ModelError


@dataclass(frozen=True)
class Figures:
    """How large a model is.

    Attributes:
        parameters: their number.
        gflops: for one image of the model file's usual size.
    """

    parameters: int
    gflops: float

    @property
    def millions(self) -> str:
        """The parameters in millions, with three digits."""
        return figure(float(f"{self.parameters / 1e6:.3g}"))


def figures(model: str) -> Figures | None:
    """Return the figures of a model; ``None`` when it is not in the catalogue, or the catalogue has none."""
    entry = _entry(model)
    if entry is None or entry.parameters is None or not entry.gflops:
        return None
    return Figures(entry.parameters, entry.gflops)


def sizes(model: str, language: Language) -> list[str]:
    """Return the sizes of the family of ``model`` for its task, one a line; nothing for a model of one's own."""
    chosen = _entry(model)
    if chosen is None:
        return []
    shape = chosen.name.replace(f"{chosen.family}{chosen.scale}", "", 1)
    same = [
        entry
        for entry in catalogue.models()
        if entry.family == chosen.family
        and entry.task == chosen.task
        and entry.name == f"{entry.family}{entry.scale}{shape}"
    ]
    heading = say("answer.sizes", language, family=chosen.family, task=task_named(chosen.task, language))
    return [heading, *(f"- {_line(entry, entry == chosen, language)}" for entry in same)]


def _line(entry: catalogue.ModelEntry, chosen: bool, language: Language) -> str:
    found = figures(entry.name)
    if found is None:
        return say("answer.size_unknown", language, name=entry.name)
    key = "answer.size_current" if chosen else "answer.size"
    return say(key, language, name=entry.name, parameters=found.millions, gflops=found.gflops)


def _entry(model: str) -> catalogue.ModelEntry | None:
    try:
        return catalogue.find(model)
    except ModelError:
        return None
