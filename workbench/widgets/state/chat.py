"""The state behind the chat: one session's conversation, what is under way in it, and who listens.

What lives here: what the script asks and is told. What does not: understanding and doing (``conversations``), the list
of sessions (``chat_sessions``), and one turn taken apart (``chat_rows``).

Pushes: ``state`` with the rows that are new or otherwise, the head, and what is under way; ``going`` with what is being
answered and the words of an engine as they come in; ``failed`` with an error of what was done beside the messages;
``moved`` when another session is talked in.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

from workbench.chat import messages
from workbench.chat.prompt import DATASETS_MAX, RUNS_MAX
from workbench.chat.records import Turn
from workbench.chat.turn import Language
from workbench.conversations import Answer, engines, showing
from workbench.errors import RequestError, UnknownNameError, WorkbenchError
from workbench.runs.model import RunState
from workbench.widgets.state.chat_following import Errands, Follower, stamp
from workbench.widgets.state.chat_requests import CardId, Choice, Going, Nth, Text, TurnId, Values
from workbench.widgets.state.chat_rows import row, way_back
from workbench.widgets.state.chat_sessions import SessionRequests
from workbench.widgets.state.messages import Nothing, Reply, answers

if TYPE_CHECKING:
    from workbench.chat.conversation import Conversation
    from workbench.workspace import Workspace

SHOWN: Final = 60  # turns that a view begins with; it asks for earlier ones
_CARDS: Final = 8  # newest cards whose runs are looked at
_PUSH_S: Final = 0.05  # between two pushes of words that come in


class ChatState(SessionRequests):
    """A chat in one session of a workspace.

    Args:
        workspace: see there.
        session: its id or name; ``None`` is the day's.
        engine: ``auto``, ``rules`` or ``gemini``.
        readonly: leaves out all that acts.

    Raises:
        RequestError: when there is no such engine, or no key for it.
    """

    def __init__(self, workspace: Workspace, session: str | None, engine: str, *, readonly: bool = False) -> None:
        super().__init__(workspace, readonly=readonly)
        self.tell: Callable[[str, Any], object] = lambda _topic, _data: None
        self.engine = engine
        self._lock = threading.RLock()  # of what follows
        self._known: dict[str, tuple[Turn, str, str, dict[str, Any]]] = {}
        self._going: dict[int, Going] = {}
        self._tickets, self._told_at = 0, 0.0
        self._listeners: list[Callable[[], object]] = []
        self._errands = Errands()
        self._told: dict[str, dict[str, Any]] = {}  # the rows that all views have
        self._runs: dict[str, str] = {}  # those that cards have begun, with their states as they were told
        self._follower = Follower(self._stamp, self.refresh)
        self.conversation = self._opened(session)

    def watch(self, watched: bool) -> None:
        """Follow what others write into the session, as long as somebody looks."""
        self._follower.start() if watched else self._follower.stop()

    def listen(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Have ``listener`` called when something was done here, or elsewhere while somebody looks; returns the end."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def refresh(self) -> None:
        """Tell all views, and whoever listens, what has changed since they were told last."""
        with self._lock:
            try:
                news = {"rows": self._news(), "head": self.head(), "going": self._under_way()}
            except UnknownNameError as error:
                news = {"rows": [], "head": self._gone(error), "going": []}
            except WorkbenchError as error:
                self.tell("failed", _beats(showing.told(error, self.language)))
                return
            self.tell("state", news)
        for listener in self._listeners:
            listener()

    @property
    def language(self) -> Language:
        """Of the last turn."""
        try:
            return self.conversation.memory.language
        except WorkbenchError:
            return "en"

    @answers("hello")
    def hello(self, _request: Nothing) -> Reply:
        """Answer with the newest turns, the head, and what is under way."""
        with self._lock:
            going = self._under_way()
            try:
                turns = self.conversation.turns()
                shown = {"rows": self._rows(turns[-SHOWN:]), "earlier": len(turns) > SHOWN, "head": self.head()}
            except UnknownNameError as error:
                shown = {"rows": [], "earlier": False, "head": self._gone(error)}
            return Reply({**shown, "going": going})

    @answers("earlier")
    def earlier(self, request: TurnId) -> Reply:
        """Answer with the turns before one."""
        with self._lock:
            before = [turn for turn in self.conversation.turns() if _number(turn.id) < _number(request.turn)]
            return Reply({"rows": self._rows(before[-SHOWN:]), "earlier": len(before) > SHOWN})

    @answers("sent")
    def sent(self, request: TurnId) -> Reply:
        """Answer with the JSON that left the machine in a turn, as it was kept; of old turns only the log has it."""
        turn = next((turn for turn in self.conversation.turns() if turn.id == request.turn), None)
        return Reply({"turn": request.turn, "sent": turn.sent if turn else {}})

    @answers("say", acts=True)
    def say(self, request: Text) -> Reply:
        """Have something answered; the answer comes as a push, because an engine may take many seconds."""
        ticket = self._begin(Going(0, text=request.text))
        self._errands.put(lambda: self._finish(ticket, lambda: self._say(ticket, request.text)))
        return Reply({"ticket": ticket}, python=f"chat.say({request.text!r})")

    @answers("confirm", acts=True)
    def confirm(self, request: CardId) -> Reply:
        """Do what a card says; what came of it comes as a push."""
        card = self.conversation.card(request.card)
        starting = self.home.needs_engine(card)
        note = messages.say("terminal.say.starting", self.language) if starting else ""
        ticket = self._begin(Going(0, card=card.id, note=note))
        self._errands.put(lambda: self._finish(ticket, lambda: self.home.perform(self.conversation, card.id)))
        return Reply({"ticket": ticket}, python=f"chat.confirm({card.id!r})")

    @answers("decline", acts=True)
    def decline(self, request: CardId) -> Reply:
        """Put a card away."""
        self.conversation.decline(request.card)
        return self._done(f"chat.decline({request.card!r})")

    @answers("undo", acts=True)
    def undo(self, request: TurnId) -> Reply:
        """Take back what a turn changed, or the last change."""
        self.conversation.undo(turn=request.turn)
        return self._done(f"chat.undo({request.turn!r})" if request.turn else "chat.undo()")

    @answers("redo", acts=True)
    def redo(self, _request: Nothing) -> Reply:
        """Do again what was taken back last."""
        self.conversation.redo()
        return self._done("chat.redo()")

    @answers("choose", acts=True)
    def choose(self, request: Nth) -> Reply:
        """Answer a question by one of its options."""
        self.conversation.answer(request.turn, request.number - 1, self._context())
        return self._done(f"chat.choose({request.turn!r}, {request.number})")

    @answers("accept", acts=True)
    def accept(self, request: Nth) -> Reply:
        """Take a suggestion over."""
        self.conversation.accept(request.turn, request.number - 1, self._context())
        return self._done(f"chat.accept({request.turn!r}, {request.number})")

    @answers("edit", acts=True)
    def edit(self, request: Values) -> Reply:
        """Change fields as the form does."""
        self.conversation.edit(request.values, self._context())
        values = ", ".join(f"{name}={value!r}" for name, value in request.values.items())
        return self._done(f"chat.edit({values})")

    @answers("engine", acts=True)
    def choose_engine(self, request: Choice) -> Reply:
        """Have another engine listen from now on."""
        self.use(request.engine)
        return Reply(python=f"chat.use({request.engine!r})")

    def use(self, engine: str) -> None:
        """Have another engine listen from now on.

        Raises:
            RequestError: when there is no such engine, or no key for it.
        """
        with self._lock:
            self.home.engine_name(engine)
            self.engine, place = engine, self.home.place(self.conversation)
            self.conversation = self._opened(place.session, place.project)
        self.refresh()

    def go_to(self, session: str | None, project: str | None = None) -> None:
        """Talk in another session from now on; ``None`` is the day's, which is made when it is not there."""
        with self._lock:
            self._known, self._told, self._runs = {}, {}, {}
            self.conversation = self._opened(session, project)
        self.tell("moved", self.place())
        self.refresh()

    def place(self) -> dict[str, str]:
        """Return the session: ``{"id", "name", "project"}``."""
        found = self.home.place(self.conversation)
        row = next((row for row in self.workspace.projects.sessions(found.project) if row["id"] == found.session), {})
        return {"id": found.session, "name": str(row.get("name", found.session)), "project": found.project}

    def tell_head(self) -> None:
        """Tell all views what stands over the conversation."""
        self.refresh()

    def head(self) -> dict[str, Any]:
        """Return what stands over the conversation and under it.

        Raises:
            UnknownNameError: when the session is deleted.
        """
        draft, turns = self.conversation.draft, self.conversation.turns()
        return {
            **self._frame(),
            "undo": draft.undo() is not None,
            "redo": draft.redo() is not None,
            "changed": len(draft.changes()),
            "tokens": sum(turn.usage.total for turn in turns),
        }

    def _frame(self) -> dict[str, Any]:
        """Return what of the head is so whatever was said."""
        return {
            "session": self.place(),
            "gone": None,
            "engine": self.home.engine_name(self.engine),
            "model": self.workspace.settings.workbench_gemini_model,
            "engines": [name for name in engines.CHOICES[1:] if self._usable(name)],
            "sending": {"datasets": DATASETS_MAX, "runs": RUNS_MAX},
            "undo": False,
            "redo": False,
            "changed": 0,
            "tokens": 0,
        }

    def _gone(self, error: WorkbenchError) -> dict[str, Any]:
        """Return the head of a session that somebody has deleted."""
        return {**self._frame(), "gone": _beats(showing.told(error, self.language))}

    def _reply(self, envelope: Mapping[str, Any]) -> Reply:
        try:
            return super()._reply(envelope)
        except WorkbenchError as error:
            raise showing.told(error, self.language) from error

    def _opened(self, session: str | None, project: str | None = None) -> Conversation:
        conversation = self.home.open(session, project, self.engine)
        engines.tell_pauses(conversation.engine, self._pauses)
        return conversation

    def _usable(self, name: str) -> bool:
        with suppress(RequestError):
            return bool(self.home.engine_name(name))
        return False

    def _context(self) -> Any:
        return self.home.context(self.conversation)

    def _done(self, python: str) -> Reply:
        self.refresh()
        return Reply(python=python)

    def _news(self) -> list[dict[str, Any]]:
        """Return the rows that the views do not have, or not as they are now."""
        rows = self._rows(self.conversation.turns()[-SHOWN:])
        found = [row for row in rows if self._told.get(row["id"]) != row]
        self._told |= {row["id"]: row for row in found}
        return found

    def _rows(self, turns: Sequence[Turn]) -> list[dict[str, Any]]:
        draft = self.conversation.draft
        again = draft.redo()
        return [self._row(turn, way_back(turn, draft, again)) for turn in turns]

    def _row(self, turn: Turn, back: str) -> dict[str, Any]:
        state = self._run_state(turn)
        known = self._known.get(turn.id)
        if known is None or known[:3] != (turn, back, state):
            known = self._known[turn.id] = (turn, back, state, row(turn, back, state))
        return known[3]

    def _run_state(self, turn: Turn) -> str:
        """Return how the run is that a card has begun; empty without one."""
        run = turn.card.result.get("run") if turn.card is not None and turn.card.state == "done" else None
        if not run:
            return ""
        with suppress(WorkbenchError):
            self._runs[str(run)] = self.workspace.ledger.state(str(run)).value
        return self._runs.get(str(run), "")

    def _stamp(self) -> object:
        """Return what changes when somebody writes into the session, or a run goes on that a card has begun."""
        with self._lock:
            path, runs = self.conversation.path, dict(self._runs)
        alive = [run for run, state in runs.items() if not RunState(state).ended][-_CARDS:]
        return stamp(path), str(path), tuple(self.workspace.ledger.state(run) for run in alive)

    def _begin(self, going: Going) -> int:
        with self._lock:
            self._tickets += 1
            self._going[self._tickets] = replace(going, ticket=self._tickets)
            self.tell("going", self._under_way())
            return self._tickets

    def _finish(self, ticket: int, work: Callable[[], object]) -> None:
        try:
            work()
        except WorkbenchError as error:
            self.tell("failed", {**_beats(showing.told(error, self.language)), "text": self._going[ticket].text})
        except Exception as error:  # noqa: BLE001  else the views would wait for ever
            self.tell("failed", {"happened": f"{type(error).__name__}: {error}", "expected": "", "todo": ""})
        finally:
            with self._lock:
                del self._going[ticket]
            self.refresh()

    def _say(self, ticket: int, text: str) -> Answer:
        def heard(words: str) -> None:
            with self._lock:
                going = self._going[ticket]
                self._going[ticket] = replace(going, words=going.words + words, note="")
                if time.monotonic() - self._told_at > _PUSH_S:
                    self._told_at = time.monotonic()
                    self.tell("going", self._under_way())

        return self.home.say(text, self.conversation, heard)

    def _pauses(self, seconds: float, _why: str) -> None:
        with self._lock:
            note = messages.say("terminal.say.waiting", self.language, seconds=round(seconds))
            self._going = {ticket: replace(going, note=note) for ticket, going in self._going.items()}
            self.tell("going", self._under_way())

    def _under_way(self) -> list[dict[str, Any]]:
        return [asdict(going) for going in self._going.values()]


def _number(turn_id: str) -> int:
    return int(turn_id) if turn_id.isdecimal() else 0


def _beats(error: WorkbenchError) -> dict[str, str]:
    return {"happened": error.happened, "expected": error.expected, "todo": error.todo}
