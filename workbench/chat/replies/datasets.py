"""Datasets in words, from the facts that were handed in.

What lives here: the list of datasets, and one of them. What does not: choosing one. Names, classes and descriptions are
data that others wrote: they are cleaned, shortened and never taken for more.
"""

from __future__ import annotations

import shlex
from typing import Final

from workbench.chat.cleaning import clean, clean_name
from workbench.chat.context import Context, DatasetFact
from workbench.chat.messages import say
from workbench.chat.replies.objections import task_named
from workbench.chat.turn import Language

TOPICS: Final = ("images", "classes", "issues", "data")
_DATASETS: Final = 20
_CLASSES: Final = 8
_ALL_CLASSES: Final = 80  # of one dataset whose classes are asked for
_PROBLEMS: Final = 5
_PROBLEM_LONGEST: Final = 300  # characters


def listed(context: Context, chosen: str, language: Language) -> list[str]:
    """Return the datasets, one a line, the chosen one marked."""
    if not context.datasets:
        return [say("answer.no_datasets", language)]
    heading = say("answer.datasets", language, count=len(context.datasets))
    shown = context.datasets[:_DATASETS]
    lines = [f"- {_marked(dataset, chosen, language)}" for dataset in shown]
    left = len(context.datasets) - len(shown)
    return [heading, *lines, *([say("answer.more", language, count=left)] if left else [])]


def described(dataset: DatasetFact, language: Language) -> str:
    """Return one dataset in a line: task, images, splits, classes and description, as far as they are known."""
    key = "answer.dataset" if dataset.images else "answer.dataset_images_unknown"
    line = say(
        key,
        language,
        name=clean_name(dataset.name),
        task=task_named(dataset.task, language),
        images=dataset.images,
        splits=_splits(dataset),
        classes=_classes(dataset, language),
    )
    description = clean_name(dataset.description)
    return f"{line}, {say('answer.dataset_description', language, description=description)}" if description else line


def chosen(name: str, context: Context, language: Language) -> str:
    """Return what is known of the chosen dataset; ``name`` is empty when none is chosen."""
    if not name:
        return say("answer.no_dataset_chosen", language)
    dataset = context.dataset(name)
    if dataset is None:
        return say("answer.dataset_unknown", language, name=clean_name(name))
    return described(dataset, language)


def about(topic: str, dataset: DatasetFact, chosen: str, language: Language) -> list[str]:
    """Return what is known of one dataset on one of ``TOPICS``.

    Args:
        topic: which one.
        dataset: of the workspace.
        chosen: the dataset that the config names.
        language: of the person.
    """
    name = clean_name(dataset.name)
    if topic == "images":
        key = "answer.images" if dataset.images else "answer.images_unknown"
        return [say(key, language, name=name, images=dataset.images, splits=_splits(dataset))]
    if topic == "classes":
        return [say("answer.classes_of", language, name=name, classes=_classes(dataset, language, _ALL_CLASSES))]
    return _problems(dataset, language) if topic == "issues" else [_marked(dataset, chosen, language)]


def _problems(dataset: DatasetFact, language: Language) -> list[str]:
    """Return what was found when the dataset was registered or checked last."""
    name, found = clean_name(dataset.name), dataset.problems
    told = {"name": name, "command": f"workbench datasets check {shlex.quote(name)}"}
    if found is None:
        return [say("answer.problems_unknown", language, **told)]
    if not found:
        return [say("answer.problems_none", language, **told)]
    key = "answer.problems_blocking" if dataset.blocking else "answer.problems"
    lines = [f"- {clean(problem)[:_PROBLEM_LONGEST]}" for problem in found[:_PROBLEMS]]
    return [say(key, language, count=len(found), **told), *lines]


def _marked(dataset: DatasetFact, chosen: str, language: Language) -> str:
    line = described(dataset, language)
    return f"{line} {say('answer.dataset_chosen', language)}" if dataset.name == chosen else line


def _splits(dataset: DatasetFact) -> str:
    told = ", ".join(f"{clean_name(split)} {count:,}" for split, count in dataset.splits.items())
    return f" ({told})" if told else ""


def _classes(dataset: DatasetFact, language: Language, most: int = _CLASSES) -> str:
    if not dataset.classes:
        return say("answer.classes_none", language)
    names = ", ".join(clean_name(name) for name in dataset.classes[:most])
    more = ", …" if len(dataset.classes) > most else ""
    return say("answer.classes", language, count=len(dataset.classes), names=f"{names}{more}")
