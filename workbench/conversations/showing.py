"""What a person is shown beside the reply of a turn, in the turn's language.

What lives here: labels of options, settings, what became of a card, and errors, as plain text for a terminal and a
notebook alike. What does not: the reply, which comes with the turn, and how parts are laid out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.chat import messages
from workbench.chat.cards import Card
from workbench.chat.cleaning import clean, clean_name
from workbench.chat.records import Turn
from workbench.chat.turn import Language
from workbench.errors import WorkbenchError


def reply(turn: Turn) -> str:
    """Return the reply for whoever is shown its ``options`` as a list: they do not stand in it a second time."""
    labels = [clean_name(option.label) for option in turn.question.options] if turn.question else []
    choices = messages.say("question.options", turn.language, options=" / ".join(labels))
    return turn.reply.removesuffix(choices).rstrip() if labels else turn.reply


def options(turn: Turn) -> list[str]:
    """Return the labels of the answers that a question offers; none without a question."""
    return [clean(option.label) for option in turn.question.options] if turn.question else []


def usage(turn: Turn) -> str:
    """Return what a turn cost, in tokens; empty when it cost nothing."""
    if not turn.usage.total:
        return ""
    return messages.say("terminal.say.usage", turn.language, engine="gemini", tokens=turn.usage.total)


def settings(values: Mapping[str, Any], language: Language) -> list[str]:
    """Return fields with their values, one a line."""
    return [
        f"{messages.named(field, language)}: {clean(messages.shown(field, value, language))}"
        for field, value in values.items()
    ]


def outcome(card: Card, language: Language) -> str:
    """Return what became of a card: where the run stands, or what went wrong; empty while it is open."""
    if card.state == "open":
        return ""
    found = {name: clean(str(value)) for name, value in card.result.items()}
    if card.state == "failed":
        return messages.say("card.failed", language, reason=found.get("error", ""))
    if "url" in found:
        return messages.say("terminal.outcome.deployed", language, name=found["name"], url=found["url"])
    if card.state == "done" and "run" in found:
        state = messages.say(f"label.state.{found.get('state', 'unknown')}", language)
        return messages.say("terminal.outcome.run", language, run=found["run"], state=state)
    return messages.say(f"card.{card.state}", language, action=messages.say(f"label.intent.{card.action}", language))


def problem(kind: type[WorkbenchError], key: str, language: Language, **values: Any) -> WorkbenchError:
    """Return an error whose three beats stand in the catalogue under ``conversation.<key>``, with ``values`` filled in.

    Raises:
        UnknownNameError: when the catalogue has no such error, or a value for it is missing.
    """
    beats = (
        messages.say(f"conversation.{key}.{beat}", language, **values) for beat in ("happened", "expected", "todo")
    )
    return kind(*beats, key=key, **values)


def told(error: WorkbenchError, language: Language) -> WorkbenchError:
    """Return an error in ``language``, when the catalogue has it; most of the workbench's are in English alone."""
    values = dict(error.fields)
    key = values.pop("key", None)
    if isinstance(key, str) and messages.has(f"conversation.{key}.happened"):
        return problem(type(error), key, language, **values)
    return error


def reason(error: BaseException, language: Language) -> str:
    """Return what an error says, in ``language`` when it can be; of one that says nothing, its kind."""
    return str(told(error, language) if isinstance(error, WorkbenchError) else error) or type(error).__name__


def is_korean(line: str) -> bool:
    """Return whether a line has Hangul in it."""
    return any("가" <= char <= "힣" or "ㄱ" <= char <= "ㅣ" for char in line)
