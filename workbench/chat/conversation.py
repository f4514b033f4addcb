"""A conversation about one config, shared by chat, form and processes.

What lives here: everything that can be done in it, and the lock under which it is decided. What does not: understanding
(engines), deciding (``deciding``, ``judge``, ``cards``), and doing what was confirmed.

The log is the truth. An engine runs outside of the lock, for seconds perhaps; what it understood is judged under the
lock on the newest draft, so that nobody's change is lost.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from workbench.chat import replaying, waiting
from workbench.chat.cards import Card, CardState
from workbench.chat.cleaning import LONGEST, clean_lines
from workbench.chat.context import Context
from workbench.chat.deciding import Outcome, click, edit, hear
from workbench.chat.log import Event, FileLog, Log, MemoryLog, News
from workbench.chat.messages import say
from workbench.chat.records import Click, Turn, now, storable
from workbench.chat.replies import unheard, with_own_words
from workbench.chat.state import State
from workbench.chat.turn import Engine, Language, Memory, OnText
from workbench.config.patch import Draft
from workbench.config.schema import DEFAULTS, TrainingConfig
from workbench.errors import ConflictError, RequestError, UnknownNameError, WorkbenchError

_VERSION: Final = 1  # of the log
_READ: Final = 5 * LONGEST  # characters that are looked at to see whether there is anything to understand
_NOTHING: Final = Context()
_TRACE: Final = 4000  # characters of a traceback that are kept
_LOG: Final = logging.getLogger(__name__)
_T = TypeVar("_T")


class Conversation:
    """A conversation.

    Args:
        path: of its log, which the first turn makes; ``None`` keeps it in memory.
        engine: what understands its turns.
        base: the defaults of the config; those that the log says go first.
        owner: the file of its session, without which nothing is written; ``None`` when there is none.

    Raises:
        ConfigError: when ``base`` is no legal config.
    """

    def __init__(
        self, path: Path | None, engine: Engine, *, base: Mapping[str, Any] | None = None, owner: Path | None = None
    ) -> None:
        self.path, self.engine = path, engine
        self._base = DEFAULTS if base is None else base
        self._log: Log = MemoryLog() if path is None else FileLog(path, owner)
        self._state = State(self._base)
        self._lock = threading.RLock()

    @property
    def draft(self) -> Draft:
        """The config as it is now."""
        return self._newest().draft

    @property
    def memory(self) -> Memory:
        """What a turn may refer to."""
        return self._newest().memory

    def turns(self) -> tuple[Turn, ...]:
        """Return what was said, edited and clicked, oldest first, as it stands now."""
        with self._lock:
            return self._newest().turns()

    def card(self, card_id: str) -> Card:
        """Return one card as it stands now.

        Raises:
            UnknownNameError: when there is none of that id.
        """
        return self._known_card(self._newest(), card_id)

    def say(self, text: str, context: Context = _NOTHING, on_text: OnText = unheard) -> Turn:
        """Answer what a person says; nothing is done by it that needs a confirmation, whatever it is.

        A "no" to a card that waits declines it, a "yes" shows it again; the number of an option chooses it.

        Args:
            text: as it was typed; anything.
            context: what may be talked about; it is not kept.
            on_text: is given the words of an engine's own as they come in; together they are how the reply begins.

        Raises:
            RequestError: when it is no text.
            StorageError: when the log cannot be written; nothing has changed then.
            UnknownNameError: when the session has been deleted meanwhile.
        """
        if not isinstance(text, str):
            raise self._error(RequestError, "no_text", given=type(text).__name__)
        said = clean_lines(text[:_READ])
        if len(text) > _READ or len(said) > LONGEST:
            return self._record(lambda state: _unheard(state, said, "too_long"))
        if not any(char.isalnum() for char in said):
            return self._record(lambda state: _unheard(state, said, "empty"))
        return self._answered(said, context) or self._understood(said, context, on_text)

    def edit(self, values: Mapping[str, Any], context: Context = _NOTHING) -> Turn:
        """Change fields as a form does; what is not legal stands in the turn's ``refusals``, the rest is done.

        Args:
            values: field to value.
            context: what the values may name; without datasets and devices any is taken.
        """
        wanted = {str(field): value for field, value in values.items()}
        return self._record(lambda state: edit(wanted, state, context))

    def accept(self, turn_id: str, index: int, context: Context = _NOTHING) -> Turn:
        """Do what an engine suggested in a turn.

        Raises:
            UnknownNameError: when there is no such suggestion.
            ConflictError: when it was accepted already.
        """

        def outcome(state: State) -> Outcome:
            turn = self._known_turn(state, turn_id)
            op = self._nth(turn.suggestions, index, turn)
            if index in turn.accepted:
                raise self._conflict("clicked_already", turn=turn_id)
            return click(Click("accept", turn_id, index), state, context, ops=(op,))

        return self._record(outcome)

    def answer(self, turn_id: str, index: int, context: Context = _NOTHING) -> Turn:
        """Choose an option under a turn's question; an action that waited for it is offered again.

        Raises:
            UnknownNameError: when there is no such option.
            ConflictError: when the question was answered already.
        """

        def outcome(state: State) -> Outcome:
            turn = self._known_turn(state, turn_id)
            option = self._nth(turn.question.options if turn.question else (), index, turn)
            if turn.answered is not None:
                raise self._conflict("clicked_already", turn=turn_id)
            chosen = Click("answer", turn_id, index)
            return click(chosen, state, context, text=option.label, ops=option.ops)

        return self._record(outcome)

    def undo(self, steps: int = 1, field: str | None = None, turn: str = "") -> Turn:
        """Take back the last changes, or only one field's, or those of one turn among later ones.

        Args:
            steps: 1..100.
            field: a key of the config.
            turn: the id of the turn that is taken back; what was changed again since stays.
        """
        return self._move(Click("undo", turn, steps=steps, fields=(field,) if field else ()))

    def redo(self, steps: int = 1) -> Turn:
        """Do again what was taken back last; ``steps`` is 1..100."""
        return self._move(Click("redo", steps=steps))

    def reset(self, fields: tuple[str, ...] = ()) -> Turn:
        """Bring ``fields``, or all, back to the defaults; an undo takes it back."""
        return self._move(Click("reset", fields=fields))

    def confirm(self, card_id: str) -> Card:
        """Confirm a card: of all who try, in all processes, one succeeds, once; it is theirs to do what it says.

        Raises:
            UnknownNameError: when there is no such card.
            ConflictError: when it was confirmed or declined already, when another card came after it, or when the
                config is not the one any more that it was made for.
        """
        return self._step(card_id, ("open",), "confirmed")

    def decline(self, card_id: str) -> Card:
        """Put a card away.

        Raises:
            UnknownNameError: when there is no such card.
            ConflictError: when it was confirmed or declined already.
        """
        return self._step(card_id, ("open", "stale"), "declined")

    def settle(self, card_id: str, result: Mapping[str, Any] | str) -> Card:
        """Say what came of a confirmed card.

        Args:
            card_id: the card.
            result: what was done, e.g. ``{"run": …}``; of a failure the text of the error.

        Raises:
            UnknownNameError: when there is no such card.
            ConflictError: when it is not confirmed, or settled already.
        """
        if isinstance(result, str):
            return self._step(card_id, ("confirmed",), "failed", {"error": result})
        return self._step(card_id, ("confirmed",), "done", result)

    def replay(
        self, engine: Engine, context: Context | Callable[[Turn], Context] = _NOTHING
    ) -> list[replaying.Difference]:
        """Say what was said again to an engine, on a fresh draft; edits and clicks are done as they were.

        Args:
            engine: e.g. a newer one.
            context: what may be talked about, for all turns or each.

        Returns:
            Where it understands otherwise, turn by turn; empty when it does not.
        """
        state = self._newest()
        fresh = State(state.draft.base)
        of = context if callable(context) else lambda _turn: context
        return list(replaying.differences(state.turns(), fresh, engine, of))

    def _answered(self, said: str, context: Context) -> Turn | None:
        """Take a short answer to what waits; ``None`` when it is none."""
        if not waiting.may_answer(said, self._newest()):
            return None
        with self._lock, self._log.alone() as news:
            outcome = waiting.answered(said, self._taken(news), context)
            return self._kept(outcome) if outcome else None

    def _understood(self, said: str, context: Context, on_text: OnText) -> Turn:
        """Have the engine understand what was said; a fault of ours in that changes nothing."""
        with self._lock:
            situation = self._newest().situation(context)
        began, engine = time.monotonic(), self.engine
        found = _tried(lambda: engine.understand(said, situation))
        if isinstance(found, _Fault):
            return self._record(lambda state: _unheard(state, said, "broken", found.trace))
        spent_s = time.monotonic() - began
        understood = with_own_words(found, said, situation, engine, spent_s=spent_s, on_text=on_text)

        def outcome(state: State) -> Outcome:
            heard = _tried(lambda: hear(said, understood, state, context))
            return _unheard(state, said, "broken", heard.trace) if isinstance(heard, _Fault) else heard

        return self._record(outcome)

    def _move(self, way: Click) -> Turn:
        return self._record(lambda state: click(way, state, _NOTHING))

    def _newest(self) -> State:
        with self._lock:
            return self._taken(self._log.unread())

    def _taken(self, news: News) -> State:
        if news.anew:
            self._state = State(self._base)
        self._state.fold(news.events)
        return self._state

    def _record(self, outcome_of: Callable[[State], Outcome]) -> Turn:
        with self._lock, self._log.alone() as news:
            return self._kept(outcome_of(self._taken(news)))

    def _kept(self, outcome: Outcome) -> Turn:
        """Append an outcome of the newest state; called with the log for oneself."""
        if not self._state.opened:
            base = TrainingConfig.model_validate(self._state.draft.base).changes()
            self._append({"at": now(), "kind": "opened", "version": _VERSION, "base": base})
        self._append(outcome.to_event())
        return self._state.turn(outcome.turn.id) or outcome.turn

    def _append(self, event: Event, *, sync: bool = False) -> None:
        self._state.fold([self._log.append(event, sync=sync)])

    def _step(
        self, card_id: str, allowed: tuple[CardState, ...], to: CardState, result: Mapping[str, Any] | None = None
    ) -> Card:
        with self._lock, self._log.alone() as news:
            state = self._taken(news)
            card = self._known_card(state, card_id)
            if card.state not in allowed:
                raise self._conflict(f"card_{card.state}", card=card_id, state=card.state)
            step = {"at": now(), "kind": "card", "id": card_id, "state": to, "result": storable(result or {})}
            # What a confirmation starts must not be started again after a loss of power.
            self._append(step, sync=to == "confirmed")
            return self._known_card(state, card_id)

    def _known_card(self, state: State, card_id: str) -> Card:
        card = state.card(card_id)
        if card is None:
            raise self._error(UnknownNameError, "unknown_card", card=card_id)
        return card

    def _known_turn(self, state: State, turn_id: str) -> Turn:
        turn = state.turn(turn_id)
        if turn is None:
            raise self._error(UnknownNameError, "unknown_turn", turn=turn_id)
        return turn

    def _nth(self, buttons: tuple[Any, ...], index: int, turn: Turn) -> Any:
        if not 0 <= index < len(buttons):
            raise self._error(UnknownNameError, "unknown_button", turn=turn.id, index=index)
        return buttons[index]

    def _conflict(self, key: str, **values: Any) -> WorkbenchError:
        return self._error(ConflictError, key, **values)

    def _error(self, kind: type[WorkbenchError], key: str, **values: Any) -> WorkbenchError:
        language = self._state.memory.language
        beats = (say(f"conversation.{key}.{beat}", language, **values) for beat in ("happened", "expected", "todo"))
        return kind(*beats, key=key, **values)


@dataclass(frozen=True)
class _Fault:
    """What went wrong in code of ours; the end of its traceback."""

    trace: str


def _tried(work: Callable[[], _T]) -> _T | _Fault:
    """Return what the work returns, or the fault that it ends with."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001  whatever it is, the conversation goes on
        _LOG.info("A turn was not understood because of a fault in the workbench.", exc_info=True)
        return _Fault("".join(traceback.format_exception(error))[-_TRACE:])


def _unheard(state: State, said: str, key: str, detail: str = "") -> Outcome:
    """Return the answer to what no engine needs to see, or none could."""
    language: Language = "ko" if any("가" <= char <= "힣" for char in said) else state.memory.language
    text = say(f"reply.{key}", language, limit=LONGEST)
    kept = said[: LONGEST // 10]
    return Outcome(
        Turn(state.next_id, now(), kept, language=language, intent="out_of_scope", reply=text, detail=detail)
    )
