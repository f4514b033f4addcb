"""What was changed, in words: written from the applied diff only.

What lives here: one line a change, the heading over several, and suggestions that wait for a click. What does not: what
was refused (``objections``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from workbench.chat.messages import figure, has, named, say, shown
from workbench.chat.turn import Language, Op, TurnProposal
from workbench.config.patch import Change

QUESTIONS: Final = ("ask", "explain", "help", "compare", "status", "list_datasets", "out_of_scope")


def changed(changes: Sequence[Change], proposal: TurnProposal) -> list[str]:
    """Return the lines that say what is otherwise now; none without a change."""
    if not changes:
        return []
    deed, language = _deed(proposal), proposal.language
    lines = [_line(change, language, reasons=deed == "done") for change in changes]
    if len(lines) == 1:
        return [say(f"reply.{deed}", language, change=lines[0])]
    return [say(f"reply.{deed}_many", language, count=len(lines)), *(f"- {line}" for line in lines)]


def suggested(ops: Sequence[Op], proposal: TurnProposal) -> list[str]:
    """Return the line that names what would be changed after a click; none without a suggestion."""
    if not ops:
        return []
    key = "reply.suggestion_asked" if proposal.intent in QUESTIONS else "reply.suggestion"
    return [say(key, proposal.language, ops=", ".join(_op(op, proposal.language) for op in ops))]


def settings(values: Mapping[str, Any], language: Language) -> str:
    """Return fields with their values in one line."""
    return ", ".join(
        say("reply.op_set", language, field=named(name, language), value=shown(name, value, language))
        for name, value in values.items()
    )


def _deed(proposal: TurnProposal) -> str:
    if proposal.intent == "undo":
        return "redone" if proposal.target.redo else "undone"
    return "reset" if proposal.intent == "reset" and not proposal.ops else "done"


def _line(change: Change, language: Language, *, reasons: bool) -> str:
    line = say(
        "reply.change",
        language,
        field=named(change.field, language),
        before=shown(change.field, change.before, language),
        after=shown(change.field, change.after, language),
    )
    because = f"reply.because_{change.source}"
    return f"{line} {say(because, language)}" if reasons and has(because) else line


def _op(op: Op, language: Language) -> str:
    field = named(op.field, language)
    if op.op in ("scale", "add"):
        amount = figure(op.value) if isinstance(op.value, (int, float)) else str(op.value)
        signed = f"+{amount}" if op.op == "add" and not amount.startswith("-") else amount
        return say(f"reply.op_{op.op}", language, field=field, value=signed)
    return say(f"reply.op_{op.op}", language, field=field, value=shown(op.field, op.value, language))
