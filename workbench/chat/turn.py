"""The contract of one turn: what an engine understood of what a person said.

What lives here: ``TurnProposal``, which every engine returns. What does not: deciding what of it is applied
(``judge``). A proposal is no order: it names changes of the config and at most one action, and neither happens by
itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, get_args, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from workbench.chat.context import Context

Intent = Literal[
    "configure",
    "ask",
    "explain",
    "help",
    "compare",
    "status",
    "list_datasets",
    "start",
    "stop",
    "restart",
    "resume",
    "export",
    "deploy",
    "undo",
    "reset",
    "out_of_scope",
]
Language = Literal["en", "ko"]
Value = bool | int | float | str | list[int] | list[str] | None

INTENTS: Final[tuple[Intent, ...]] = get_args(Intent)
# What these do costs time or is seen by others: a person confirms it, on a card that shows what exactly.
ACTIONS: Final[tuple[Intent, ...]] = ("start", "stop", "restart", "resume", "export", "deploy")
DEPLOYMENT_KINDS: Final = ("endpoint", "edge", "container", "download")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Op(_Part):
    """One change of one field.

    Attributes:
        field: a key of the training config.
        op: ``set`` to ``value``; ``scale`` by a factor; ``add`` an amount (may be negative); ``unset``: back to the
            default. ``add`` on ``model`` steps through the sizes.
        value: for ``set`` the value itself; of ``model`` also a part of a name: a size (``m``) or a family
            (``yolo11``). For ``scale`` and ``add`` a number; nothing for ``unset``.
        evidence: the user's own words that ask for it, as they stand in the text.
    """

    field: str
    op: Literal["set", "scale", "add", "unset"] = "set"
    value: Value = None
    evidence: str = ""


class Option(_Part):
    """A button under a question.

    Attributes:
        label: what it shows.
        ops: what a click on it changes.
    """

    label: str
    ops: tuple[Op, ...] = ()


class Question(_Part):
    """What must be known before a change can be made.

    Attributes:
        about: the fields that the answer may change, the likeliest first.
        kind: ``amount`` (by how much, to what), ``which`` (of several fields), ``dataset`` (of several, or none yet),
            ``other`` (the text says it all).
        options: two to four buttons.
        text: the question in words, when the engine has its own.
    """

    about: tuple[str, ...]
    kind: Literal["amount", "which", "dataset", "other"] = "amount"
    options: tuple[Option, ...] = Field(default=(), max_length=6)
    text: str = ""


class Target(_Part):
    """What an action, an undo or an answer is about.

    Attributes:
        formats: of an export, e.g. ``("onnx", "engine")``.
        deployment: endpoint, edge, container or download.
        run: the id of a run, where one was named.
        runs: the ids of the runs to compare.
        dataset: the name of the dataset that a question is about.
        steps: how many changes to undo or, with ``redo``, to do again.
        redo: whether what was undone is wanted back.
    """

    formats: tuple[str, ...] = ()
    deployment: Literal["endpoint", "edge", "container", "download"] | None = None
    run: str | None = None
    runs: tuple[str, ...] = ()
    dataset: str | None = None
    steps: int = Field(default=1, ge=1, le=100)
    redo: bool = False


class TurnProposal(_Part):
    """What an engine understood of one turn.

    Attributes:
        intent: what the person wants; an action goes before a change when a turn has both.
        ops: the changes of the config, in the order in which they were said.
        questions: at most one is asked.
        about: the fields or concepts that a question is about, or that an undo or a reset is limited to.
        target: what an action or an undo is about.
        reply: words of the engine's own, for a question that nothing of ours answers; they are shown as such.
        unknown: words that named a value or a thing that does not exist, by field, e.g. ``{"data": "helmets-9"}``.
        language: of the person, in which the reply is written.
    """

    intent: Intent = "configure"
    ops: tuple[Op, ...] = Field(default=(), max_length=40)
    questions: tuple[Question, ...] = ()
    about: tuple[str, ...] = ()
    target: Target = Target()
    reply: str = ""
    unknown: dict[str, str] = Field(default_factory=dict)
    language: Language = "en"


@dataclass(frozen=True)
class Memory:
    """What was said before, as far as a turn may refer to it.

    Attributes:
        focus: the fields of the turns before, the last one's first: what "it" means.
        pending: the question that waits for an answer.
        applied: the last change: field to (before, after).
        dataset: the one that was spoken of last: what "that data" means.
        supposed: values that the last turn only asked about: field to value.
        text: of the last turn that changed something: what "once more" means.
        target: of the last turn: what "both" or "that run" means.
        intent: of the last turn.
        language: of the last turn.
    """

    focus: tuple[str, ...] = ()
    pending: Question | None = None
    applied: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    dataset: str | None = None
    supposed: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    target: Target = field(default_factory=Target)
    intent: Intent | None = None
    language: Language = "en"


@dataclass(frozen=True)
class Situation:
    """What an engine sees of a conversation.

    Attributes:
        values: every field of the config as it is now.
        base: the defaults: what ``unset`` goes back to.
        context: the datasets, runs and devices that may be talked about.
        memory: what was said before.
    """

    values: Mapping[str, Any]
    base: Mapping[str, Any]
    context: Context = field(default_factory=Context)
    memory: Memory = Memory()


@dataclass(frozen=True)
class Usage:
    """What a turn cost: tokens sent, answered and thought; zeros for the rules."""

    prompt: int = 0
    answer: int = 0
    thought: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.prompt + self.answer + self.thought

    def __add__(self, other: Usage) -> Usage:
        """Return what both cost together."""
        return Usage(self.prompt + other.prompt, self.answer + other.answer, self.thought + other.thought)


@dataclass(frozen=True)
class Understood:
    """What an engine returns: the proposal, and how it came about.

    Attributes:
        proposal: see there.
        engine: ``rules`` or ``gemini``.
        fallback: why another engine than the one that was asked for has answered: a key of the messages, e.g.
            ``gemini_timeout``; empty when none had to.
        held: an action that was proposed and not asked for; it is not offered.
        detail: what the service said, for the curious; no secret is in it.
        usage: tokens.
        sent: the JSON that left the machine; empty for the rules.
        words: the engine's own, to a question that nothing of ours answers; nobody vouches for them.
        cut_off: whether such words were wanted and did not come, or not all of them.
    """

    proposal: TurnProposal
    engine: Literal["rules", "gemini"] = "rules"
    fallback: str = ""
    held: Intent | None = None
    detail: str = ""
    usage: Usage = Usage()
    sent: Mapping[str, Any] = field(default_factory=dict)
    words: str = ""
    cut_off: bool = False


class Engine(Protocol):
    """Whatever understands a turn."""

    def understand(self, text: str, situation: Situation) -> Understood:
        """Return what ``text`` means in ``situation``; never raises for what a person wrote."""
        ...


class Words(Iterator[str], Protocol):
    """An answer in an engine's own words, piece by piece.

    Attributes:
        text: what has come in so far.
        fallback: afterwards, why it is not complete: a key of the messages; empty when it is.
        usage: tokens.
    """

    text: str
    fallback: str
    usage: Usage


@runtime_checkable
class Speaker(Engine, Protocol):
    """An engine that can also answer in words of its own."""

    def prose(self, text: str, situation: Situation, spent_s: float = 0.0) -> Words:
        """Return an answer to ``text``, as it comes in, of a turn whose time is gone by ``spent_s``; never raises."""
        ...


OnText = Callable[[str], None]  # is given the words of an engine as they come in
