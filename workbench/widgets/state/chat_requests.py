"""What the chat's script asks, and what is under way: plain typed data.

What lives here: the requests about the conversation, and ``Going``. What does not: answering them (``chat``), and the
requests about sessions (``chat_sessions``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pydantic import Field

from workbench.widgets.state.messages import Request

_LONGEST: Final = 20_000  # characters of a message: the conversation says which of them it reads


class Text(Request):
    """Something that is said."""

    text: str = Field(max_length=_LONGEST)


class TurnId(Request):
    """A turn; for an undo, empty means the last change."""

    turn: str = ""


class Nth(Request):
    """One of the options, or suggestions, of a turn, counted from 1."""

    turn: str
    number: int = Field(ge=1)


class CardId(Request):
    """A card."""

    card: str


class Values(Request):
    """Fields and their new values."""

    values: dict[str, Any]


class Choice(Request):
    """An engine: rules, gemini or auto."""

    engine: str


@dataclass(frozen=True)
class Going:
    """What is still being answered.

    Attributes:
        ticket: tells it from others.
        text: what was said; empty for a card that is carried out.
        words: of an engine's own, as far as they came in.
        note: why it takes long.
        card: the card that is carried out.
    """

    ticket: int
    text: str = ""
    words: str = ""
    note: str = ""
    card: str = ""
