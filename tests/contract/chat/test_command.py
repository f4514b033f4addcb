"""``workbench chat`` with Gemini: what a person at the command line sees of it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.chat.fake_gemini import KEY, FakeGemini, busy, op, refusal, turn
from workbench.cli.app import run

pytestmark = pytest.mark.slow

Chat = Callable[..., Any]
EPOCHS = turn("configure", op("epochs", 50, "50 epochs"))


@pytest.fixture
def chat(
    tmp_path: Path, nobodys_google: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Chat:
    """Return a caller of ``workbench chat`` whose Gemini is ``server``; it gives the status and both streams."""
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "ws"))
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)

    def call(server: FakeGemini, *words: str) -> tuple[int, str, str]:
        monkeypatch.setenv("WORKBENCH_GEMINI_URL", server.url)
        capsys.readouterr()
        status = run(["chat", *words])
        return status, *capsys.readouterr()

    return call


def test_a_key_has_gemini_understand_and_its_tokens_are_shown(chat: Chat) -> None:
    with FakeGemini([EPOCHS]) as server:
        status, out, err = chat(server, "50 epochs please")
    assert (status, err) == (0, "")
    assert "100 → 50" in out
    assert "gemini, " in out.splitlines()[-1]


def test_a_pause_that_gemini_wants_is_counted_down(chat: Chat) -> None:
    with FakeGemini([busy("2s"), EPOCHS]) as server:
        status, out, err = chat(server, "50 epochs please", "--json")
    found = json.loads(out)
    assert (status, found["engine"], found["fallback"]) == (0, "gemini", "")
    assert [line.split()[-2] for line in err.splitlines()] == ["2", "1"]


def test_what_has_left_the_machine_can_be_looked_at(chat: Chat) -> None:
    with FakeGemini([EPOCHS]) as server:
        found = json.loads(chat(server, "50 epochs please", "--json")[1])
    assert "50 epochs please" in json.dumps(found["sent"])
    assert KEY not in json.dumps(found)


def test_without_gemini_the_rules_answer_and_say_so(chat: Chat) -> None:
    with FakeGemini([refusal(503, "UNAVAILABLE", "Overloaded.")] * 3) as server:
        status, out, _ = chat(server, "50 epochs please", "--engine", "gemini")
    assert status == 0
    assert "100 → 50" in out
    assert "by myself" in out


def test_what_gemini_only_suggests_is_taken_over_by_a_command(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = io.TextIOWrapper(io.BytesIO(b"make it a good one\n/config\n/accept\n/accept 7\n"))
    monkeypatch.setattr("sys.stdin", lines)
    with FakeGemini([EPOCHS]) as server:
        status, out, err = chat(server, "--json")
    said, before, after = [json.loads(line) for line in out.splitlines()][:3]
    assert (said["changes"], before["config"]) == ([], {})
    assert [(change["field"], change["after"]) for change in after["changes"]] == [("epochs", 50)]
    assert (status, "Error" in err) == (2, True)
