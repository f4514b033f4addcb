"""What is answered to a greeting, to thanks, and to a goal such as "make it faster".

What lives here: which of them a text is, and the answer. What does not: changing anything: which setting serves a goal
is the person's to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from workbench.chat.messages import field, named, say, says_only, shown
from workbench.chat.turn import Language

_SETTINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "faster": ("model", "imgsz", "epochs", "fraction", "cache"),
    "accurate": ("model", "pretrained", "imgsz", "epochs"),
}
TOPICS: Final = ("hello", "thanks", *_SETTINGS)


def topic_of(text: str) -> str:
    """Return which of ``TOPICS`` a text is, and nothing else; empty when it is none."""
    return next((topic for topic in TOPICS if says_only(text, topic)), "")


def talk(topic: str, values: Mapping[str, Any], language: Language) -> list[str]:
    """Return what is answered; for a goal with the settings that serve it, as they are now.

    Args:
        topic: one of ``TOPICS``.
        values: every field of the config.
        language: of the person.
    """
    return [say(f"answer.{topic}", language), *(_setting(name, values, language) for name in _SETTINGS.get(topic, ()))]


def _setting(name: str, values: Mapping[str, Any], language: Language) -> str:
    value, doc = shown(name, values[name], language), field(name, language).doc
    return f"- {say('answer.goal', language, field=named(name, language), value=value, doc=doc)}"
