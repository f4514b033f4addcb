"""What a conversation consists of: turns, and the clicks among them.

What lives here: the records and their JSON. What does not: how they come about (``deciding``), what they add up to
(``state``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from workbench.chat.cards import Card
from workbench.chat.judge.verdict import Note, Refusal, shown
from workbench.chat.redaction import redact_secrets
from workbench.chat.turn import Intent, Language, Op, Question, Target, Usage
from workbench.config.patch import Change, tupled

_FREE: Final = Usage()
_NOTHING: Final = Target()


@dataclass(frozen=True)
class Click:
    """What was clicked, or said in as few words: "no" to a card, the number of an option.

    Attributes:
        kind: a suggestion that was accepted, an option under a question, a card that was declined, one that was only
            shown again, or one of the buttons.
        turn: where it stands; of an undo the turn that is taken back, or empty for the last one.
        index: which one of its suggestions or options, counted from 0.
        steps: of an undo or a redo.
        fields: what an undo or a reset is limited to.
    """

    kind: Literal["accept", "answer", "decline", "remind", "undo", "redo", "reset"]
    turn: str = ""
    index: int = 0
    steps: int = 1
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Turn:
    """One thing that somebody said, edited in the form or clicked, and what came of it.

    Attributes:
        id: ``"1"``, ``"2"``, … in the order of the log.
        at: UTC, ISO 8601.
        text: what was said, without control characters and secrets; empty for the form; of a click the words
            on it, if any.
        by: through what it came in.
        language: of the reply.
        intent: what was wanted.
        changes: what is otherwise now, one a field; also what an undo brought back.
        refusals: what was not possible.
        suggestions: what an engine proposed and nobody asked for; a click accepts one.
        notes: what else the person should know.
        question: what is asked back.
        card: the action that waits for a confirmation, as it stands now.
        reply: the answer as plain text.
        engine: ``rules`` or ``gemini``; empty for the form, for clicks, and for what no engine had to understand.
        fallback: why another engine has answered than was asked for: a key of the messages.
        detail: what the service said; of a fault of ours the traceback.
        usage: tokens.
        sent: the JSON that left the machine.
        about: the fields and concepts that were asked about.
        target: what an action, an undo or an answer was about.
        click: what was clicked.
        accepted: the suggestions that were accepted since.
        answered: the option that was chosen since.
    """

    id: str
    at: str
    text: str = ""
    by: Literal["chat", "form", "click"] = "chat"
    language: Language = "en"
    intent: Intent = "configure"
    changes: tuple[Change, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    suggestions: tuple[Op, ...] = ()
    notes: tuple[Note, ...] = ()
    question: Question | None = None
    card: Card | None = None
    reply: str = ""
    engine: str = ""
    fallback: str = ""
    detail: str = ""
    usage: Usage = _FREE
    sent: Mapping[str, Any] = field(default_factory=dict)
    about: tuple[str, ...] = ()
    target: Target = _NOTHING
    click: Click | None = None
    accepted: tuple[int, ...] = ()
    answered: int | None = None

    def to_payload(self) -> dict[str, Any]:
        """Return the turn as JSON-able data, without secrets."""
        payload = {
            **{name: value for name, value in vars(self).items() if name not in _RECORDS},
            "changes": [change.to_payload() for change in self.changes],
            "refusals": [refusal.to_payload() for refusal in self.refusals],
            "suggestions": [op.model_dump(mode="json") for op in self.suggestions],
            "notes": [note.to_payload() for note in self.notes],
            "question": self.question.model_dump(mode="json") if self.question else None,
            "target": self.target.model_dump(mode="json"),
            "usage": dict(vars(self.usage)),
            "card": dict(vars(self.card)) if self.card else None,
            "click": dict(vars(self.click)) if self.click else None,
        }
        kept: dict[str, Any] = storable(payload)
        return kept

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Turn:
        """Read what ``to_payload`` wrote; what a newer version added is left out.

        Raises:
            KeyError: when something is missing.
            TypeError: when something is of another kind.
            pydantic.ValidationError: when a suggestion or a question is none.
        """
        card, click, question = payload.get("card"), payload.get("click"), payload.get("question")
        plain = {name: payload[name] for name in _PLAIN if name in payload}
        return cls(
            **plain,
            changes=tuple(_change(each) for each in payload["changes"]),
            refusals=tuple(Refusal.from_payload(each) for each in payload["refusals"]),
            suggestions=tuple(Op.model_validate(each) for each in payload["suggestions"]),
            notes=tuple(Note.from_payload(each) for each in payload["notes"]),
            question=Question.model_validate(question) if question else None,
            target=Target.model_validate(payload["target"]),
            usage=Usage(**payload["usage"]),
            card=Card(**card) if card else None,
            click=Click(**{**click, "fields": tuple(click["fields"])}) if click else None,
            about=tuple(payload["about"]),
            accepted=tuple(payload["accepted"]),
        )


_RECORDS: Final = frozenset({"question", "target", "usage", "card", "click"})
_PLAIN: Final = (
    *("id", "at", "text", "by", "language", "intent", "reply"),
    *("engine", "fallback", "detail", "sent", "answered"),
)
# Values of the config and of a card are done as they stand: taking a part out of them would do something else.
_EXACT: Final = frozenset({"before", "after", "what"})


def storable(value: Any) -> Any:
    """Return ``value`` as JSON can hold it, and without the secrets that somebody typed or a service repeated."""
    if isinstance(value, str):
        return redact_secrets(value.encode("utf-8", "replace").decode())
    if isinstance(value, Mapping):
        return {str(key): item if key in _EXACT else storable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [storable(item) for item in value]
    return value if isinstance(value, float) else shown(value)


def now() -> str:
    """Return the time as ``2026-11-22T20:53:00.123Z`` (UTC)."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _change(payload: Mapping[str, Any]) -> Change:
    return Change(**{**payload, "before": tupled(payload["before"]), "after": tupled(payload["after"])})
