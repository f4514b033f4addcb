"""What the tests of Gemini talk about, and who answers when it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from tests.contract.chat.fake_gemini import FakeGemini
from workbench.chat.context import Context, DatasetFact, RunFact
from workbench.chat.gemini import GeminiEngine
from workbench.chat.turn import Situation, TurnProposal, Understood
from workbench.config.schema import DEFAULTS

MODEL = "gemini-3.5-flash-lite"
Ask = Callable[..., tuple[FakeGemini, GeminiEngine]]


class Rules:
    """Stands in for the rules: it is only seen that they were asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def understand(self, text: str, situation: Situation) -> Understood:
        self.asked.append(text)
        return Understood(TurnProposal(intent="help"))


def situation(*datasets: DatasetFact, **values: Any) -> Situation:
    """Return a situation with two datasets, or with those given, and a run."""
    facts = datasets or (
        DatasetFact(
            "helmet-v3", task="detect", images=4120, classes=("helmet", "person"), description="safety helmets"
        ),
        DatasetFact("공사장-균열", task="segment", images=37, classes=("균열",)),
    )
    runs = (RunFact("train-20260101-1", "running", name="night run", epoch=3, epochs=50),)
    context = Context(datasets=facts, runs=runs, run="train-20260101-1", devices=("cpu", "0"))
    return Situation(values={**DEFAULTS, **values}, base=DEFAULTS, context=context)


def by_rules(answer: Understood, fallback: str) -> bool:
    """Return whether the rules have answered, for the reason ``fallback``, and nothing of Gemini's was kept."""
    return (answer.engine, answer.fallback, answer.proposal) == ("rules", fallback, TurnProposal(intent="help"))


def rules_of(engine: GeminiEngine) -> Rules:
    """Return the rules behind an engine."""
    return cast("Rules", engine._rules)
