"""A conversation once more with another engine.

What lives here: what is understood otherwise than it was. What does not: keeping anything of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from workbench.chat.context import Context
from workbench.chat.deciding import Outcome, click, hear
from workbench.chat.records import Turn
from workbench.chat.state import State
from workbench.chat.turn import Engine
from workbench.config.patch import Patch, same


@dataclass(frozen=True)
class Difference:
    """What comes out otherwise.

    Attributes:
        turn: the id of the turn in which it does.
        text: what was said.
        what: ``intent``, or a key of the config.
        then: what it was.
        now: what it is this time.
    """

    turn: str
    text: str
    what: str
    then: Any
    now: Any


def differences(
    turns: Iterable[Turn], fresh: State, engine: Engine, context_of: Callable[[Turn], Context]
) -> Iterator[Difference]:
    """Yield what an engine understands otherwise, turn by turn.

    Args:
        turns: as they were recorded, oldest first.
        fresh: where the conversation began; it is changed.
        engine: understands what was said.
        context_of: what could be talked about in a turn.
    """
    former, apart = dict(fresh.draft.values), dict[str, tuple[Any, Any]]()
    for turn in turns:
        former.update((change.field, change.after) for change in turn.changes)
        fresh.go_on_with(turn.id)  # clicks name turns by their ids, and a lost turn has left a gap
        outcome = _again(turn, fresh, engine, context_of(turn))
        fresh.fold([outcome.to_event()])
        if outcome.turn.intent != turn.intent:
            yield Difference(turn.id, turn.text, "intent", turn.intent, outcome.turn.intent)
        apart, before = _apart(former, fresh.draft.values), apart
        for name, (then, now) in apart.items():
            if name not in before or not (same(then, before[name][0]) and same(now, before[name][1])):
                yield Difference(turn.id, turn.text, name, then, now)


def _again(turn: Turn, fresh: State, engine: Engine, context: Context) -> Outcome:
    if turn.by == "chat" and turn.engine:
        return hear(turn.text, engine.understand(turn.text, fresh.situation(context)), fresh, context)
    if turn.click is not None and turn.click.kind in ("undo", "redo", "reset"):
        return click(turn.click, fresh, context)
    values = fresh.draft.values
    done = (replace(change, before=values[change.field]) for change in turn.changes if change.field in values)
    return Outcome(replace(turn, card=None), (Patch(tuple(done), turn=turn.id),))


def _apart(former: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    pairs = ((name, former[name], value) for name, value in now.items() if name in former)
    return {name: (then, value) for name, then, value in pairs if not same(then, value)}
