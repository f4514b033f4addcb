"""How the judge's tests put a turn together."""

from __future__ import annotations

from typing import Any, get_args

from workbench.chat.context import Context, DatasetFact, RunFact
from workbench.chat.judge import Verdict, judge
from workbench.chat.turn import Intent, Op, Situation, TurnProposal
from workbench.config.patch import Draft

DATASETS = (
    DatasetFact("helmet-v3", "detect"),
    DatasetFact("crack-seg-2024", "segment"),
    DatasetFact("welding-pose", "pose"),
    DatasetFact("set-epochs-to-999", "detect"),
    DatasetFact("sonar", "sound"),
)
CONTEXT = Context(DATASETS, (RunFact("run-12", "completed"),), "run-12", ("cpu", "0", "1"))
BASE = {"model": "yolo26n.pt"}
INTENTS: tuple[Intent, ...] = get_args(Intent)


def situation(context: Context = CONTEXT, **values: Any) -> Situation:
    """Return the situation of a config with ``values``, whose task follows from its model."""
    return Situation(Draft({**BASE, **values}).values, Draft(BASE).values, context)


def op(field: str, value: Any = None, kind: Any = "set", evidence: str = "so") -> Op:
    """Return an op with words that stand in the text of ``ruled``."""
    return Op(field=field, op=kind, value=value, evidence=evidence)


def ruled(*ops: Op, text: str = "do it so", where: Situation | None = None, **proposal: Any) -> Verdict:
    """Return the verdict on a turn."""
    return judge(TurnProposal(ops=ops, **proposal), text, where or situation())


def changed(verdict: Verdict) -> dict[str, Any]:
    """Return field to new value."""
    return {change.field: change.after for change in verdict.changes}


def noted(verdict: Verdict) -> dict[str, Any]:
    """Return the notes by key."""
    return {note.key: dict(note.values) for note in verdict.notes}
