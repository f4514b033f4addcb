"""Where a conversation stands: its log, folded.

What lives here: what the events add up to; the same events always give the same state. What does not: making events
(``deciding``, ``conversation``) and keeping them (``log``).

    opened   base                  what the config was before anything was said
    turn     turn, patches         what was said, edited or clicked, and what that did to the draft
    card     id, state, result     the next step of a card
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError

from workbench.chat.cards import Card
from workbench.chat.context import Context
from workbench.chat.log import Event
from workbench.chat.records import Click, Turn
from workbench.chat.turn import Intent, Memory, Situation
from workbench.config.check import read
from workbench.config.patch import Draft, Patch
from workbench.config.schema import DEFAULTS
from workbench.errors import ConfigError

_FOCUS: Final = 8  # "it" reaches no further back
_SENT: Final = 10  # turns that still have what they sent: it may be 50 kB each; the log keeps all of it
# A question still waits after these: they neither answer it nor change the subject.
_ASIDES: Final[frozenset[Intent]] = frozenset(
    {"ask", "explain", "help", "compare", "status", "list_datasets", "out_of_scope"}
)


class State:
    """A conversation as its events have it.

    Args:
        base: the defaults of a conversation whose log says nothing of them yet.

    Raises:
        ConfigError: when ``base`` is no legal config.
    """

    def __init__(self, base: Mapping[str, Any] = DEFAULTS) -> None:
        self.draft = Draft(base)
        self.memory = Memory()
        self.opened = False
        self.cards: dict[str, Card] = {}
        self._turns: dict[str, Turn] = {}
        self._last = 0
        self._sent: deque[str] = deque()  # the turns that still have what they sent
        self._digest: tuple[Draft | None, str] = (None, "")
        self._asking = ""  # the turn whose question waits

    @property
    def next_id(self) -> str:
        """The id of the turn that comes next."""
        return str(self._last + 1)

    @property
    def digest(self) -> str:
        """Of the draft as it is now."""
        if self._digest[0] is not self.draft:
            self._digest = (self.draft, self.draft.digest)
        return self._digest[1]

    def go_on_with(self, turn_id: str) -> None:
        """Let the next turn have this id: one that was lost before it has left a gap."""
        self._last = int(turn_id) - 1

    @property
    def waiting(self) -> Card | None:
        """The card that waits for a confirmation; at most one does."""
        return next((card for card in reversed(self.cards.values()) if card.seen_at(self.digest).state == "open"), None)

    @property
    def asking(self) -> Turn | None:
        """The turn whose question waits for an answer."""
        return self._turns.get(self._asking) if self.memory.pending is not None else None

    def situation(self, context: Context) -> Situation:
        """Return what an engine sees."""
        return Situation(self.draft.values, self.draft.base, context, self.memory)

    def turns(self) -> tuple[Turn, ...]:
        """Return the turns, oldest first, with their cards and questions as they stand now."""
        return tuple(self._seen(turn) for turn in self._turns.values())

    def turn(self, turn_id: str) -> Turn | None:
        """Return one turn as it stands now; ``None`` when there is none of that id."""
        turn = self._turns.get(turn_id)
        return None if turn is None else self._seen(turn)

    def card(self, card_id: str) -> Card | None:
        """Return one card as it stands now; ``None`` when there is none of that id."""
        card = self.cards.get(card_id)
        return None if card is None else card.seen_at(self.digest)

    def fold(self, events: Iterable[Event]) -> None:
        """Add events. Those that do not read, e.g. because the disk was damaged, are passed over."""
        for event in events:
            try:
                self._add(event)
            except (AttributeError, ConfigError, KeyError, TypeError, ValidationError, ValueError):
                continue

    def _add(self, event: Event) -> None:
        if event["kind"] == "opened":
            if not self.opened:  # where the first line was lost, another is no new beginning
                self.draft, self.opened = Draft(event["base"]), True
        elif event["kind"] == "turn":
            patches = [Patch.from_payload(patch) for patch in event["patches"]]
            self._add_turn(Turn.from_payload(event["turn"]), patches)
        elif event["kind"] == "card":
            card = self.cards[event["id"]]
            self.cards[card.id] = replace(card, state=event["state"], result=event.get("result") or {})

    def _add_turn(self, turn: Turn, patches: Iterable[Patch]) -> None:
        number, draft = int(turn.id), self.draft
        for patch in patches:
            draft = draft.apply(patch)
        self._last, self.draft, self.opened = number, draft, True
        self._turns[turn.id] = turn
        self._forget_sent(turn)
        if turn.card is not None:
            for card in self.cards.values():
                if card.state == "open":
                    self.cards[card.id] = replace(card, state="stale")
            self.cards[turn.card.id] = turn.card
        if turn.click is not None:
            self._add_click(turn, turn.click)
        elif turn.by == "chat" and turn.engine:
            self._remember(turn)

    def _forget_sent(self, turn: Turn) -> None:
        """Drop what older turns than the last few have sent."""
        self._sent.extend([turn.id] if turn.sent else [])
        if len(self._sent) > _SENT:
            oldest = self._sent.popleft()
            self._turns[oldest] = replace(self._turns[oldest], sent={})

    def _add_click(self, turn: Turn, click: Click) -> None:
        clicked = self._turns.get(click.turn)
        if turn.by == "chat":
            self.memory = replace(self.memory, language=turn.language)
        if clicked is not None and click.kind == "decline" and clicked.card is not None:
            self.cards[clicked.card.id] = replace(self.cards[clicked.card.id], state="declined")
        if clicked is None or click.kind not in ("accept", "answer"):
            return
        self._keep_in_mind(turn)
        if click.kind == "accept":
            self._turns[clicked.id] = replace(clicked, accepted=(*clicked.accepted, click.index))
            return
        self._turns[clicked.id] = replace(clicked, answered=click.index)
        if self._asking == clicked.id:
            self._asking, self.memory = "", replace(self.memory, pending=None)

    def _remember(self, turn: Turn) -> None:
        self._keep_in_mind(turn)
        pending = self.memory.pending
        if turn.question is not None:
            pending, self._asking = turn.question, turn.id
        elif turn.intent not in _ASIDES and not turn.refusals:
            pending, self._asking = None, ""
        # "once more" repeats the doubling, not the "once more" before it
        text = turn.text if turn.changes and turn.intent == "configure" else self.memory.text
        supposed = dict(_supposed(turn.about)) if turn.intent in _ASIDES else {}
        self.memory = replace(
            self.memory,
            supposed=supposed,
            text=text,
            pending=pending,
            intent=turn.intent,
            language=turn.language,
            target=turn.target,
        )

    def _keep_in_mind(self, turn: Turn) -> None:
        """Let a later turn refer to what this one changed or was about; what a form did was not said."""
        focus = tuple(dict.fromkeys((*_touched(turn), *self.memory.focus)))[:_FOCUS]
        applied = {change.field: (change.before, change.after) for change in turn.changes} or self.memory.applied
        chosen = next((change.after for change in turn.changes if change.field == "data"), None)
        dataset = turn.target.dataset or chosen or self.memory.dataset
        self.memory = replace(self.memory, focus=focus, applied=applied, dataset=dataset)

    def _seen(self, turn: Turn) -> Turn:
        return turn if turn.card is None else replace(turn, card=self.cards[turn.card.id].seen_at(self.digest))


def _supposed(about: Iterable[str]) -> Iterable[tuple[str, Any]]:
    """Yield the values that a question supposed: of "epochs=500" the field and 500."""
    for topic in about:
        name, equals, text = topic.partition("=")
        if equals and name in DEFAULTS:
            yield name, read({name: text})[name]


def _touched(turn: Turn) -> Iterable[str]:
    """Return the fields that a turn was about, those that the person named before those that followed from them."""
    changed = sorted(turn.changes, key=lambda change: change.source in ("derived", "dataset"))
    asked = turn.question.about if turn.question else ()
    named = (*(change.field for change in changed), *(refusal.field for refusal in turn.refusals), *asked, *turn.about)
    return (field for field in named if field in DEFAULTS)
