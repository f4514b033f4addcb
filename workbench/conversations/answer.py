"""What ``ws.chat`` gives back: the reply, what it changed, and what can be done about it.

What lives here: one turn in the hands of a person at a notebook or a prompt. What does not: the turn (``chat``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.chat import messages
from workbench.chat.cards import Card
from workbench.chat.records import Turn
from workbench.config.schema import TrainingConfig
from workbench.conversations import page, showing
from workbench.errors import ConflictError, UnknownNameError

if TYPE_CHECKING:
    from workbench.chat.conversation import Conversation
    from workbench.conversations.collection import Conversations


class Answer:
    """The answer to one turn; a notebook shows it, ``print`` writes it.

    Args:
        home: the conversations of the workspace.
        conversation: where it was said.
        turn: what came of it.

    Attributes:
        turn: see there.
    """

    def __init__(self, home: Conversations, conversation: Conversation, turn: Turn) -> None:
        self._home, self._conversation, self.turn = home, conversation, turn

    @property
    def reply(self) -> str:
        """The answer in words."""
        return self.turn.reply

    @property
    def changes(self) -> dict[str, tuple[Any, Any]]:
        """What is otherwise now: field to (before, after)."""
        return {change.field: (change.before, change.after) for change in self.turn.changes}

    @property
    def card(self) -> Card | None:
        """The action that waits for ``confirm``, as it stands now; in a session that was deleted, as it was."""
        shown = self._shown
        try:
            turns = self._conversation.turns()
        except UnknownNameError:
            return self.turn.card
        return next((turn.card for turn in turns if turn.id == shown), self.turn.card)

    @property
    def config(self) -> TrainingConfig:
        """The config as the conversation has it now.

        Raises:
            ConfigError: when it is none, e.g. because a newer version has other ranges.
        """
        return self._conversation.draft.config()

    def undo(self) -> Answer:
        """Take back what this turn changed; what was changed again since stays."""
        return self._next(self._conversation.undo(turn=self.turn.id))

    def choose(self, number: int) -> Answer:
        """Answer the question by one of its options, counted from 1.

        Raises:
            UnknownNameError: when there is no such option.
            ConflictError: when the question was answered already.
        """
        return self._next(self._conversation.answer(self.turn.id, number - 1, self._home.context(self._conversation)))

    def accept(self, number: int = 1) -> Answer:
        """Take a suggestion over, counted from 1.

        Raises:
            UnknownNameError: when there is no such suggestion.
            ConflictError: when it was accepted already.
        """
        return self._next(self._conversation.accept(self.turn.id, number - 1, self._home.context(self._conversation)))

    def confirm(self) -> Card:
        """Do what the card says, and return the card with what came of it.

        Raises:
            ConflictError: when there is no card, or it is out of date.
            WorkbenchError: what kept it from being done.
        """
        card = self.card
        if card is None:
            raise showing.problem(ConflictError, "no_card", self.turn.language)
        return self._home.perform(self._conversation, card.id)

    def outcome(self) -> str:
        """Return what became of the card, in words; empty while it is open, and without one."""
        card = self.card
        return showing.outcome(card, self.turn.language) if card else ""

    def to_payload(self) -> dict[str, Any]:
        """Return the turn as JSON-able data, with its card as it stands now, and the id of its session."""
        turn = replace(self.turn, card=self.card)
        return {**turn.to_payload(), "session": self._home.place(self._conversation).session}

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def __repr__(self) -> str:
        calls = [f"  answer{call}  # {what}" for call, what in self._calls()]
        above = [messages.say("notebook.go_on", self.turn.language)] if calls else []
        return "\n".join([*self._lines(), *above, *calls])

    def _repr_html_(self) -> str:
        return page.page(self.turn, (self.outcome(), showing.usage(self.turn)), self._calls())

    @property
    def _shown(self) -> str:
        """The id of the turn whose card this is about: its own, or the one that it shows again."""
        click = self.turn.click
        return click.turn if click is not None and click.kind == "remind" else self.turn.id

    def _calls(self) -> list[tuple[str, str]]:
        """Return how one can go on from here: each call, and what it does."""
        card, turn = self.card, self.turn
        open_ = turn.question is not None and turn.question.options and turn.answered is None
        calls = {
            "confirm": card is not None and card.state == "open" and ".confirm()",
            "choose": open_ and ".choose(1)",
            "accept": turn.suggestions and ".accept(1)",
            "undo": turn.changes and turn.intent != "undo" and ".undo()",
        }
        return [(call, messages.say(f"notebook.{key}", turn.language)) for key, call in calls.items() if call]

    def _lines(self) -> Iterator[str]:
        yield showing.reply(self.turn)
        yield from (f"  {number}) {label}" for number, label in enumerate(showing.options(self.turn), start=1))
        yield from filter(None, (self.outcome(), showing.usage(self.turn)))

    def _next(self, turn: Turn) -> Answer:
        return Answer(self._home, self._conversation, turn)
