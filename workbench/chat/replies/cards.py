"""What a card asks, in words.

What lives here: the sentence over the buttons of a card. What does not: the card itself, whose room is above this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from workbench.chat.cleaning import clean_name
from workbench.chat.messages import has, say, shown
from workbench.chat.replies.changes import settings
from workbench.chat.turn import Language
from workbench.config.schema import DEFAULTS

_SAID: Final = ("model", "task", "data", "epochs", "time", "batch", "imgsz", "device")
_MORE: Final = 12


class CardLike(Protocol):
    """As much of a card as is said."""

    @property
    def action(self) -> str:
        """One of ``turn.ACTIONS``."""
        ...

    @property
    def what(self) -> Mapping[str, Any]:
        """What exactly would be done."""
        ...


def asked(card: CardLike, values: Mapping[str, Any], language: Language) -> list[str]:
    """Return what a card asks, and that nothing happens before it is confirmed.

    Args:
        card: the action.
        values: every field of the config that it was made for.
        language: of the person.
    """
    if card.action == "start":
        lines = _trained("start", card, values, language)
    else:
        lines = [_other(card, language), *_of_run(card, language), *_served(card, language)]
    return [*lines, say("card.confirm", language)]


def _of_run(card: CardLike, language: Language) -> list[str]:
    """Return what a run that goes on, or is done again, trains; nothing when that is not known."""
    config = card.what.get("trains")
    return _trained("trains", card, {**DEFAULTS, **config}, language) if config else []


def _served(card: CardLike, language: Language) -> list[str]:
    """Return which export a deployment serves; nothing when that is not known."""
    if not card.what.get("export"):
        return []
    proof = say(f"label.proof.{card.what.get('proof', 'unknown')}", language)
    told = {name: clean_name(str(card.what.get(name, ""))) for name in ("export", "format")}
    return [say("card.serves", language, proof=proof, **told)]


def _trained(what: str, card: CardLike, values: Mapping[str, Any], language: Language) -> list[str]:
    key = f"card.{what}" if values["time"] is None else f"card.{what}_timed"
    told = {name: clean_name(shown(name, values[name], language)) for name in _SAID if name != "epochs"}
    line = say(key, language, **told, epochs=values["epochs"])
    config = card.what.get("config") or card.what.get("trains") or {}
    more = {name: value for name, value in config.items() if name not in _SAID}
    if not more:
        return [line]
    first = dict(list(more.items())[:_MORE])
    changes = settings(first, language)
    left = say("answer.more", language, count=len(more) - len(first)) if len(more) > len(first) else ""
    return [line, say("card.more", language, changes=f"{changes} {left}".strip())]


def _other(card: CardLike, language: Language) -> str:
    kind = str(card.what.get("deployment", "endpoint"))
    key = f"label.deployment.{kind}"
    return say(
        f"card.{card.action}",
        language,
        run=clean_name(str(card.what.get("run", ""))),
        formats=", ".join(clean_name(str(name)) for name in card.what.get("formats", ())),
        deployment=say(key, language) if has(key) else clean_name(kind),
    )
