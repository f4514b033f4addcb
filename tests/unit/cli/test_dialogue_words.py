"""An engine's own words at a terminal: they show as they come in, once."""

from __future__ import annotations

import json

import pytest

from tests.spoken import Speaker
from workbench.cli.dialogue import Dialogue
from workbench.workspace import Workspace


def dialogue(workspace: Workspace, engine: Speaker, *, as_json: bool = False) -> Dialogue:
    conversation = workspace.conversations.open("one")
    conversation.engine = engine
    return Dialogue(workspace.conversations, conversation, "auto", as_json=as_json)


def test_an_engines_own_words_show_as_they_come_in_and_not_twice(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = Speaker("They are", " bright.\nVery \x9b.", fallback="gemini_timeout")
    dialogue(workspace, engine).hear("what are quasars?")
    out = capsys.readouterr().out
    assert out.splitlines()[1:3] == ["| They are bright.", "| Very \\x9b."]
    assert out.count("bright") == 1
    assert out.endswith("Gemini's own words did not come, or not all of them.\ngemini, 9 tokens\n")


def test_a_program_gets_them_in_the_answer(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    dialogue(workspace, Speaker("They are", " bright."), as_json=True).hear("what are quasars?")
    assert json.loads(capsys.readouterr().out)["reply"].endswith("\n| They are bright.")


def test_words_that_were_redacted_since_are_shown_as_they_are_kept(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    dialogue(workspace, Speaker("password=hunter2 shines.")).hear("what are quasars?")
    shown = capsys.readouterr().out.split("vouches for:")
    assert len(shown) == 3
    assert "hunter2" not in shown[-1]
