"""How the tests of the rules hold a conversation of several turns, and see what it has come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.unit.chat.rules.heard import BASE, CONTEXT
from workbench.chat.context import Context
from workbench.chat.deciding import hear
from workbench.chat.records import Turn
from workbench.chat.rules import RulesEngine
from workbench.chat.state import State
from workbench.config.patch import Draft


@dataclass(frozen=True)
class Talk:
    """Where a conversation ended.

    Attributes:
        config: what is otherwise than before its first turn, by field.
        turn: the last one.
        changed: what the last turn changed, by field.
    """

    config: dict[str, Any]
    turn: Turn
    changed: dict[str, Any]


def talk(*turns: str, context: Context = CONTEXT, **config: Any) -> Talk:
    """Return what ``turns`` come to on a fresh conversation whose config has the values ``config``."""
    state, engine = State(BASE), RulesEngine()
    state.draft = Draft(BASE, config)
    before = before_last = state.draft.values
    turn: Turn | None = None
    for text in turns:
        before_last = state.draft.values
        outcome = hear(text, engine.understand(text, state.situation(context)), state, context)
        state.fold([outcome.to_event()])
        turn = outcome.turn
    if turn is None:
        raise ValueError("nothing was said")
    now = state.draft.values
    return Talk(_otherwise(before, now), turn, _otherwise(before_last, now))


def _otherwise(before: Any, now: Any) -> dict[str, Any]:
    return {name: now[name] for name in now if now[name] != before[name]}
