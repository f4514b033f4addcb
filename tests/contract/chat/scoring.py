"""Conversations with a known outcome, and how an engine does on them.

What lives here: reading ``conversations/*.jsonl``, what counts as a failure, and the rates. What does not: the
conversations, and the bounds that the rules must keep (``test_evaluation``).

A line is ``{"id", "lang", "tags", "context", "turns", "expect"}``. ``context`` may name its ``datasets`` by a key of
``contexts.json``, where lists that many conversations share stand once. ``expect`` has of the last turn ``intent`` (one
or several that will do), ``clarify``, ``reject``, ``export`` and ``deploy``; ``config`` holds the fields that must end
at a value, ``may`` those that may end anywhere; all others must end as they began.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from workbench.chat.turn import ACTIONS

Kind = Literal[
    "missed", "wrong", "unrequested", "action", "intent", "no-clarify", "no-reject", "false-reject", "target"
]
Answer = Callable[[Mapping[str, Any], Sequence[str]], Mapping[str, Any]]
HARM: frozenset[Kind] = frozenset(("wrong", "unrequested", "action"))
# From where a conversation starts, and all that is looked at.
START: Mapping[str, Any] = {
    "model": "yolo26n.pt",
    "task": "detect",
    "data": None,
    "epochs": 100,
    "batch": 16,
    "imgsz": 640,
    "lr0": 0.01,
    "optimizer": "auto",
    "patience": 100,
    "device": None,
    "seed": 0,
    "mosaic": 1.0,
    "mixup": 0.0,
    "fliplr": 0.5,
    "flipud": 0.0,
    "degrees": 0.0,
    "time": None,
    "freeze": None,
    "cos_lr": False,
    "close_mosaic": 10,
    "weight_decay": 0.0005,
    "warmup_epochs": 3.0,
}


@dataclass(frozen=True)
class Conversation:
    """One conversation and what must come of it; ``context`` is whole."""

    id: str
    lang: str
    tags: tuple[str, ...]
    context: Mapping[str, Any]
    turns: tuple[str, ...]
    expect: Mapping[str, Any]


@dataclass(frozen=True)
class Failure:
    """One way in which an outcome is not the one that was expected."""

    kind: Kind
    what: str


@dataclass(frozen=True)
class Score:
    """How an engine does on a set of conversations.

    Attributes:
        count: of conversations.
        failures: by the id of the conversation.
        needless: ids of those in which something was asked back that need not have been.
    """

    count: int
    failures: Mapping[str, tuple[Failure, ...]]
    needless: tuple[str, ...]

    @property
    def accuracy(self) -> float:
        """The share without any failure."""
        return 1 - len(self.failures) / self.count

    @property
    def harm(self) -> float:
        """The share with a wrong or unrequested change, or an action that nobody asked for."""
        return len(self.harmed) / self.count

    @property
    def harmed(self) -> tuple[str, ...]:
        """The ids of these."""
        return tuple(name for name, found in self.failures.items() if HARM & {failure.kind for failure in found})

    @property
    def needlessness(self) -> float:
        """The share with a needless question."""
        return len(self.needless) / self.count

    def __str__(self) -> str:
        rates = f"{self.accuracy:.1%} right, harm {self.harm:.1%}, needless questions {self.needlessness:.1%}"
        lines = (f"{name}: {'; '.join(each.what for each in found)}" for name, found in self.failures.items())
        return "\n".join([f"{self.count} conversations: {rates}", *lines])


def read(path: Path) -> list[Conversation]:
    """Return the conversations of a file; shared lists of datasets stand in ``contexts.json`` beside it."""
    shared_path = path.with_name("contexts.json")
    shared = json.loads(shared_path.read_text(encoding="utf-8")) if shared_path.exists() else {}
    return [_whole(json.loads(line), shared) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def score(conversations: Iterable[Conversation], answer: Answer) -> Score:
    """Hold all conversations and return how they went; an engine that raises ends the measurement."""
    failures, needless, count = {}, [], 0
    for conversation in conversations:
        count += 1
        outcome = answer(conversation.context, conversation.turns)
        if found := tuple(failed(conversation, outcome)):
            failures[conversation.id] = found
        if outcome["clarify"] and "clarify" not in conversation.expect:
            needless.append(conversation.id)
    return Score(count, failures, tuple(needless))


def failed(conversation: Conversation, outcome: Mapping[str, Any]) -> Iterator[Failure]:
    """Yield what is otherwise than it must be."""
    expect = conversation.expect
    yield from _changes(conversation, outcome["config"])
    wanted = [expect["intent"]] if isinstance(expect["intent"], str) else expect["intent"]
    if (intent := outcome["intent"]) not in wanted:
        yield Failure("action" if intent in ACTIONS else "intent", f"{intent}, not {' or '.join(wanted)}")
    asked, refused = set(outcome["clarify"]), set(outcome["reject"])
    if (about := set(expect.get("clarify", ()))) and not about & asked:
        yield Failure("no-clarify", f"not asked about {sorted(about)}")
    if not (legal := set(expect.get("reject", ()))) <= refused:
        yield Failure("no-reject", f"not refused: {sorted(legal - refused)}")
    if refused and not legal:
        yield Failure("false-reject", f"refused: {sorted(refused)}")
    if "export" in expect and sorted(outcome["export"]) != sorted(expect["export"]):
        yield Failure("target", f"export {outcome['export']}, not {expect['export']}")
    if "deploy" in expect and outcome["deploy"] != expect["deploy"]:
        yield Failure("target", f"deploy {outcome['deploy']}, not {expect['deploy']}")


def _changes(conversation: Conversation, config: Mapping[str, Any]) -> Iterator[Failure]:
    expected, may = conversation.expect["config"], conversation.expect.get("may", ())
    for name, before in {**START, **conversation.context.get("config", {})}.items():
        after = config[name]
        kept = _same(name, after, before)
        if name not in expected:
            if not kept and name not in may:
                yield Failure("unrequested", f"{name}={after!r}")
        elif not any(_same(name, after, value) for value in _alternatives(expected[name])):
            yield Failure("missed" if kept else "wrong", f"{name}={after!r}, not {expected[name]!r}")


def _alternatives(value: Any) -> Sequence[Any]:
    return value["any_of"] if isinstance(value, dict) else [value]


def _same(name: str, one: Any, other: Any) -> bool:
    first, second = _plain(name, one), _plain(name, other)
    return bool(first == second)


def _plain(name: str, value: Any) -> Any:
    """Return a value in the form in which two that mean the same are equal."""
    if value is None or isinstance(value, bool):
        return value
    if name == "device":
        listed = value if isinstance(value, (list, tuple)) else [value]
        return (
            ",".join(str(each) for each in listed).lower().replace("cuda:", "").replace("gpu", "").replace(" ", "")
            or "0"
        )
    if isinstance(value, (int, float)):
        return round(float(value), 9)
    if name == "model":
        return value if value.endswith((".pt", ".yaml")) else f"{value}.pt"
    return value.lower() if name in ("optimizer", "task") else value


def _whole(line: Mapping[str, Any], shared: Mapping[str, Any]) -> Conversation:
    context = dict(line["context"])
    if isinstance(context.get("datasets"), str):
        context["datasets"] = shared[context["datasets"]]
    return Conversation(line["id"], line["lang"], tuple(line["tags"]), context, tuple(line["turns"]), line["expect"])
