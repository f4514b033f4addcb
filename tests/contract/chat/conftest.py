"""What the tests of the chat's Gemini may ask for: a server that stands in for it, and an engine that asks it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.contract.chat.asking import MODEL, Ask, Rules
from tests.contract.chat.fake_gemini import KEY, FakeGemini, Item
from workbench.chat.gemini import GeminiEngine


@pytest.fixture
def nobodys_google(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away every variable that Google's client, or the HTTP client below it, might read."""
    for name in list(os.environ):
        if name.startswith(("GOOGLE_", "GEMINI_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def ask(nobodys_google: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ask]:
    """Return a maker of a server with a script and of an engine that asks it, and again without a pause of its own."""
    monkeypatch.setattr("workbench.chat.patience.FIRST_PAUSE_S", 0.01)
    with ExitStack() as stack:

        def make(*script: Item, key: str = KEY, **options: Any) -> tuple[FakeGemini, GeminiEngine]:
            server = stack.enter_context(FakeGemini(script))
            return server, GeminiEngine(key, MODEL, **{"base_url": server.url, "rules": Rules(), **options})

        yield make
