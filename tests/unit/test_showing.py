"""What a person at a notebook or a terminal is shown of a turn, and of an error, in the turn's language."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.chat.log import FileLog
from workbench.conversations import engines, showing
from workbench.conversations.performing import Order, carry_out
from workbench.errors import ConflictError, RequestError, StorageError, UnknownNameError, WorkbenchError
from workbench.settings import Settings
from workbench.workspace import Workspace

HANGUL = range(ord("가"), ord("힣") + 1)


def korean(text: str) -> bool:
    return any(ord(char) in HANGUL for char in text)


def test_an_answer_shows_itself_also_when_its_session_was_deleted(workspace: Workspace) -> None:
    answer = workspace.chat("epochs 50", session="one")
    shown = (repr(answer), answer._repr_html_(), json.dumps(answer.to_payload()))
    workspace.projects.delete_session("one")
    assert (repr(answer), answer._repr_html_(), json.dumps(answer.to_payload())) == shown
    assert (answer.card, answer.outcome()) == (None, "")


def test_an_answer_without_a_card_says_so_in_its_language(workspace: Workspace) -> None:
    with pytest.raises(ConflictError, match="카드가 없습니다"):
        workspace.chat("에폭 50", session="one").confirm()
    with pytest.raises(ConflictError, match="has no card"):
        workspace.chat("epochs 60", session="one").confirm()


def errors_of(workspace: Workspace, tmp_path: Path) -> list[WorkbenchError]:
    log = FileLog(tmp_path / "default-one.conversation.jsonl")
    with log.alone():
        log.append({"kind": "x"})
    log.path.unlink()
    plain = Order({}, "default", "default-one")
    edge = Order({"run": "r", "deployment": "edge"}, "default", "default-one")
    keyless = Settings.model_construct(google_api_key=None)
    found = []
    for attempt in (
        log.unread,
        lambda: engines.named("foo", keyless),
        lambda: engines.named("gemni", keyless),
        lambda: engines.named("gemini", keyless),
        lambda: carry_out(workspace, "stop", plain),
        lambda: carry_out(workspace, "dance", plain),
        lambda: carry_out(workspace, "deploy", edge),
    ):
        with pytest.raises(RequestError) as caught:
            attempt()
        found.append(caught.value)
    return found


def test_errors_of_a_conversation_are_told_in_either_language(workspace: Workspace, tmp_path: Path) -> None:
    for error in errors_of(workspace, tmp_path):
        told = showing.told(error, "ko")
        assert type(told) is type(error)
        for beat in (told.happened, told.expected, told.todo):
            assert korean(beat), beat
        assert str(showing.told(error, "en")) == str(error) == str(showing.told(told, "en"))


def test_an_error_that_the_catalogue_does_not_have_is_told_as_it_is() -> None:
    for error in (StorageError("The disk is full."), UnknownNameError("No.", key="nothing"), ConflictError("x", key=3)):
        assert showing.told(error, "ko") is error
    assert showing.reason(StorageError("The disk is full."), "ko") == "The disk is full."
    assert showing.reason(ValueError("odd"), "ko") == "odd"
    assert showing.reason(ValueError(), "ko") == "ValueError"


@pytest.mark.parametrize(
    ("line", "found"), [("/취소 2", True), ("ㅇㅇ", True), ("/undo 2", False), ("", False), ("日本", False)]
)
def test_a_line_with_hangul_is_korean(line: str, found: bool) -> None:
    assert showing.is_korean(line) is found
