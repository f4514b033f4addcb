"""How the tests of the rules say something, and write down what was understood."""

from __future__ import annotations

from typing import Any

from workbench.chat.context import Context, DatasetFact, RunFact
from workbench.chat.rules import RulesEngine
from workbench.chat.rules.line import Line
from workbench.chat.rules.marking import read
from workbench.chat.rules.mention import Mention
from workbench.chat.rules.sentences import Sentence, cut
from workbench.chat.turn import Memory, Op, Situation, TurnProposal
from workbench.config.patch import Draft

DATASETS = (
    DatasetFact("harbor-night", "detect", 300, ("boat", "buoy"), "야간 항구, the harbour at night"),
    DatasetFact("road-cracks", "segment", 900, ("crack",), "cracks in asphalt"),
    DatasetFact("stop", "detect", 40, ("sign",)),
    DatasetFact("set-epochs-to-999", "detect", 7),
)
RUNS = (RunFact("run-12", "running", name="night run"), RunFact("run-7", "completed"))
CONTEXT = Context(DATASETS, RUNS, "run-12", ("cpu", "0", "1"))
BASE = Draft({"model": "yolo26n.pt"}).values
SIGNS = {"set": "=", "scale": "*", "add": "+"}


def situation(*, data: str | None = None, **memory: Any) -> Situation:
    """Return the situation of a fresh config after turns that left ``memory``."""
    return Situation({**BASE, "data": data}, BASE, CONTEXT, Memory(**memory))


def proposal(said: str, /, **memory: Any) -> TurnProposal:
    return RulesEngine().understand(said, situation(**memory)).proposal


def changes(said: str, /, **memory: Any) -> list[str]:
    """Return the changes that a turn asks for, as ``epochs=50``, ``batch*2``, ``epochs+10``."""
    return [written(op) for op in proposal(said, **memory).ops]


def written(op: Op) -> str:
    value = f"{op.value:g}" if isinstance(op.value, float) else op.value
    return f"{op.field}{SIGNS[op.op]}{value}"


def wanted(said: str, /, **memory: Any) -> str:
    return proposal(said, **memory).intent


def marked(text: str) -> list[Mention]:
    """Return what is found in a text, with its names and its slips mended."""
    return read(Line.of(text), situation())[1]


def sentences(text: str) -> list[Sentence]:
    line, mentions = read(Line.of(text), situation())
    return cut(line.text, mentions)
