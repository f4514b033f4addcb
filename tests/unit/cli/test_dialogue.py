"""A conversation line by line: what a yes means, what is shown once, and in which language."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import data_yaml
from workbench.cli import lines
from workbench.cli.dialogue import PROMPT, Dialogue
from workbench.cli.lines import DroppedError
from workbench.runs.supervision.memory import MemoryLauncher
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow  # each goes through much of the house

Hear = Callable[..., str]


@pytest.fixture
def opened(workspace: Workspace, launcher: MemoryLauncher, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Dialogue]:
    """Return what a new process has of session one."""
    monkeypatch.setattr("workbench.runs.supervision.launcher.load_launcher", lambda _settings: launcher)

    def make(**options: Any) -> Dialogue:
        desk = workspace.conversations
        return Dialogue(desk, desk.open("one"), "auto", **options)

    return make


@pytest.fixture
def hear(capsys: pytest.CaptureFixture[str]) -> Hear:
    """Return a caller that says lines in a dialogue, and gives what was printed."""

    def call(dialogue: Dialogue, *lines: str) -> str:
        capsys.readouterr()
        for line in lines:
            dialogue.hear(line)
        return "".join(capsys.readouterr())

    return call


@pytest.fixture
def shapes(workspace: Workspace, tmp_path: Path) -> str:
    return workspace.datasets.add(data_yaml(tmp_path / "shapes"), name="shapes").name


@pytest.fixture
def ready(workspace: Workspace, shapes: str) -> None:
    """A session in which nothing is left but to start."""
    workspace.conversations.open("one").edit({"data": shapes, "epochs": 9, "device": "cpu"})


def test_a_yes_confirms_the_card_that_was_shown_last(
    opened: Callable[..., Dialogue], hear: Hear, ready: None, launcher: MemoryLauncher
) -> None:
    assert "queued" in hear(opened(), "start training", "", "ok")
    assert len(launcher.launches) == 1


@pytest.mark.parametrize("between", ["what is mosaic?", "/config", "/help", "/nonsense", "/undo many"])
def test_a_yes_long_after_its_card_shows_the_card_again(
    opened: Callable[..., Dialogue], hear: Hear, ready: None, launcher: MemoryLauncher, between: str
) -> None:
    dialogue = opened()
    first = hear(dialogue, "start training").splitlines()
    again = hear(dialogue, between, "ok")
    assert launcher.launches == {}
    assert "This still waits for an answer:" in again
    assert [line for line in first if line not in again.splitlines()] == []
    hear(dialogue, "ok")
    assert len(launcher.launches) == 1


def test_a_yes_to_the_card_of_another_process_shows_it_first(
    opened: Callable[..., Dialogue], hear: Hear, ready: None, launcher: MemoryLauncher
) -> None:
    hear(opened(), "start training")
    other = opened(as_json=True)
    lines = [json.loads(line) for line in hear(other, "what is mosaic?", "ok").splitlines()]
    assert launcher.launches == {}
    assert lines[-1]["card"]["state"] == "open"
    assert json.loads(hear(other, "ok"))["card"]["state"] == "done"


def test_a_yes_to_a_card_of_another_config_starts_nothing_and_says_why(
    opened: Callable[..., Dialogue], hear: Hear, ready: None, workspace: Workspace, launcher: MemoryLauncher
) -> None:
    dialogue = opened()
    hear(dialogue, "start training")
    workspace.conversations.open("one").edit({"epochs": 10})
    assert "out of date" in hear(dialogue, "yes")
    assert launcher.launches == {}


def test_the_prompt_asks_for_a_yes_only_right_under_its_card(
    opened: Callable[..., Dialogue], ready: None, launcher: MemoryLauncher
) -> None:
    typed = iter(["start training", "what is mosaic?", "y", "n"])
    prompts: list[str] = []

    def read(prompt: str) -> str:
        prompts.append(prompt)
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    opened().talk(read)
    asks = "Do it? [y/n] "
    assert prompts == [PROMPT, asks, PROMPT, asks, PROMPT]
    assert launcher.launches == {}


@pytest.mark.parametrize("word", ["quit", "exit", "BYE", "종료", "나가기", "/quit", "/종료"])
def test_a_word_alone_leaves(opened: Callable[..., Dialogue], workspace: Workspace, word: str) -> None:
    typed = iter(["epochs 5", word, "epochs 6"])
    opened().talk(lambda _prompt: next(typed))
    assert workspace.conversations.open("one").draft.values["epochs"] == 5
    assert opened().listen([word, "epochs 6"]) == 0
    assert workspace.conversations.open("one").draft.values["epochs"] == 5


def test_a_dropped_line_leaves_nobody_and_says_how_to_leave(
    opened: Callable[..., Dialogue], workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = iter([DroppedError(), "epochs 5", KeyboardInterrupt(), "epochs 6"])

    def read(_prompt: str) -> str:
        line = next(typed)
        if isinstance(line, BaseException):
            raise line
        return line

    opened().talk(read)
    assert capsys.readouterr().out.count("/quit or Ctrl-D") == 1
    assert workspace.conversations.open("one").draft.values["epochs"] == 5


def test_without_prompt_toolkit_the_second_ctrl_c_in_a_row_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter([KeyboardInterrupt(), "epochs 5", KeyboardInterrupt(), KeyboardInterrupt()])

    def ask(_message: str) -> str:
        line = next(typed)
        if isinstance(line, BaseException):
            raise line
        return line

    monkeypatch.setattr("builtins.input", ask)
    monkeypatch.setattr("workbench.cli.output.has_unicode", lambda: False)
    read = lines.prompt([])
    for wanted in (DroppedError, None, DroppedError, KeyboardInterrupt):
        if wanted is None:
            assert read("> ") == "epochs 5"
        else:
            with pytest.raises(wanted):
                read("> ")


def test_a_card_that_waits_is_asked_for_when_its_session_is_opened_again(
    opened: Callable[..., Dialogue], hear: Hear, ready: None, launcher: MemoryLauncher
) -> None:
    hear(opened(), "start training")
    typed = iter(["y", "/quit"])
    opened().talk(lambda _prompt: next(typed))
    assert len(launcher.launches) == 1


def test_whoever_talks_in_a_session_that_is_deleted_meanwhile_is_told_so_and_can_leave(
    opened: Callable[..., Dialogue], workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    def lines() -> Any:
        yield "epochs 4"
        workspace.projects.delete_session("one")
        yield from ("epochs 5", "imgsz 320", "/quit")

    typed = lines()
    opened().talk(lambda _prompt: next(typed))
    assert capsys.readouterr().err.count("no longer there") == 2


def test_the_choices_of_a_question_are_listed_once(
    opened: Callable[..., Dialogue], hear: Hear, shapes: str, workspace: Workspace
) -> None:
    shown = hear(opened(), "start training")
    assert shown.count(shapes) == 1
    assert f"1) {shapes}" in shown
    assert "Choices" not in shown
    (answer,) = (json.loads(line) for line in hear(opened(as_json=True), "start training").splitlines())
    assert f"Choices: {shapes}." in answer["reply"]
    assert workspace.chat("시작해줘", session="two")._repr_html_().count(shapes) == 1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("/취소 abc", "“abc”는 숫자가 아닙니다"),
        ("/취소 0100999", "정수가 필요합니다"),
        ("/엔진 foo", "엔진"),
        ("/엔진 gemini", "GOOGLE_API_KEY"),
        ("/없음", "'/없음' 명령은 없습니다"),
        ("/설정", "기본값 그대로"),
    ],
)
def test_a_korean_command_is_answered_in_korean(
    opened: Callable[..., Dialogue], hear: Hear, line: str, says: str
) -> None:
    shown = hear(opened(), line)
    assert says in shown
    for english in ("Leave", "whole number", "called", "asked for", "needs no key"):
        assert english not in shown


def test_an_english_command_is_answered_in_english_until_korean_is_spoken(
    opened: Callable[..., Dialogue], hear: Hear
) -> None:
    dialogue = opened()
    assert "'abc' is no number." in hear(dialogue, "/undo abc")
    assert "숫자가 아닙니다" in hear(dialogue, "에폭 5", "/undo abc")
