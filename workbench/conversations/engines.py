"""Which engine understands what is said.

What lives here: the choice. What does not: the engines (``chat.rules``, ``chat.gemini``).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Final, Literal, get_args

from workbench.chat.turn import Engine
from workbench.conversations import showing
from workbench.errors import RequestError
from workbench.settings import Settings

Choice = Literal["auto", "rules", "gemini"]
CHOICES: Final[tuple[Choice, ...]] = get_args(Choice)


def named(choice: str, settings: Settings) -> Literal["rules", "gemini"]:
    """Return the engine that a choice stands for; ``auto`` is ``gemini`` with a key, else ``rules``.

    Raises:
        RequestError: when there is no such choice, or Gemini is chosen and there is no key.
    """
    if choice not in CHOICES:
        known = ", ".join(CHOICES)
        close = difflib.get_close_matches(choice, CHOICES, n=1)
        if close:
            raise showing.problem(RequestError, "engine_misspelt", "en", name=choice, known=known, nearest=close[0])
        raise showing.problem(RequestError, "no_such_engine", "en", name=choice, known=known)
    key = settings.google_api_key
    keyless = key is None or not key.get_secret_value().strip()
    if choice == "gemini" and keyless:
        raise showing.problem(RequestError, "no_gemini_key", "en")
    return "rules" if choice == "rules" or keyless else "gemini"


def tell_pauses(engine: Engine, waiting: Callable[[float, str], None]) -> None:
    """Have an engine say how long it still pauses, in seconds, and why; one that never pauses says nothing."""
    from workbench.chat.gemini import GeminiEngine

    if isinstance(engine, GeminiEngine):
        engine.waiting = waiting


def make(choice: str, settings: Settings) -> Engine:
    """Return the engine that a choice stands for; Gemini's client is loaded only for Gemini.

    Raises:
        RequestError: as ``named``.
    """
    from workbench.chat.rules import RulesEngine

    if named(choice, settings) == "rules":
        return RulesEngine()
    from workbench.chat import gemini

    return gemini.engine(settings, RulesEngine())
