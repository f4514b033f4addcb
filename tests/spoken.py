"""An engine with words of its own, for tests of what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workbench.chat.turn import Situation, TurnProposal, Understood, Usage


class Told(Iterator[str]):
    """Words that come in piece by piece."""

    def __init__(self, pieces: tuple[str, ...], fallback: str) -> None:
        self.text, self.fallback, self.usage = "", fallback, Usage(1, 2, 3)
        self._pieces = iter(pieces)

    def __next__(self) -> str:
        piece = next(self._pieces)
        self.text += piece
        return piece


class Speaker:
    """An engine that understands what it is told to, and has words of its own."""

    def __init__(self, *pieces: str, fallback: str = "", engine: Any = "gemini", **proposal: Any) -> None:
        self.asked: list[str] = []
        self._pieces, self._fallback, self._engine = pieces, fallback, engine
        self._proposal = TurnProposal(**{"intent": "explain", "about": ("quasars",), **proposal})

    def understand(self, text: str, situation: Situation) -> Understood:
        return Understood(self._proposal, engine=self._engine, usage=Usage(1, 1, 1))

    def prose(self, text: str, situation: Situation, spent_s: float = 0.0) -> Told:
        self.asked.append(text)
        return Told(self._pieces, self._fallback)
