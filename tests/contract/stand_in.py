"""A real engine whose jobs do something else than their work: what they do is put in before Python starts.

What lives here: the engine and its end. What does not: what the jobs do (each test module has its own).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines import engine, variables
from workbench.processes import members
from workbench.settings import Settings


@contextmanager
def stand_in(root: Path, code: str) -> Iterator[Settings]:
    """Give the settings of an engine of its own; every Python that it starts imports ``code`` first.

    At the end it is stopped, and nothing of it may be left.
    """
    (root / "stand-in").mkdir()
    (root / "stand-in" / "sitecustomize.py").write_text(code, encoding="utf-8")
    settings = Settings(workbench_engine_home=root / "engine", prefect_api_url=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(root / "stand-in"))
        patch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
        yield settings
        engine.stop(settings, grace_s=10)
    assert engine_members(settings) == []


def engine_members(settings: Settings) -> list[int]:
    """Return the pids of the engine's processes."""
    return [process.pid for process in members({variables.MEMBER: str(settings.engine.root)})]
