"""``workbench chat`` as somebody at a terminal has it: a real process on a real pseudo-terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

# Whoever leads a session and opens a terminal has it for its own: Ctrl-C reaches it as a signal.
OWN = "import os, sys; os.close(os.open(os.ttyname(0), os.O_RDWR));"
START = f"{OWN} from workbench.cli import main; sys.exit(main())"
PLAIN = f"{OWN} sys.modules['prompt_toolkit'] = None; {START}"
_ORDERS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x1b\][^\x07]*\x07")
PATIENCE_S = 60
PROMPT = "\n>"
CTRL_C, CTRL_D, UP = "\x03", "\x04", "\x1b[A"


class Terminal:
    """A program on a pseudo-terminal, and everything that it has shown."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
            close_fds=True,
        )
        os.close(theirs)
        self.shown, self._seen = "", 0

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def enter(self, text: str) -> None:
        self.type(f"{text}\r")

    def until(self, text: str) -> str:
        """Wait for ``text`` and return what was shown since the last call."""
        end = time.monotonic() + PATIENCE_S
        while text not in self.shown[self._seen :]:
            if time.monotonic() > end or not self._read():
                pytest.fail(f"'{text}' was not shown, but: {self.shown[self._seen :]!r}")
        start, self._seen = self._seen, self.shown.index(text, self._seen) + len(text)
        return self.shown[start : self._seen]

    def status(self) -> int:
        """Wait for the end and return the exit status."""
        while self._read():
            pass
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self._ours)

    def _read(self) -> bool:
        if not select.select([self._ours], [], [], PATIENCE_S)[0]:
            return False
        try:
            data = os.read(self._ours, 65536)
        except OSError:  # Linux says so when the other end is closed
            return False
        self.shown = _ORDERS.sub("", self.shown + data.decode(errors="replace"))
        return bool(data)


Open = Callable[..., Terminal]


@pytest.fixture
def open_chat(tmp_path: Path) -> Iterator[Open]:
    """Return a starter of ``workbench chat --session one`` on a terminal of its own."""
    opened: list[Terminal] = []
    base = {
        name: value for name, value in os.environ.items() if not name.startswith(("GOOGLE_", "GEMINI_", "WORKBENCH_"))
    }
    base |= {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "COLUMNS": "200", "PYTHONUTF8": "1"}
    base |= {"WORKBENCH_HOME": str(tmp_path / "ws"), "WORKBENCH_ENGINE_HOME": str(tmp_path / "engine")}

    def start(code: str = START, **environment: str) -> Terminal:
        command = [sys.executable, "-c", code, "chat", "--session", "one"]
        opened.append(Terminal(command, {**base, **environment}))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


@pytest.mark.parametrize("code", [START, PLAIN], ids=["with prompt_toolkit", "without"])
def test_a_person_talks_undoes_and_leaves(open_chat: Open, code: str) -> None:
    chat = open_chat(code)
    chat.until("Session 'default-one', engine rules")
    chat.until(PROMPT)
    chat.enter("epochs 50")
    chat.until("100 → 50")
    chat.enter("배치 8")
    chat.until("16 → 8")
    chat.enter("/취소")
    chat.until("8 → 16")
    chat.enter("/config")
    chat.until("50")
    chat.enter("/quit")
    chat.until("workbench chat --session default-one")
    assert chat.status() == 0


def test_what_was_said_is_there_when_the_session_is_opened_again(open_chat: Open) -> None:
    chat = open_chat()
    chat.until(PROMPT)
    chat.enter("epochs 50")
    chat.until("100 → 50")
    chat.until(PROMPT)
    chat.type(CTRL_D)
    assert chat.status() == 0
    again = open_chat()
    again.until(PROMPT)
    again.type(UP)
    again.until("epochs 50")
    again.enter(" imgsz 320")
    again.until("640 → 320")
    again.until(PROMPT)
    again.type(CTRL_C)
    assert again.status() == 0


@pytest.mark.parametrize("code", [START, PLAIN], ids=["with prompt_toolkit", "without"])
def test_ctrl_c_drops_a_line_that_is_half_typed_and_a_word_leaves(open_chat: Open, code: str) -> None:
    chat = open_chat(code)
    chat.until(PROMPT)
    chat.type("epochs 5")
    chat.until("epochs 5")
    time.sleep(0.5)  # readline shows the letters before it waits for more: CPython misses a signal in between
    chat.type(CTRL_C)
    chat.until("The line is dropped")
    chat.until(PROMPT)
    chat.enter("imgsz 320")
    chat.until("640 → 320")
    chat.until(PROMPT)
    chat.enter("exit")
    chat.until("workbench chat --session default-one")
    assert chat.status() == 0


def test_a_question_is_asked_with_numbers_and_a_card_with_yes_and_no(open_chat: Open, tmp_path: Path) -> None:
    from tests.tiny import data_yaml
    from workbench.workspace import Workspace

    workspace = Workspace(tmp_path / "ws")
    workspace.datasets.add(data_yaml(tmp_path / "shapes"), name="shapes")
    chat = open_chat()
    chat.until(PROMPT)
    chat.enter("start training")
    chat.until("1) shapes")
    chat.enter("1")
    chat.until("Do it? [y/n]")
    chat.enter("n")
    chat.until("Left alone")
    chat.enter("/quit")
    assert chat.status() == 0
    assert workspace.ledger.ids_on_disk() == []


def test_ctrl_c_while_an_engine_thinks_leaves_with_130(open_chat: Open) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        deaf.settimeout(PATIENCE_S)
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        chat = open_chat(GOOGLE_API_KEY="nobody", WORKBENCH_GEMINI_URL=address, WORKBENCH_GEMINI_TIMEOUT_S="120")
        chat.until("engine gemini")
        chat.until(PROMPT)
        chat.enter("epochs 50")
        deaf.accept()
        chat.type(CTRL_C)
        chat.until("Interrupted.")
        assert chat.status() == 130
