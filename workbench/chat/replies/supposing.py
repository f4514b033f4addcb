"""What a what-if question supposes.

What lives here: the values that a question names without asking for them, judged as if it did. What does not: changing
anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.chat.judge import Refusal, judge_ops
from workbench.chat.replies.topics import Topic
from workbench.chat.turn import Op, Situation, TurnProposal


@dataclass(frozen=True)
class Supposition:
    """What a question supposes.

    Attributes:
        values: every field as it would be.
        fields: those that the question names and that are legal.
        refusals: what would not be possible.
    """

    values: Mapping[str, Any]
    fields: tuple[str, ...]
    refusals: tuple[Refusal, ...]


def supposed(proposal: TurnProposal, topics: Sequence[Topic], now: Situation) -> Supposition | None:
    """Return what a question supposes; ``None`` when it supposes nothing.

    Args:
        proposal: its ops are suppositions.
        topics: of the question; ``epochs=500`` supposes a value too.
        now: every field as it is.
    """
    named = (Op(field=topic.name, value=topic.value) for topic in topics if topic.value is not ...)
    ops = [*named, *(op for op in proposal.ops if op.field in now.values)]
    if not ops:
        return None
    verdict = judge_ops(ops, now)
    refused = {refusal.field for refusal in verdict.refusals}
    values = {**now.values, **{change.field: change.after for change in verdict.changes}}
    fields = tuple(dict.fromkeys(op.field for op in ops if op.field not in refused))
    return Supposition(values, fields, verdict.refusals)
