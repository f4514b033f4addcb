"""The command line over a workspace whose launcher is in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from workbench.cli.app import run
from workbench.runs.supervision.memory import MemoryLauncher
from workbench.workspace import Workspace


class Answer(NamedTuple):
    """What a command left: its exit status and its two streams."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout; more than one, or anything else, is an error."""
        assert self.out.endswith("\n")
        assert self.out.count("\n") == 1
        found = json.loads(self.out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
        assert isinstance(found, dict)
        return found


Say = Callable[..., Answer]


@pytest.fixture
def say(
    workspace: Workspace,
    launcher: MemoryLauncher,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Say:
    """Return a caller of the command line: ``say("runs", "list")``."""
    monkeypatch.setenv("WORKBENCH_HOME", str(workspace.paths.root))
    monkeypatch.setenv("WORKBENCH_ENGINE_HOME", str(tmp_path / "engine"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("workbench.runs.supervision.launcher.load_launcher", lambda _settings: launcher)
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> Answer:
        capsys.readouterr()
        status = run(list(words))
        return Answer(status, *capsys.readouterr())

    return call
