"""A conversation line by line, at a terminal or from a pipe.

What lives here: commands that begin with a slash, the yes that confirms, and what is printed. What does not: where
lines come from (``lines``), what is understood of one (``chat``), what is done about it (``conversations``).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from workbench.chat import messages
from workbench.chat.replies import unheard
from workbench.chat.turn import Language
from workbench.cli import output
from workbench.cli.chat import carry_out, show_pauses
from workbench.cli.lines import DroppedError
from workbench.conversations import Answer, showing
from workbench.errors import RequestError, WorkbenchError

if TYPE_CHECKING:
    from workbench.chat.conversation import Conversation
    from workbench.chat.records import Turn
    from workbench.conversations import Conversations

Reader = Callable[[str], str]
PROMPT: Final = "> "
_LANGUAGES: Final[tuple[Language, ...]] = ("en", "ko")


class Dialogue:
    """One person at one conversation.

    Args:
        desk: the conversations of the workspace.
        conversation: the one that is talked in.
        engine: what was asked for: auto, rules or gemini.
        as_json: whether every answer is one line of JSON.
    """

    def __init__(self, desk: Conversations, conversation: Conversation, engine: str, *, as_json: bool = False) -> None:
        self._desk, self._conversation, self._engine, self._json = desk, conversation, engine, as_json
        self._session = desk.place(conversation).session
        self._language: Language = conversation.memory.language
        self._status = 0
        self._asked: Answer | None = None  # whose card was shown last: a yes means that one and no other
        self._commands: dict[str, Callable[[str], None]] = {
            "undo": self._undo,
            "redo": self._redo,
            "config": self._show_config,
            "accept": self._accept,
            "engine": self._choose_engine,
            "sent": self._show_sent,
            "sessions": self._show_sessions,
            "help": lambda _rest: self._say("say.help"),
        }

    def talk(self, read: Reader) -> None:
        """Talk at a terminal until the person leaves.

        Args:
            read: shows a prompt and returns a line; ``EOFError`` or ``KeyboardInterrupt`` when the person leaves,
                ``DroppedError`` when only the line is dropped.
        """
        self._say("say.hello", session=self._session, engine=self._desk.engine_name(self._engine))
        self._remind()
        while True:
            try:
                line = read(self._prompt())
            except DroppedError:
                self._say("say.how_to_leave")
                continue
            except (EOFError, KeyboardInterrupt):
                break
            if self._leaves(line):
                break
            self.hear(line)
        self._say("say.bye", session=self._session)

    def listen(self, lines: Iterable[str]) -> int:
        """Take lines as they come and return the exit status: that of the first error, else 0."""
        for line in lines:
            if self._leaves(line):
                break
            self.hear(line)
        return self._status

    def hear(self, line: str) -> None:
        """Take one line: a command, an answer, or something that is said; an error is shown."""
        line = line.strip()
        if not line:
            return
        try:
            self._take(line)
        except WorkbenchError as error:
            self._status = self._status or error.exit_status
            output.error(showing.told(error, self._language), self._json)

    def _take(self, line: str) -> None:
        asked, self._asked = self._asked, None
        if line.startswith("/"):
            self._language = "ko" if showing.is_korean(line) else self._language
            self._obey(line)
        elif asked and messages.says_only(line, "yes"):
            carry_out(self._desk, asked)
            self._show_card(asked)
        else:
            self._converse(line)

    def _converse(self, line: str) -> None:
        """Say something; an engine's own words are shown as they come in, and not once more."""
        heard: list[str] = []

        def show(words: str) -> None:
            heard.append(words)
            sys.stdout.write(output.visible(words))
            sys.stdout.flush()

        answer = self._desk.say(line, self._conversation, unheard if self._json else show)
        self._show(answer, "".join(heard))

    def _obey(self, line: str) -> None:
        name, _, rest = line[1:].partition(" ")
        command = next((known for known in self._commands if self._is_command(line, known)), None)
        if command is None:
            self._say("say.no_such_command", command=f"/{name}")
        else:
            self._commands[command](rest.strip())

    def _undo(self, steps: str) -> None:
        self._show(self._answer(self._conversation.undo(self._count(steps))))

    def _redo(self, steps: str) -> None:
        self._show(self._answer(self._conversation.redo(self._count(steps))))

    def _accept(self, number: str) -> None:
        offering = next((turn for turn in reversed(self._conversation.turns()) if turn.suggestions), None)
        if offering is None:
            self._say("say.no_suggestions")
        else:
            self._show(self._answer(offering).accept(self._count(number)))

    def _choose_engine(self, name: str) -> None:
        if name:
            self._conversation = self._desk.open(self._session, self._desk.place(self._conversation).project, name)
            show_pauses(self._conversation)
            self._engine = name
        self._say("say.engine", engine=self._desk.engine_name(self._engine))

    def _show_config(self, _rest: str) -> None:
        changed = self._conversation.draft.changes()
        if self._json:
            output.show({"config": changed, "session": self._session}, True, _nothing)
        elif not changed:
            self._say("say.unchanged")
        for line in () if self._json else showing.settings(changed, self._language):
            output.say(f"  {line}")

    def _show_sent(self, _rest: str) -> None:
        turns = self._conversation.turns()
        sent = turns[-1].sent if turns else {}
        if self._json:
            output.show({"sent": sent, "session": self._session}, True, _nothing)
        elif sent:
            output.say(json.dumps(sent, ensure_ascii=False, indent=2))
        else:
            self._say("say.nothing_sent")

    def _show_sessions(self, _rest: str) -> None:
        from workbench.cli.sessions import show_sessions

        show_sessions(self._desk.sessions(), self._json)

    def _show_card(self, answer: Answer) -> None:
        output.show(answer.to_payload(), self._json, lambda: output.say(answer.outcome()))

    def _show(self, answer: Answer, heard: str = "") -> None:
        """Show an answer; ``heard`` is what of it has been shown already."""
        self._language = answer.turn.language
        self._asked = answer if answer.card and answer.card.state == "open" else None
        output.show(answer.to_payload(), self._json, lambda: output.say(_rest(str(answer), heard)))

    def _answer(self, turn: Turn) -> Answer:
        return Answer(self._desk, self._conversation, turn)

    def _waiting(self) -> Answer | None:
        """Return the last turn that still waits: for a yes, or for the answer to its question."""
        pending = self._conversation.memory.pending
        for turn in reversed(self._conversation.turns()):
            asks = pending is not None and turn.question == pending and turn.answered is None
            if asks or (turn.card is not None and turn.card.state == "open"):
                return self._answer(turn)
        return None

    def _remind(self) -> None:
        """Show what waits in a session that is opened again."""
        waits = self._waiting()
        if waits:
            text = messages.say("reply.waits", self._language)
            output.show({"said": text, "session": self._session}, self._json, lambda: output.say(text))
            self._show(waits)

    def _prompt(self) -> str:
        return messages.say("terminal.ask.card", self._language) + " " if self._asked else PROMPT

    def _say(self, key: str, **values: str) -> None:
        text = messages.say(f"terminal.{key}", self._language, **values)
        output.show({"said": text, "session": self._session}, self._json, lambda: output.say(text))

    def _count(self, text: str) -> int:
        """Read a number of steps; 1 without any.

        Raises:
            RequestError: when it is none.
        """
        if not text:
            return 1
        if text.isascii() and text.isdecimal() and len(text) <= 3 and 1 <= int(text) <= 100:
            return int(text)
        raise showing.problem(RequestError, "no_count", self._language, text=text[:80])

    def _leaves(self, line: str) -> bool:
        return self._is_command(line, "quit") or self._means(line, "leave")

    def _is_command(self, line: str, command: str) -> bool:
        name = line.strip().partition(" ")[0]
        return name.startswith("/") and self._means(name[1:], command)

    def _means(self, line: str, word: str) -> bool:
        bare = line.strip().rstrip(".!~").casefold()
        return any(bare in messages.words(f"terminal.words.{word}", language) for language in _LANGUAGES)


def _nothing() -> None:
    return None


def _rest(text: str, heard: str) -> str:
    """Return what of a text has not been shown yet; all of it, on a line of its own, where the two differ."""
    return text.removeprefix(heard) if text.startswith(heard) else f"\n{text}"
