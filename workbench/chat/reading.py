"""How an answer of Gemini is read: held against a schema of our own, and turned into a ``TurnProposal``.

What lives here: the schema, the form of it that Gemini is sent, and the way back from ids to names. What does not:
deciding what of a proposal is applied (``judge``). An answer that breaks the schema in one place is not read at all.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from functools import cache
from typing import Annotated, Any, Final, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from workbench.chat.cleaning import clean
from workbench.chat.prompt import Message
from workbench.chat.redaction import PATH, SECRET
from workbench.chat.turn import Intent, Language, Op, Option, Question, Target, TurnProposal, Value
from workbench.config import limits
from workbench.config.rules import Choice, OneOf, Rule, Text

# Words to these may be shown, as Gemini's; what was changed or started is said by the workbench, from what it has done.
PROSE: Final = ("ask", "explain", "compare")
FORMATS: Final = (*limits.FORMATS, "tflite")  # the last is what people still call litert
_Word = Annotated[str, Field(max_length=200)]
_Words = Annotated[str, Field(max_length=4000)]
_Choices = Annotated[tuple[bool | int | float | str, ...], Field(max_length=6)]
_SENT: Final = ("type", "enum", "anyOf", "items", "properties", "required")  # what Gemini is sent of the schema


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class SaidOp(_Part):
    """One change, as Gemini says it."""

    evidence: _Words
    field: _Word
    op: Literal["set", "scale", "add", "unset"]
    value: Value = None

    @model_validator(mode="after")
    def _of_its_kind(self) -> Self:
        number = isinstance(self.value, (int, float)) and not isinstance(self.value, bool)
        if self.op in ("scale", "add") and not number:
            raise _broken(f"{self.op} needs a number")
        rule = _rules().get(self.field)
        numeric = rule is not None and not _worded(rule)
        if self.op == "set" and numeric and isinstance(self.value, str):
            raise _broken(f"{self.field} is no text")
        return self


class Picked(_Part):
    """A dataset, or an option of a question, with the words that chose it."""

    evidence: _Words
    id: _Word


class Asked(_Part):
    """A question to the person."""

    kind: Literal["amount", "which", "dataset", "other"]
    about: Annotated[tuple[_Word, ...], Field(max_length=10)] = ()
    choices: _Choices = ()
    text: _Words = ""


class Missing(_Part):
    """Words that name what does not exist."""

    field: _Word
    words: _Word


class Reply(_Part):
    """One turn, as Gemini says it; the ids are held against the message that was sent (the validation's context)."""

    language: Language
    intent: Intent
    ops: Annotated[tuple[SaidOp, ...], Field(max_length=40)]
    dataset: Picked | None = None
    option: Picked | None = None
    question: Asked | None = None
    about: Annotated[tuple[_Word, ...], Field(max_length=20)] = ()
    formats: Annotated[tuple[_Word, ...], Field(max_length=20)] = ()
    deployment: Literal["endpoint", "edge", "container", "download"] | None = None
    run: _Word | None = None
    runs: Annotated[tuple[_Word, ...], Field(max_length=20)] = ()
    steps: Annotated[int, Field(ge=1, le=100)] = 1
    redo: bool = False
    unknown: Annotated[tuple[Missing, ...], Field(max_length=10)] = ()
    reply: _Words = ""

    @model_validator(mode="after")
    def _of_the_message(self, info: ValidationInfo) -> Self:
        sent = cast("Message", info.context)
        asked = self.question.choices if self.question and self.question.kind == "dataset" else ()
        named: dict[str, tuple[Iterable[Any], Container[Any]]] = {
            "dataset": ((self.dataset.id,) if self.dataset else (), sent.datasets),
            "question": (asked, sent.datasets),
            "option": ((self.option.id,) if self.option else (), sent.options),
            "run": ((self.run,) if self.run else (), sent.runs),
            "runs": (self.runs, sent.runs),
            "formats": (self.formats, FORMATS),
        }
        for name, (words, known) in named.items():
            if any(word not in known for word in words):
                raise _broken(f"{name} has a word that is none of those that were sent")
        return self


def read(text: str, message: Message) -> TurnProposal:
    """Return what Gemini's answer proposes.

    Args:
        text: the answer, which ought to be JSON.
        message: what was asked.

    Raises:
        ValueError: when it is no JSON, or breaks the schema anywhere (pydantic's ``ValidationError`` is one).
    """
    reply = Reply.model_validate_json(text, context=message)
    return TurnProposal(
        intent=reply.intent,
        ops=tuple(_ops(reply, message)),
        questions=(_question(reply.question, message),) if reply.question else (),
        about=reply.about,
        target=_target(reply, message),
        reply=plain(reply.reply) if reply.intent in PROSE else "",
        unknown={missing.field: clean(missing.words) for missing in reply.unknown},
        language=reply.language,
    )


def schema(message: Message) -> dict[str, Any]:
    """Return the schema as Gemini is sent it: without limits of length, which it counts as states, and with the ids."""
    whole = Reply.model_json_schema()
    sent: dict[str, Any] = _sent(whole, whole["$defs"])
    parts = sent["properties"]
    parts["dataset"] = _picked(parts["dataset"], list(message.datasets))
    parts["option"] = _picked(parts["option"], list(message.options))
    parts["formats"] = {"type": "array", "items": {"type": "string", "enum": list(FORMATS)}}
    parts["run"] = {"type": "string", "enum": list(message.runs)}
    parts["runs"] = {"type": "array", "items": parts["run"]}
    for name, known in (("dataset", message.datasets), ("option", message.options), ("run", message.runs)):
        if not known:
            del parts[name]
    if not message.runs:
        del parts["runs"]
    return sent


def plain(text: str) -> str:
    """Return prose as it is shown: its words and lines, and nothing invisible."""
    return "\n".join(clean(line) for line in text.splitlines()).strip()


def flowing(chunk: str) -> str:
    """Return a piece of prose as it is shown, with the blanks and lines at its ends."""
    parts = re.split(r"(\s+)", chunk)
    return "".join(("\n" if "\n" in part else " ") if part.isspace() else clean(part) for part in parts)


def reason(error: ValueError) -> str:
    """Return in one line why an answer could not be read."""
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        return clean(f"{'.'.join(map(str, first['loc'][:4]))}: {first['msg']}"[:200]).removeprefix(": ")
    return type(error).__name__


@cache
def _rules() -> dict[str, Rule]:
    return limits.rules()


def _worded(rule: Rule) -> bool:
    """Return whether text may be a value."""
    if isinstance(rule, OneOf):
        return bool(rule.aliases) or any(_worded(other) for other in rule.rules)
    return isinstance(rule, (Choice, Text))


def _broken(reason: str) -> PydanticCustomError:
    return PydanticCustomError("broken", "{reason}", {"reason": reason})


def _ops(reply: Reply, message: Message) -> list[Op]:
    ops = []
    if reply.option:
        ops += [_quoted(op, reply.option.evidence) for op in message.options[reply.option.id].ops]
    if reply.dataset:
        name = message.datasets[reply.dataset.id]
        ops.append(Op(field="data", value=name, evidence=_shown(reply.dataset.evidence, message)))
    for said in reply.ops:
        value = _shown(said.value, message) if isinstance(said.value, str) else said.value
        ops.append(Op(field=said.field, op=said.op, value=value, evidence=_shown(said.evidence, message)))
    return [_named(op, message) for op in ops if not _unseen(op.value)]


def _quoted(op: Op, evidence: str) -> Op:
    return op.model_copy(update={"evidence": evidence})


def _named(op: Op, message: Message) -> Op:
    """Return ``op`` without what is no value: an id where a name belongs, anything at all where nothing does."""
    if op.op == "unset":
        return op.model_copy(update={"value": None})
    known = op.field == "data" and isinstance(op.value, str) and op.value in message.datasets
    return op.model_copy(update={"value": message.datasets[str(op.value)]}) if known else op


def _unseen(value: Value) -> bool:
    """Return whether a value is the mark of something that Gemini was not shown."""
    return isinstance(value, str) and (PATH in value or SECRET in value)


def _shown(text: str, message: Message) -> str:
    for mark, original in message.hidden.items():
        text = text.replace(mark, original)
    return text


def _question(asked: Asked, message: Message) -> Question:
    return Question(
        about=("data",) if asked.kind == "dataset" else asked.about,
        kind=asked.kind,
        options=tuple(_options(asked, message))[:4],
        text=plain(asked.text),
    )


def _options(asked: Asked, message: Message) -> list[Option]:
    if asked.kind == "dataset":
        names = [message.datasets[str(key)] for key in asked.choices]
        return [Option(label=name, ops=(Op(field="data", value=name),)) for name in names]
    if not asked.about or not asked.choices or asked.kind == "other":
        return []
    if asked.kind == "which":
        pairs = [(name, asked.choices[0]) for name in asked.about]
    else:
        pairs = [(asked.about[0], value) for value in asked.choices]
    return [Option(label=f"{name} {value}", ops=(Op(field=name, value=value),)) for name, value in pairs]


def _target(reply: Reply, message: Message) -> Target:
    return Target(
        formats=reply.formats,
        deployment=reply.deployment,
        run=message.runs[reply.run] if reply.run else None,
        runs=tuple(message.runs[key] for key in reply.runs),
        steps=reply.steps,
        redo=reply.redo,
    )


def _sent(node: Any, parts: dict[str, Any]) -> Any:
    if "$ref" in node:
        return _sent(parts[node["$ref"].rpartition("/")[2]], parts)
    sent: dict[str, Any] = {"enum": [node["const"]]} if "const" in node else {}
    for name in _SENT:
        if name in node:
            sent[name] = node[name]
    if "properties" in sent:
        sent["properties"] = {name: _sent(part, parts) for name, part in sent["properties"].items()}
    if "anyOf" in sent:
        sent["anyOf"] = [_sent(part, parts) for part in sent["anyOf"]]
        present = [part for part in sent["anyOf"] if part.get("type") != "null"]
        return present[0] if len(present) == 1 else sent
    if "items" in sent:
        sent["items"] = _sent(sent["items"], parts)
    return sent


def _picked(part: dict[str, Any], ids: list[str]) -> dict[str, Any]:
    return {**part, "properties": {**part["properties"], "id": {"type": "string", "enum": ids}}}
