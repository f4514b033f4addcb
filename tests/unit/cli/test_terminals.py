"""A terminal without Korean letters: nothing breaks, and what it cannot show is spelt out."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench.cli import lines, output
from workbench.cli.app import run
from workbench.errors import RequestError
from workbench.workspace import Workspace

Printed = tuple[int, str, str]
pytestmark = pytest.mark.slow
SAID = "배치 두 배 → é 🙂"


@pytest.fixture
def run_on(say: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Printed]:
    """Return a caller of the command line on a terminal of an encoding: status, stdout, stderr."""

    def call(encoding: str, *words: str) -> Printed:
        streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict") for _ in range(2)]
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", streams[0])
            patch.setattr(sys, "stderr", streams[1])
            status = run(list(words))
        written = []
        for stream in streams:
            stream.flush()
            assert isinstance(stream.buffer, io.BytesIO)
            # typer takes a terminal for UTF-8 that says it is ASCII, which is a part of that
            written.append(stream.buffer.getvalue().decode("utf-8" if encoding == "ascii" else encoding))
        return status, written[0], written[1]

    return call


def read(text: str) -> str:
    """Return text with its escapes read as the letters that they stand for."""
    pattern = r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})"
    return re.sub(pattern, lambda match: match[0].encode("ascii").decode("unicode_escape"), text)


@pytest.fixture
def talked(workspace: Workspace) -> None:
    workspace.projects.ensure("default")
    workspace.conversations.say(SAID, workspace.conversations.open("안전모"))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "euc-kr"])
@pytest.mark.parametrize(
    "words",
    [
        ("sessions", "show", "안전모"),
        ("sessions", "show", "없는 것"),
        ("sessions", "rename", "default-session", "헬멧 → 둘"),
        ("projects", "show", "없는것"),
        ("datasets", "show", "데이터→"),
        ("chat", "--yes", "--session", "없는것"),
        ("chat", "--없는것"),
        ("없는것",),
        ("chat", "--help"),
    ],
)
@pytest.mark.usefixtures("talked")
def test_every_letter_reaches_a_terminal_that_lacks_it(
    run_on: Callable[..., Printed], encoding: str, words: tuple[str, ...]
) -> None:
    status, out, err = run_on(encoding, *words)
    assert (status, read(out), read(err)) == run_on("utf-8", *words)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "euc-kr"])
@pytest.mark.parametrize("words", [("sessions", "list"), ("sessions", "show", "안전모"), ("sessions", "show", "é")])
@pytest.mark.usefixtures("talked")
def test_json_is_json_on_every_terminal(run_on: Callable[..., Printed], encoding: str, words: tuple[str, ...]) -> None:
    status, out, _ = run_on(encoding, *words, "--json")
    expected, plain, _ = run_on("utf-8", *words, "--json")
    assert (status, json.loads(out)) == (expected, json.loads(plain))
    assert "안전모" in plain or "é" in plain


def test_a_table_and_facts_reach_a_terminal_that_lacks_their_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    output.spell_out()
    output.table(("이름",), [[SAID]], "")
    output.facts({"이름": SAID})
    output.error(RequestError(SAID), as_json=False)
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    assert read(stream.buffer.getvalue().decode("ascii")).count(SAID) == 2


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_change_is_made_once_and_told_on_every_terminal(
    run_on: Callable[..., Printed], workspace: Workspace, encoding: str
) -> None:
    status, out, _ = run_on(encoding, "chat", "배치 두 배", "--session", "one")
    assert (status, workspace.conversations.open("one").draft.changes()) == (0, {"batch": 32})
    assert "16 → 32" in read(out)


def test_words_that_python_took_for_ascii_are_read_as_they_were_typed(
    run_on: Callable[..., Printed], workspace: Workspace
) -> None:
    words = [word.encode().decode("ascii", "surrogateescape") for word in ("chat", "배치 두 배", "--session", "안전모")]
    assert run_on("ascii", *words)[0] == 0
    (row,) = workspace.projects.summaries()
    assert (row["name"], row["last"]) == ("안전모", "배치 두 배")


def test_what_is_no_text_stays_the_name_of_a_file(run_on: Callable[..., Printed], tmp_path: Path) -> None:
    """A name that is not UTF-8 names its file on, also on a terminal that cannot show it."""
    folder = str(tmp_path / "\udcff")
    status, out, _ = run_on("ascii", "sessions", "list", "--workspace", folder, "--json")
    assert (status, json.loads(out)) == (0, {"sessions": []})


def test_lines_are_read_by_python_itself_where_a_prompt_could_not_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = io.TextIOWrapper(io.BytesIO("배치\n".encode() + b"\xff\n"), encoding="ascii")
    monkeypatch.setattr(sys, "stdin", typed)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace"))
    ask = lines.prompt([])
    assert (ask("진행할까요?"), ask("")) == ("배치", "\ufffd")
