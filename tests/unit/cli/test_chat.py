"""``workbench chat`` and what ``workbench sessions`` says of it, over the memory launcher."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import data_yaml
from workbench.runs.supervision.memory import MemoryLauncher
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow

Pipe = Callable[..., Any]


@pytest.fixture
def shapes(workspace: Workspace, tmp_path: Path) -> str:
    return workspace.datasets.add(data_yaml(tmp_path / "shapes"), name="shapes").name


@pytest.fixture
def ready(workspace: Workspace, shapes: str) -> None:
    """A session in which nothing is left but to start."""
    workspace.conversations.open("one").edit({"data": shapes, "epochs": 9, "device": "cpu"})


@pytest.fixture
def pipe(say: Any, monkeypatch: pytest.MonkeyPatch) -> Pipe:
    """Return a caller of ``workbench chat`` with lines on its stdin."""

    def call(*lines: str, words: tuple[str, ...] = (), data: bytes | None = None) -> Any:
        typed = data if data is not None else "".join(f"{line}\n" for line in lines).encode()
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(typed), encoding="ascii"))
        return say("chat", "--session", "one", *words)

    return call


def test_one_sentence_changes_the_config_and_shows_before_and_after(say: Any) -> None:
    answer = say("chat", "epochs 50", "--session", "one")
    assert (answer.status, answer.err) == (0, "")
    assert "100 → 50" in answer.out


def test_a_turn_as_json_is_one_object_with_its_session(say: Any) -> None:
    found = say("chat", "에폭", "50으로", "--session", "one", "--json").json
    assert (found["session"], found["text"], found["language"]) == ("default-one", "에폭 50으로", "ko")
    assert [(change["field"], change["before"], change["after"]) for change in found["changes"]] == [
        ("epochs", 100, 50)
    ]
    assert say("chat", "imgsz 320", "--session", "one", "--json").json["id"] == "2"


@pytest.mark.parametrize("text", ["", "   ", "🙂🙂", "\u202e\x1b[m", "x" * 100_000, "'; DROP TABLE runs; --", "\udcff"])
def test_what_cannot_be_understood_is_answered_all_the_same(say: Any, text: str) -> None:
    answer = say("chat", text)
    assert answer.status == 0
    assert "\x1b" not in answer.out
    assert len(answer.out.strip()) > 10
    assert say("chat", text, "--json").json["changes"] == []


def test_nothing_starts_without_a_yes_and_the_way_to_it_is_shown(
    say: Any, ready: None, launcher: MemoryLauncher
) -> None:
    answer = say("chat", "start training", "--session", "one")
    assert answer.status == 0
    assert launcher.launches == {}
    assert "workbench chat --session default-one --yes" in answer.out
    confirmed = say("chat", "--session", "default-one", "--yes", "--json").json
    assert confirmed["card"]["state"] == "done"
    (launch,) = launcher.launches.values()
    assert confirmed["card"]["result"]["run"] == launch.run_id
    assert say("chat", "--session", "one", "--yes", "--json").json["error"] == "ConflictError"


def test_yes_confirms_the_card_of_the_same_sentence(
    say: Any, workspace: Workspace, ready: None, launcher: MemoryLauncher
) -> None:
    found = say("chat", "start training", "--session", "one", "--yes", "--json").json
    (launch,) = launcher.launches.values()
    assert (found["card"]["state"], found["card"]["result"]["run"]) == ("done", launch.run_id)
    spec = workspace.ledger.spec(launch.run_id)
    assert (spec.session, spec.config["epochs"] if spec.config else 0) == ("default-one", 9)


@pytest.mark.parametrize("word", ["no", "아니", "never mind"])
def test_a_no_in_a_call_of_its_own_declines_the_card(
    say: Any, workspace: Workspace, ready: None, launcher: MemoryLauncher, word: str
) -> None:
    say("chat", "start training", "--session", "one")
    answer = say("chat", word, "--session", "one")
    assert "outside" not in answer.out
    assert say("chat", "--session", "one", "--yes", "--json").json["error"] == "ConflictError"
    assert launcher.launches == {}
    assert workspace.conversations.open("one").draft.values["epochs"] == 9


@pytest.mark.parametrize("word", ["yes", "네", "y"])
def test_a_yes_in_a_call_of_its_own_says_how_to_confirm_and_starts_nothing(
    say: Any, ready: None, launcher: MemoryLauncher, word: str
) -> None:
    say("chat", "start training", "--session", "one")
    answer = say("chat", word, "--session", "one")
    assert "workbench chat --session default-one --yes" in answer.out
    assert say("chat", word, "--session", "one", "--json").json["card"]["state"] == "open"
    assert launcher.launches == {}
    say("chat", word, "--session", "one", "--yes")
    assert len(launcher.launches) == 1


def test_a_number_in_a_call_of_its_own_answers_the_list(say: Any, shapes: str, workspace: Workspace) -> None:
    say("chat", "epochs 5", "--session", "one")
    assert f"1) {shapes}" in say("chat", "start", "--session", "one").out
    assert "Start a training?" in say("chat", "1", "--session", "one").out
    assert workspace.conversations.open("one").draft.changes() == {"epochs": 5, "data": shapes}


@pytest.mark.parametrize(("text", "says"), [("start", "Starting the engine"), ("시작", "엔진을 시작합니다")])
def test_whoever_waits_for_the_engine_is_told_so(
    say: Any, ready: None, launcher: MemoryLauncher, monkeypatch: pytest.MonkeyPatch, text: str, says: str
) -> None:
    monkeypatch.setattr(launcher, "alive", lambda: False)
    say("chat", text, "--session", "one")
    answer = say("chat", "--session", "one", "--yes")
    assert says in answer.err
    assert len(launcher.launches) == 1


@pytest.mark.parametrize("words", [("--session", "nosuch"), ()])
def test_whoever_confirms_in_a_session_that_is_not_there_does_not_make_it(
    say: Any, workspace: Workspace, words: tuple[str, ...]
) -> None:
    answer = say("chat", "--yes", *words, "--json")
    assert (answer.status, answer.json["error"]) == (2, "UnknownNameError")
    assert workspace.projects.sessions() == []


def test_a_session_in_which_nothing_waits_says_so_in_its_language(say: Any) -> None:
    say("chat", "에폭 50", "--session", "one")
    answer = say("chat", "--session", "one", "--yes")
    assert answer.status == 2
    assert "승인을 기다리는 것이 없습니다" in answer.err


def test_what_cannot_be_done_ends_with_the_status_of_its_error(
    say: Any, ready: None, monkeypatch: pytest.MonkeyPatch, launcher: MemoryLauncher
) -> None:
    from workbench.errors import EngineError

    def fail(*_start: object) -> str:
        raise EngineError("The server is away.", "A server.", "Start it.")

    monkeypatch.setattr(launcher, "start", fail)
    answer = say("chat", "start training", "--session", "one", "--yes")
    assert (answer.status, answer.err) == (1, "Error: The server is away.\nA server.\nStart it.\n")


@pytest.mark.parametrize(("engine", "error"), [("gemini", "RequestError"), ("gemni", "RequestError")])
def test_an_engine_that_cannot_be_had_is_a_wrong_request(say: Any, engine: str, error: str) -> None:
    answer = say("chat", "epochs 50", "--engine", engine, "--json")
    assert (answer.status, answer.json["error"]) == (2, error)
    assert say("chat", "epochs 50", "--project", "nowhere").status == 2


def test_lines_of_a_pipe_are_taken_one_by_one(pipe: Pipe, workspace: Workspace) -> None:
    answer = pipe("epochs 50", "", "imgsz 320", "/undo", "/config", "/nonsense", "/quit", "epochs 7")
    assert answer.status == 0
    assert workspace.conversations.open("one").draft.changes() == {"epochs": 50}
    assert answer.out.count("100 → 50") == 1
    assert "epochs: 50" in answer.out
    assert "/nonsense" in answer.out


def test_lines_of_a_pipe_with_json_are_a_line_of_json_each(pipe: Pipe) -> None:
    answer = pipe("epochs 50", "/redo", "/undo many", "/config", "/sessions", "/engine", words=("--json",))
    found = [json.loads(line) for line in answer.out.splitlines()]
    assert answer.status == 2
    assert found[0]["changes"][0]["after"] == 50
    assert found[2]["error"] == "RequestError"
    assert found[3]["config"] == {"epochs": 50}
    assert found[4]["sessions"][0]["turns"] >= 1
    assert "rules" in found[5]["said"]


def test_a_card_is_answered_with_yes_or_no_in_either_language(
    pipe: Pipe, ready: None, workspace: Workspace, launcher: MemoryLauncher
) -> None:
    pipe("start training", "아니요", "y")
    assert launcher.launches == {}
    pipe("start training", "imgsz 320", "y")
    assert launcher.launches == {}
    answer = pipe("start training", "네")
    assert len(launcher.launches) == 1
    assert workspace.run("last").id in answer.out


def test_a_question_is_answered_by_the_number_of_an_option(pipe: Pipe, shapes: str, workspace: Workspace) -> None:
    answer = pipe("start training", "7", "what is mosaic?", "1")
    assert f"1) {shapes}" in answer.out
    assert "no option 7" in answer.out
    assert workspace.conversations.open("one").draft.values["data"] == shapes


def test_bytes_that_are_no_text_harm_nobody(pipe: Pipe, workspace: Workspace) -> None:
    assert pipe(data=b"\xff\xfe\nepochs 50\n").status == 0
    assert workspace.conversations.open("one").draft.changes() == {"epochs": 50}


def test_sessions_say_how_much_was_said_and_what_last(say: Any, workspace: Workspace) -> None:
    say("chat", "epochs 50", "--session", "one")
    say("chat", "imgsz 320", "--session", "one")
    (row,) = say("sessions", "list", "--json").json["sessions"]
    assert (row["id"], row["turns"], row["last"]) == ("default-one", 2, "imgsz 320")
    assert "imgsz 320" in say("sessions", "list").out
    shown = say("sessions", "show", "one").out
    assert shown.index("epochs 50") < shown.index("100 → 50") < shown.index("imgsz 320")
    assert len(say("sessions", "show", "one", "--json").json["conversation"]) == 2


def test_an_exported_session_has_what_was_said_and_no_secret(say: Any, tmp_path: Path) -> None:
    say("chat", "epochs 50 with key AIzaSyA1234567890abcdefghijklmnopqrstuv", "--session", "one")
    found = say("sessions", "export", "one", "--to", str(tmp_path / "out.json"), "--json").json
    text = (tmp_path / "out.json").read_text()
    assert found["turns"] == 1
    assert "AIzaSyA" not in text
    assert json.loads(text)["conversation"]["config"] == {"epochs": 50}


def test_a_deleted_session_has_nothing_to_replay(say: Any) -> None:
    say("chat", "epochs 50", "--session", "one")
    assert say("sessions", "replay", "one", "--json").json == {"session": "default-one", "differences": []}
    assert say("sessions", "replay", "one").out == "Everything is understood as it was.\n"
    assert say("sessions", "delete", "one").status == 0
    assert say("sessions", "replay", "one").status == 2
    assert say("chat", "imgsz 320", "--session", "one", "--json").json["id"] == "1"


def test_a_replay_says_what_is_understood_otherwise(say: Any, workspace: Workspace) -> None:
    workspace.conversations.open("one").edit({"epochs": 5})
    say("chat", "epochs 50", "--session", "one")
    log = workspace.paths.conversation("default", "default-one")
    log.write_text(log.read_text().replace('"epochs 50"', '"epochs 60"'))
    found = say("sessions", "replay", "one", "--json").json["differences"]
    assert [(each["what"], each["then"], each["now"]) for each in found] == [("epochs", 50, 60)]
