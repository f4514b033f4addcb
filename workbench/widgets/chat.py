"""The chat: from words to a config, and to runs that a person has confirmed.

What lives here: the widget and its factory. What does not: what it answers (``state.chat``), and the script
(``extensions/widgets/src/chat``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.widgets.base import Widget, script, stylesheet
from workbench.widgets.state.chat import ChatState

if TYPE_CHECKING:
    from workbench.chat.cards import Card
    from workbench.chat.conversation import Conversation
    from workbench.chat.records import Turn
    from workbench.config.schema import TrainingConfig
    from workbench.conversations import Answer
    from workbench.workspace import Workspace


class Chat(Widget):
    """A conversation about one config; ``chat_view`` makes it.

    Args:
        model: answers for it.
        traits: ``lang="ko"``.
    """

    _esm = script("chat")
    _css = stylesheet("chat")
    model: ChatState

    def __init__(self, model: ChatState, **traits: Any) -> None:
        super().__init__(model, **traits)
        model.tell = self.push

    def __repr__(self) -> str:
        return f"<Chat of session {self.session}>"

    @property
    def session(self) -> str:
        """The id of the session that is talked in."""
        return self.model.place()["id"]

    @property
    def conversation(self) -> Conversation:
        """What was said, and the draft of the config."""
        return self.model.conversation

    @property
    def config(self) -> TrainingConfig:
        """The config as it is now.

        Raises:
            ConfigError: when it is none, e.g. because a newer version has other ranges.
        """
        return self.conversation.draft.config()

    def say(self, text: str) -> Answer:
        """Say something and wait for the answer; nothing starts by it."""
        try:
            return self.model.home.say(text, self.conversation)
        finally:
            self.model.refresh()

    def edit(self, **values: Any) -> Turn:
        """Change fields of the config as the form does, e.g. ``chat.edit(epochs=50)``; see ``refusals`` of the turn."""
        return self._told(self.conversation.edit(values, self.model.home.context(self.conversation)))

    def reset(self, *fields: str) -> Turn:
        """Bring fields, or all, back to the defaults; an undo takes it back."""
        return self._told(self.conversation.reset(fields))

    def choose(self, turn: str, number: int) -> Turn:
        """Answer a question by one of its options, counted from 1."""
        return self._told(self.conversation.answer(turn, number - 1, self.model.home.context(self.conversation)))

    def accept(self, turn: str, number: int = 1) -> Turn:
        """Take a suggestion over, counted from 1."""
        return self._told(self.conversation.accept(turn, number - 1, self.model.home.context(self.conversation)))

    def undo(self, turn: str = "") -> Turn:
        """Take back what a turn changed, or the last change."""
        return self._told(self.conversation.undo(turn=turn))

    def redo(self) -> Turn:
        """Do again what was taken back last."""
        return self._told(self.conversation.redo())

    def confirm(self, card: str) -> Card:
        """Do what a card says, and return it with what came of it.

        Raises:
            ConflictError: when it was confirmed or declined before, or is out of date.
            WorkbenchError: what kept it from being done.
        """
        try:
            return self.model.home.perform(self.conversation, card)
        finally:
            self.model.refresh()

    def decline(self, card: str) -> Card:
        """Put a card away."""
        declined = self.conversation.decline(card)
        self.model.refresh()
        return declined

    def use(self, engine: str) -> None:
        """Have another engine listen: ``rules``, ``gemini`` or ``auto``.

        Raises:
            RequestError: when there is no such engine, or no key for it.
        """
        self.model.use(engine)

    def watched(self, by: int) -> None:
        """Follow what others write into the session, as long as somebody looks."""
        self.model.watch(by > 0)

    def _told(self, turn: Turn) -> Turn:
        self.model.refresh()
        return turn


def chat_view(
    ws: Workspace, session: str | None = None, *, engine: str = "auto", readonly: bool = False, lang: str = "auto"
) -> Chat:
    """Show the conversation of a session.

    Args:
        ws: the workspace.
        session: its id or name; left out, the day's.
        engine: ``auto`` (Gemini with a key, else rules), ``rules`` or ``gemini``.
        readonly: only shows what was said.
        lang: of the buttons: ``en``, ``ko``, or ``auto`` for the page's; answers come in the language of the question.

    Raises:
        RequestError: when there is no such engine, or no key for it.
    """
    return Chat(ChatState(ws, session, engine, readonly=readonly), lang=lang)
