"""What Gemini is told of a turn.

What lives here: the standing instruction, and what leaves the machine: the person's words and the facts that they may
refer to, as JSON data with ids, short and redacted. What does not: how an answer is read (``reading``), and the network
(``gemini``). Nothing that others wrote is ever part of the instruction.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

from workbench.chat.cleaning import LONGEST, clean, clean_name, folded
from workbench.chat.context import Context, DatasetFact, RunFact
from workbench.chat.redaction import PATH, redact
from workbench.chat.turn import Memory, Option, Question, Situation
from workbench.config import limits

DATASETS_MAX: Final = 40
RUNS_MAX: Final = 12
CLASSES_MAX: Final = 12
_FOCUS_MAX: Final = 6
_HERE: Final = Path(__file__).parent
_Thing = TypeVar("_Thing")


@dataclass(frozen=True)
class Message:
    """One turn as it leaves the machine, and what its ids stand for.

    Attributes:
        data: what is sent.
        datasets: id (``d1``, ...) to the name of a dataset.
        runs: id (``r1``, ...) to the id of a run.
        options: id (``o1``, ...) to an option of the question that waits for an answer.
        hidden: what was left out of the person's words, by what stands in its place; only where that is unambiguous.
    """

    data: Mapping[str, Any]
    datasets: Mapping[str, str] = field(default_factory=dict)
    runs: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Option] = field(default_factory=dict)
    hidden: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The data as JSON."""
        return json.dumps(self.data, ensure_ascii=False, separators=(",", ":"))


def message(text: str, situation: Situation) -> Message:
    """Return a turn as it is sent; the same turn gives the same message.

    Args:
        text: what the person said.
        situation: of the conversation.
    """
    context, memory = situation.context, situation.memory
    datasets = _numbered("d", _likely(text, context.datasets))
    runs = _numbered("r", _recent(context))
    options = _numbered("o", memory.pending.options if memory.pending else ())
    names = {dataset.name: key for key, dataset in datasets.items()}
    said = clean(text)[:LONGEST]
    sent = redact(said)
    data = {
        "text": sent,
        "changed": _changed(situation.values, names),
        "devices": None if context.devices is None else [fact(device) for device in context.devices],
        "datasets": [_dataset(key, dataset) for key, dataset in datasets.items()],
        "runs": [_run(key, run) for key, run in runs.items()],
        "run": next((key for key, run in runs.items() if run.id == context.run), None),
        "before": _before(memory, names, options),
    }
    return Message(
        data={name: value for name, value in data.items() if value or name in ("text", "changed")},
        datasets={key: dataset.name for key, dataset in datasets.items()},
        runs={key: run.id for key, run in runs.items()},
        options=options,
        hidden=_hidden(said, sent),
    )


@cache
def instruction() -> str:
    """Return the standing instruction: the same for every turn and every person."""
    return (_HERE / "instruction.txt").read_text(encoding="utf-8") + _fields()


@cache
def explaining() -> str:
    """Return the standing instruction for answers in prose."""
    return (_HERE / "explaining.txt").read_text(encoding="utf-8")


def fact(text: object) -> str:
    """Return text of others as it may be sent: without invisible characters, secrets and paths; 80 characters."""
    return clean_name(redact(clean(str(text))))


def _fields() -> str:
    rules = limits.rules()
    lines = []
    for name, spec in limits.fields().items():
        if name not in limits.OWNED:
            optional = ", or null" if rules[name].optional else ""
            lines.append(f"{name} = {json.dumps(limits.default(name))}: {rules[name].expected}{optional}. {spec.doc}")
    return "\n".join(lines) + "\n"


def _numbered(letter: str, things: Iterable[_Thing]) -> dict[str, _Thing]:
    return {f"{letter}{number}": thing for number, thing in enumerate(things, start=1)}


def _likely(text: str, datasets: tuple[DatasetFact, ...]) -> list[DatasetFact]:
    """Return the datasets that are sent: all, or of many those first whose words stand in ``text``."""
    said = folded(text)
    spoken = _words(said)

    def fit(dataset: DatasetFact) -> int:
        words = _words(folded(f"{dataset.name} {dataset.description} {' '.join(dataset.classes[:50])}"))
        # Korean glues particles to a word: a part counts too, though less.
        return sum((2 if word in spoken else 0) + (word in said) for word in words)

    ranked = sorted(datasets, key=fit, reverse=True) if len(datasets) > DATASETS_MAX else datasets
    return list(ranked[:DATASETS_MAX])


def _words(text: str) -> set[str]:
    return {word for word in re.split(r"[\W_]+", text) if len(word) > 1}


def _recent(context: Context) -> list[RunFact]:
    meant = [run for run in context.runs if run.id == context.run]
    return [*meant, *(run for run in context.runs if run.id != context.run)][:RUNS_MAX]


def _dataset(key: str, dataset: DatasetFact) -> dict[str, Any]:
    known = {
        "id": key,
        "name": fact(dataset.name),
        "task": fact(dataset.task),
        "images": dataset.images,
        "classes": [fact(name) for name in dataset.classes[:CLASSES_MAX]],
        "description": fact(dataset.description),
    }
    return {name: value for name, value in known.items() if value}


def _run(key: str, run: RunFact) -> dict[str, Any]:
    known = {
        "id": key,
        "name": fact(run.name),
        "kind": fact(run.kind),
        "state": fact(run.state),
        "epoch": run.epoch,
        "epochs": run.epochs,
        "result": None if run.headline is None else {fact(run.headline_name): run.headline},
    }
    return {name: value for name, value in known.items() if value not in (None, "")}


def _changed(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    # Against the defaults that the instruction names, which are not always those of the conversation.
    known = limits.fields()
    return {
        name: _value(name, value, names)
        for name, value in values.items()
        if name in known and name not in limits.OWNED and value != limits.default(name)
    }


def _before(memory: Memory, names: Mapping[str, str], options: Mapping[str, Option]) -> dict[str, Any]:
    applied = {
        name: [_value(name, value, names) for value in values]
        for name, values in list(memory.applied.items())[:_FOCUS_MAX]
    }
    known = {
        "focus": [fact(name) for name in memory.focus[:_FOCUS_MAX]],
        "intent": memory.intent,
        "applied": applied,
        "question": _question(memory.pending, options) if memory.pending else None,
    }
    return {name: value for name, value in known.items() if value}


def _question(question: Question, options: Mapping[str, Option]) -> dict[str, Any]:
    listed = [{"id": key, "label": fact(option.label)} for key, option in options.items()]
    return {"about": list(question.about), "kind": question.kind, "options": listed}


def _value(name: str, value: Any, names: Mapping[str, str]) -> Any:
    if name == "data" and value in names:
        return names[value]
    if isinstance(value, (list, tuple)):
        return [_value("", item, names) for item in value]
    return fact(value) if isinstance(value, str) else value


def _hidden(said: str, sent: str) -> dict[str, str]:
    """Return the path that was taken out of ``said``, where nothing else was."""
    before, mark, after = sent.partition(PATH)
    if not mark or not said.startswith(before) or not said.endswith(after) or len(before) + len(after) >= len(said):
        return {}
    return {PATH: said[len(before) : len(said) - len(after)]}
