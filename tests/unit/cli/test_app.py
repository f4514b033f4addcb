"""Exit statuses, streams, and what every command takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

from workbench.cli import app as app_module
from workbench.cli.app import app
from workbench.cli.train import read_pairs
from workbench.errors import ConfigError, WorkbenchError

pytestmark = pytest.mark.slow


def commands(group: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    if not hasattr(group, "commands"):
        return [(path, group)]
    return [found for name, child in group.commands.items() for found in commands(child, (*path, name))]


COMMANDS = commands(typer.main.get_command(app))


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS])
def test_every_command_takes_a_workspace_and_json_and_says_what_it_does(path: tuple[str, ...], command: Any) -> None:
    options = {option for parameter in command.params for option in parameter.opts}
    assert "--workspace" in options
    assert ("--json" in options) is (path != ("lab",))
    assert command.help
    assert all(getattr(parameter, "help", None) for parameter in command.params if parameter.name != "help")


@pytest.mark.parametrize(
    "words",
    [
        ("--bogus",),
        ("bogus",),
        ("runs", "list", "--bogus"),
        ("runs", "bogus"),
        ("runs", "show"),
        ("deploy", "x", "--port", "70000"),
        ("predict", "a", "b", "--conf", "2"),
        (),
        ("runs",),
    ],
)
def test_a_wrong_request_exits_with_2_and_says_so_on_stderr(say: Any, words: tuple[str, ...]) -> None:
    answer = say(*words)
    assert answer.status == 2
    assert answer.out == ""
    assert "workbench" in answer.err


@pytest.mark.parametrize("words", [("runs", "list", "--bogus"), ("runs", "show"), ("bogus",), ("train", "epochs")])
def test_with_json_a_wrong_request_is_one_object_on_stdout(say: Any, words: tuple[str, ...]) -> None:
    answer = say(*words, "--json")
    assert answer.status == 2
    assert answer.json["error"]
    assert answer.json["happened"]
    assert answer.err.startswith("Error: ")


def test_an_error_is_three_beats_on_stderr(say: Any) -> None:
    answer = say("projects", "show", "defalt")
    assert answer.status == 2
    assert answer.out == ""
    assert answer.err.splitlines() == [
        "Error: No project 'defalt'.",
        "Projects: none yet.",
        "Make it with `workbench projects create defalt`.",
    ]


@pytest.mark.parametrize("extra", [(), ("--json",)])
def test_a_workspace_that_cannot_be_written_exits_with_1(say: Any, extra: tuple[str, ...]) -> None:
    answer = say("init", "--workspace", "/dev/null/x", *extra)
    assert answer.status == 1
    assert "Could not write '/dev/null/x': Not a directory." in answer.err
    if extra:
        assert answer.json["error"] == "StorageError"


@pytest.mark.parametrize("extra", [(), ("--json",)])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), typer.Abort()])
def test_an_interrupted_command_exits_with_130(
    say: Any, monkeypatch: pytest.MonkeyPatch, extra: tuple[str, ...], error: BaseException
) -> None:
    def interrupt(_path: Path | None) -> None:
        raise error

    monkeypatch.setattr("workbench.cli.projects.open_workspace", interrupt)
    answer = say("projects", "list", *extra)
    assert answer.status == 130
    assert "Interrupted." in answer.err
    if extra:
        assert answer.json["happened"] == "Interrupted."


def test_work_that_fails_exits_with_1(say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_path: Path | None) -> None:
        raise WorkbenchError("It did not work.")

    monkeypatch.setattr("workbench.cli.projects.open_workspace", fail)
    assert say("projects", "list").status == 1


def test_settings_are_pairs_and_a_value_may_hold_an_equals_sign() -> None:
    assert read_pairs(["epochs=3", "name=a=b", "freeze="]) == {"epochs": "3", "name": "a=b", "freeze": ""}
    for word in ("epochs", "=3", ""):
        with pytest.raises(ConfigError, match="is no setting"):
            read_pairs([word])


def test_the_command_ends_the_process_with_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.cli import main

    monkeypatch.setattr("sys.argv", ["workbench", "--bogus"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2


def test_help_exits_with_0(say: Any) -> None:
    answer = say("--help")
    assert answer.status == 0
    assert app_module.app.info.help in answer.out
