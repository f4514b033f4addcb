"""The conversations of a workspace: ``ws.conversations``, and ``ws.chat`` in front of it.

What lives here: opening one, handing it what it may talk about, and carrying out what a person has confirmed. What does
not: what a conversation is (``chat.conversation``).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from workbench.chat import messages
from workbench.chat.cards import Card
from workbench.chat.context import Context
from workbench.chat.conversation import Conversation
from workbench.chat.records import Turn
from workbench.chat.replaying import Difference
from workbench.chat.replies import unheard
from workbench.chat.turn import OnText
from workbench.conversations import engines, showing
from workbench.conversations.facts import Facts
from workbench.conversations.performing import STARTS, Order, came_of, carry_out, going
from workbench.projects import DEFAULT
from workbench.runs.supervision import launcher

if TYPE_CHECKING:
    from workbench.conversations.answer import Answer
    from workbench.workspace import Workspace


CONVERSATION: Final = ".conversation.jsonl"


class Place(NamedTuple):
    """Where a conversation belongs: runs that it starts are filed there."""

    project: str
    session: str


class Conversations:
    """The conversations of one workspace, one a session.

    Args:
        workspace: what they talk about.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._facts = Facts(workspace)
        self._open: dict[tuple[Path, str], Conversation] = {}

    def open(self, session: str | None = None, project: str | None = None, engine: str = "auto") -> Conversation:
        """Open the conversation of a session; a session that is not there yet is made.

        Args:
            session: its id or name; left out, the day's.
            project: where it is looked for, or made; left out, it is looked for everywhere, and made in ``default``.
            engine: ``auto`` (Gemini with a key, else rules), ``rules`` or ``gemini``.

        Raises:
            RequestError: when there is no such engine, or no key for it.
            UnknownNameError: when there is no such project.
        """
        name = engines.named(engine, self._workspace.settings)
        place = self._place(session, project)
        path = self._workspace.paths.conversation(*place)
        if (path, name) not in self._open or not path.exists():  # a deleted one begins anew
            owner = self._workspace.paths.session(place.project, place.session)
            self._open[path, name] = Conversation(path, engines.make(name, self._workspace.settings), owner=owner)
        return self._open[path, name]

    def turns(self, session: str) -> tuple[Turn, ...]:
        """Return what was said in a session, oldest first.

        Raises:
            UnknownNameError: when there is no such session.
        """
        found = self._workspace.projects.session(session)
        return self.open(found["id"], found["project"], "rules").turns()

    def replay(self, session: str, engine: str = "auto") -> list[Difference]:
        """Say what was said in a session once more, to an engine, and return what it understands otherwise.

        What may be talked about is what there is now. Nothing of it is kept, and nothing starts.

        Raises:
            UnknownNameError: when there is no such session.
            RequestError: when there is no such engine, or no key for it.
        """
        found = self._workspace.projects.session(session)
        conversation = self.open(found["id"], found["project"], "rules")
        return conversation.replay(engines.make(engine, self._workspace.settings), self.context(conversation))

    def place(self, conversation: Conversation) -> Place:
        """Return the project and the session's id of a conversation."""
        path = conversation.path
        if path is None:  # it is kept in memory only: what it starts is filed like anything else of the day
            return self._place(None, None)
        return Place(path.parents[1].name, path.name.removesuffix(CONVERSATION))

    def context(self, conversation: Conversation | None = None) -> Context:
        """Return what may be talked about now: datasets, the newest runs, devices.

        Args:
            conversation: its session's runs are meant before others.
        """
        return self._facts.read(self.place(conversation).session if conversation else "")

    def engine_name(self, engine: str) -> str:
        """Return which engine a choice stands for: ``rules`` or ``gemini``.

        Raises:
            RequestError: when there is no such engine, or no key for it.
        """
        return engines.named(engine, self._workspace.settings)

    def sessions(self) -> list[dict[str, Any]]:
        """Return the sessions of the workspace, oldest first, with their number of turns and what was said last."""
        return list(self._workspace.projects.summaries())

    def say(self, text: str, conversation: Conversation, on_text: OnText = unheard) -> Answer:
        """Say something in a conversation; nothing starts by it.

        Args:
            text: as it was typed.
            conversation: where.
            on_text: is given the words of an engine's own as they come in; together they are how the reply begins.
        """
        from workbench.conversations.answer import Answer

        return Answer(self, conversation, conversation.say(text, self.context(conversation), on_text))

    def needs_engine(self, card: Card) -> bool:
        """Return whether carrying out an open card has to start the engine of this machine first.

        Raises:
            EngineError: when no launcher is registered.
        """
        if card.action not in STARTS or card.state != "open":
            return False
        return not launcher.load_launcher(self._workspace.settings).alive()

    def perform(self, conversation: Conversation, card_id: str) -> Card:
        """Confirm a card, do what it says, and write down what came of it.

        Returns:
            The card, done; ``result`` has the run's id.

        Raises:
            ConflictError: when it was confirmed or declined before, or the config is another one than the card's.
            UnknownNameError: when there is no such card.
            WorkbenchError: what kept it from being done; the card then says the same.
        """
        place = self.place(conversation)
        before = going(self._workspace, place.session)
        card = conversation.confirm(card_id)
        try:
            result = carry_out(self._workspace, card.action, Order(card.what, *place))
        except KeyboardInterrupt:
            begun = {run: state for run, state in going(self._workspace, place.session).items() if run not in before}
            interrupted = messages.say("card.interrupted", conversation.memory.language)
            conversation.settle(card.id, came_of(begun) if begun else interrupted)
            raise
        except BaseException as error:  # a card that stays confirmed could never be settled
            conversation.settle(card.id, showing.reason(error, conversation.memory.language))
            raise
        return conversation.settle(card.id, result)

    def _place(self, session: str | None, project: str | None) -> Place:
        projects = self._workspace.projects
        if project is None and session is not None:
            rows = projects.sessions()
            named = [row for row in rows if row["id"] == session] or [row for row in rows if row["name"] == session]
            if len(named) == 1:
                return Place(str(named[0]["project"]), str(named[0]["id"]))
        owner = projects.ensure(project or DEFAULT)
        return Place(owner, projects.open_session(owner, session))
