"""One conversation in two processes: neither loses a change, and none that is killed takes anything with it.

The processes are real ones. Each says on its standard output what was acknowledged to it, before it goes on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.scripted import Scripted
from workbench.chat.conversation import Conversation

ROOT = Path(__file__).parents[3]
TIMES = 200
HEAD = """
import os, signal, sys, time
from pathlib import Path
from tests.scripted import Scripted
from workbench.chat.conversation import Conversation
from workbench.errors import ConflictError
path = Path(sys.argv[1])
class Thinking(Scripted):
    def understand(self, text, situation):
        time.sleep(0.001)  # meanwhile the other one goes on
        return super().understand(text, situation)
conversation = Conversation(path, Thinking())
def acknowledge(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
acknowledge("ready")
sys.stdin.readline()
"""
FORM = """
for number in range(1, 201):
    time.sleep(0.001)
    turn = conversation.edit({"epochs": number, "patience": conversation.draft.values["patience"] + 1})
    acknowledge(turn.id, number)
"""
CHAT = """
for number in range(1, 201):
    turn = conversation.say(f"seed+=1 batch={number}")
    acknowledge(turn.id, number)
"""
CONFIRM = """
for line in sys.stdin:
    try:
        conversation.confirm(line.strip())
        acknowledge("won", 1)
    except ConflictError:
        acknowledge("won", 0)
"""
ENDLESS = """
number = 0
while True:
    number += 1
    acknowledge(conversation.say(f"seed={number}").id, number)
"""
DIES_WITHIN_A_LINE = """
write, left = os.write, 5
def dying(file, data):
    global left
    if file == 1 or not data.startswith(b'{"at"'):
        return write(file, data)
    left -= 1
    if left:
        return write(file, data)
    write(file, data[: len(data) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
os.write = dying
for number in range(1, 11):
    acknowledge(conversation.say(f"seed={number}").id, number)
"""

Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "default-day.conversation.jsonl"


@pytest.fixture
def start(path: Path) -> Iterator[Start]:
    """Return a starter of processes that wait for ``go``; none outlives the test."""
    with ExitStack() as stack:

        def make(code: str) -> subprocess.Popen[str]:
            child = subprocess.Popen(
                [sys.executable, "-c", HEAD + code, str(path)],
                cwd=ROOT,
                env={**os.environ, "YOLO_OFFLINE": "1", "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.callback(child.wait)
            stack.callback(child.kill)
            return child

        yield make


def tell(child: subprocess.Popen[str], line: str) -> None:
    """Write a line to a process."""
    assert child.stdin is not None
    child.stdin.write(f"{line}\n")
    child.stdin.flush()


def hear(child: subprocess.Popen[str]) -> str:
    """Return the next line that a process writes."""
    assert child.stdout is not None
    return child.stdout.readline().strip()


def go(*children: subprocess.Popen[str]) -> None:
    """Let the processes go on at once, when all are ready."""
    assert [hear(child) for child in children] == ["ready"] * len(children)
    for child in children:
        tell(child, "go")


def acknowledged(child: subprocess.Popen[str]) -> list[tuple[str, int]]:
    """Return what a process was acknowledged, when it has ended."""
    assert child.stdout is not None
    lines = child.stdout.read().splitlines()
    child.wait()
    return [(first, int(second)) for first, second in (line.split() for line in lines)]


def test_neither_form_nor_chat_loses_a_change(path: Path, start: Start) -> None:
    form, chat = start(FORM), start(CHAT)
    go(form, chat)
    edited, said = acknowledged(form), acknowledged(chat)
    assert (form.returncode, chat.returncode) == (0, 0)
    seen = Conversation(path, Scripted())
    turns = {turn.id: turn for turn in seen.turns()}
    assert list(turns) == [str(number) for number in range(1, 2 * TIMES + 1)]
    assert {turn for turn, _ in edited} | {turn for turn, _ in said} == set(turns)
    for by, field, known in (("form", "epochs", edited), ("chat", "batch", said)):
        for turn_id, number in known:
            assert turns[turn_id].by == by
            after = {change.field: change.after for change in turns[turn_id].changes}
            assert after.get(field, number) == number  # epochs=100 and batch=16 change nothing when they come first
    values = seen.draft.values
    # What counts up has been counted up by every turn: none was judged on a config that was out of date.
    assert (values["epochs"], values["batch"], values["seed"], values["patience"]) == (TIMES, TIMES, TIMES, 100 + TIMES)
    # They did take turns: otherwise nothing of this was tried.
    assert sum(one.by != other.by for one, other in zip(seen.turns(), seen.turns()[1:], strict=False)) > 10


def test_what_two_processes_changed_is_taken_back_in_order(path: Path, start: Start) -> None:
    form, chat = start(FORM), start(CHAT)
    go(form, chat)
    for child in (form, chat):
        acknowledged(child)
    seen = Conversation(path, Scripted())
    for turn in reversed(seen.turns()):
        back = {change.field: change.after for change in seen.undo().changes}
        assert back == {change.field: change.before for change in turn.changes}
    assert seen.draft.changes() == {}


def test_each_card_is_confirmed_by_one_of_two_processes(path: Path, start: Start) -> None:
    seen = Conversation(path, Scripted())
    seen.edit({"data": "helmets"})
    one, other = start(CONFIRM), start(CONFIRM)
    go(one, other)
    for _ in range(40):
        card = seen.say("start").card
        assert card is not None
        for child in (one, other):
            tell(child, card.id)
        assert sorted(hear(child) for child in (one, other)) == ["won 0", "won 1"]
        assert seen.card(card.id).state == "confirmed"


def test_nothing_acknowledged_is_lost_when_a_process_is_killed_at_any_moment(path: Path, start: Start) -> None:
    expected = 0
    for pause_s in (0.01, 0.05, 0.1):
        child = start(ENDLESS)
        go(child)
        time.sleep(pause_s)
        child.send_signal(signal.SIGKILL)
        known = acknowledged(child)
        turns = Conversation(path, Scripted()).turns()
        texts = {turn.id: turn.text for turn in turns}
        assert all(texts[turn] == f"seed={number}" for turn, number in known)
        assert expected + len(known) <= len(turns) <= expected + len(known) + 1
        expected = len(turns)


def test_a_process_that_dies_within_a_line_costs_that_line_only_and_holds_up_nobody(path: Path, start: Start) -> None:
    child = start(DIES_WITHIN_A_LINE)
    go(child)
    known = acknowledged(child)
    assert child.returncode == -signal.SIGKILL
    assert [number for _, number in known] == [1, 2, 3]
    assert not path.read_bytes().endswith(b"\n")
    seen = Conversation(path, Scripted())
    assert [turn.text for turn in seen.turns()] == ["seed=1", "seed=2", "seed=3"]
    assert seen.say("epochs=5").id == "4"
    assert path.read_bytes().endswith(b"\n")
    again = Conversation(path, Scripted())
    assert again.turns() == seen.turns()
    assert again.draft.changes() == {"seed": 3, "epochs": 5}
