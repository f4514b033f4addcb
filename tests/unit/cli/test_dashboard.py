"""``workbench dashboard``: how the server is set up, and what is said when it cannot be."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Say
from workbench.errors import ConflictError, EngineError
from workbench.widgets.pages import server as serving
from workbench.widgets.pages.server import Server
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow  # goes through much of the house

# A server that answers where Voila is waited for, and one that ends at once.
ANSWERS = """
import http.server, json, pathlib
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
port = json.loads(pathlib.Path("voila.json").read_text())["Voila"]["port"]
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""
ENDS = "import sys; sys.exit('no such module')"


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a function that has a program of a line or two started instead of Voila."""

    def instead(code: str) -> None:
        monkeypatch.setattr(Server, "command", property(lambda _server: [sys.executable, "-c", code]))

    return instead


def test_nothing_of_the_folder_is_served_and_nobody_gets_in_without_the_token(tmp_path: Path) -> None:
    configuration = Server(tmp_path, token="t").configuration
    assert configuration["Voila"]["token"] == "t"
    assert configuration["Voila"]["ip"] == "127.0.0.1"
    assert configuration["VoilaConfiguration"]["file_allowlist"] == ["(?!)"]
    assert configuration["VoilaConfiguration"]["show_tracebacks"] is False
    assert configuration["VoilaConfiguration"]["allow_template_override"] == "NO"
    assert configuration["MappingKernelManager"]["cull_connected"] is True


def test_the_token_stands_in_no_argument_of_a_process(tmp_path: Path) -> None:
    assert not any("secret" in word for word in Server(tmp_path, token="secret").command)


def test_the_address_holds_any_token_whole(tmp_path: Path) -> None:
    assert Server(tmp_path, token="a&b c", port=8).url == "http://127.0.0.1:8/?token=a%26b%20c"


def test_a_server_is_up_on_entering_and_leaves_neither_process_nor_file(tmp_path: Path, stand_in: Any) -> None:
    stand_in(ANSWERS)
    with Server(tmp_path, token="t") as server:
        folder = server.log.parent
        assert folder.stat().st_mode & 0o077 == 0
        with socket.create_connection(("127.0.0.1", server.port)):
            pass
    assert not folder.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


def test_a_port_that_is_taken_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConflictError, match=f"Port {taken.getsockname()[1]} cannot be listened at"):
            Server(tmp_path, token="t", port=taken.getsockname()[1]).__enter__()


def test_a_server_that_ends_at_once_is_quoted(tmp_path: Path, stand_in: Any) -> None:
    stand_in(ENDS)
    with pytest.raises(EngineError, match=r"status 1.*no such module"):
        Server(tmp_path, token="t").__enter__()


def test_without_voila_the_command_says_what_to_install(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "find_spec", lambda _name: None)
    answer = say("dashboard", "--no-browser")
    assert answer.status == 1
    assert "Voila is not installed." in answer.err
    assert "pip install" in answer.err


def test_the_command_prints_the_address_with_a_token_and_touches_no_file(
    say: Say, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, stand_in: Any
) -> None:
    stand_in(ANSWERS)
    monkeypatch.setattr(Server, "wait", lambda _server: None)
    before = {path: path.stat().st_mtime_ns for path in workspace.paths.root.rglob("*")}
    answer = say("dashboard", "--no-browser")
    assert answer.status == 0, answer.err
    assert "http://127.0.0.1:" in answer.out
    assert len(answer.out.partition("?token=")[2].split()[0]) >= 32
    assert {path: path.stat().st_mtime_ns for path in workspace.paths.root.rglob("*")} == before


def test_a_language_that_there_is_not_is_refused(say: Say) -> None:
    assert say("dashboard", "--lang", "fr").status == 2
