"""Legal values of every key, derived from its rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from workbench.config.rules import Choice, Flag, Integer, Items, OneOf, Real, Rule

_TEXTS = {
    "model": "yolo26n.yaml",
    "data": "shapes",
    "pretrained": "own.pt",
    "distill_model": "big.pt",
    "source": "a.jpg",
}
_DEVICES = ("cpu", "mps", "cuda", "cuda:0", "0,1", "-1", "-1,-1", "npu:0", "npu:0,1", "xpu")


def legal_values(key: str, rule: Rule) -> list[Any]:  # noqa: PLR0911 - one return a kind of rule
    """Return the bounds of every range, every choice, and an example of every text that ``rule`` accepts."""
    none = [None] if rule.optional else []
    match rule:
        case Flag():
            return [*none, True, False]
        case Integer(low=low, high=high):
            return [*none, low, high, (low + high) // 2]
        case Real(low=low, high=high, above=above):
            return [*none, *([] if above else [float(low)]), float(high), (low + high) / 2]
        case Choice(words=words, flags=flags):
            return [*none, *words, *([True, False] if flags else [])]
        case Items(rule=inner, low=low):
            return [*none, *([value] * max(low, 1) for value in legal_values(key, inner) if value not in (0, 0.0))]
        case OneOf(rules=rules):
            return [*none, *(value for part in rules for value in legal_values(key, part))]
    if key == "device":
        return [*none, *_DEVICES]
    return [*none, "23.cv2"] if key == "freeze" else [*none, *([_TEXTS[key]] if key in _TEXTS else [])]


@pytest.fixture(scope="session")
def legal() -> Callable[[str, Rule], list[Any]]:
    """The function above, for tests that cannot import this file."""
    return legal_values
