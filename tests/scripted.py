"""An engine that understands a few words to the letter, for tests of what happens with what was understood."""

from __future__ import annotations

import re
from typing import Any

from workbench.chat.turn import INTENTS, Op, Situation, Target, TurnProposal, Understood

_OP = re.compile(r"(?P<field>\w+)(?P<sign>\+=|\*=|=)(?P<value>\S+)")
_OPS: dict[str, Any] = {"=": "set", "*=": "scale", "+=": "add"}


class Scripted:
    """Understand ``epochs=5 batch*=2``, ``start``, ``undo 2``, ``redo``, ``undo batch``, ``reset epochs``, …

    Args:
        script: proposals that are returned first, whatever is said.
    """

    def __init__(self, *script: TurnProposal) -> None:
        self.script = list(script)
        self.seen: list[tuple[str, Situation]] = []

    def understand(self, text: str, situation: Situation) -> Understood:
        """Return the next proposal of the script, else what the words mean."""
        self.seen.append((text, situation))
        return Understood(self.script.pop(0) if self.script else proposal(text))


def proposal(text: str) -> TurnProposal:
    """Return what ``text`` means."""
    first, *rest = text.split()
    ops = tuple(
        Op(field=found["field"], op=_OPS[found["sign"]], value=_read(found["value"]), evidence=found.group())
        for found in _OP.finditer(text)
    )
    intent: Any = "undo" if first == "redo" else first if first in INTENTS else "configure"
    plain = [word for word in rest if "=" not in word]
    steps = next((int(word) for word in plain if word.isdecimal()), 1)
    about = tuple(word for word in plain if not word.isdecimal())
    return TurnProposal(intent=intent, ops=ops, about=about, target=Target(steps=steps, redo=first == "redo"))


def _read(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"none": None, "true": True, "false": False}.get(text, text)
