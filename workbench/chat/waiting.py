"""What waits for an answer, and the short answers to it: no, yes, a number, a label.

What lives here: telling whether a text is one, and what it comes to; whoever talks, in whatever way, is answered alike.
What does not: confirming a card: a "yes" that is only said does nothing but show the card again, and whoever shows
cards has a deliberate way to confirm them.
"""

from __future__ import annotations

import re
from typing import Final

from workbench.chat.cards import Card
from workbench.chat.cleaning import clean, folded
from workbench.chat.context import Context
from workbench.chat.deciding import Outcome, click
from workbench.chat.messages import say, says_only
from workbench.chat.records import Click, Turn, now
from workbench.chat.replies import card_text
from workbench.chat.state import State
from workbench.chat.turn import Language, Question

_WORDS: Final = ("yes", "no", "cancel")
_LONGEST: Final = 100  # characters
_NUMBER: Final = re.compile(r"(?P<before>[(#]*) ?(?P<number>\d{1,3})(?P<after>[).번]*)")
_SHORT: Final = 2  # "y" and "no" are typed in any language


def may_answer(said: str, state: State) -> bool:
    """Return whether a text may be a short answer to what waits in a conversation."""
    if state.waiting is not None and any(says_only(said, word) for word in _WORDS):
        return True
    return state.asking is not None and len(said) <= _LONGEST and _chosen(said, state.asking.question) is not None


def answered(said: str, state: State, context: Context) -> Outcome | None:
    """Return what a short answer comes to; ``None`` when the text is none.

    Args:
        said: what a person typed.
        state: the newest; it is not changed.
        context: what may be talked about.
    """
    card, asking = state.waiting, state.asking
    if card is not None and (says_only(said, "no") or says_only(said, "cancel")):
        return _declined(said, card, state)
    if card is not None and says_only(said, "yes"):
        return _shown_again(said, card, state)
    if asking is None or asking.question is None:
        return None
    number = _chosen(said, asking.question)
    if number is None:
        return None
    if not 1 <= number <= len(asking.question.options):
        text = say("reply.no_such_option", state.memory.language, number=number)
        return _told(said, Click("remind", asking.id), state, state.memory.language, text)
    option = asking.question.options[number - 1]
    return click(Click("answer", asking.id, number - 1), state, context, text=said, ops=option.ops, said=True)


def _declined(said: str, card: Card, state: State) -> Outcome:
    language = _language(said, state)
    text = say("card.declined", language, action=say(f"label.intent.{card.action}", language))
    text += f" {say('reply.config_stays', language)}" if says_only(said, "cancel") else ""
    return _told(said, Click("decline", _turn_of(card, state)), state, language, text)


def _shown_again(said: str, card: Card, state: State) -> Outcome:
    language = _language(said, state)
    lines = (say("reply.waits", language), *card_text(card, state.draft.values, language))
    return _told(said, Click("remind", _turn_of(card, state)), state, language, "\n".join(lines))


def _told(said: str, clicked: Click, state: State, language: Language, text: str) -> Outcome:
    return Outcome(Turn(state.next_id, now(), said, language=language, reply=text, click=clicked))


def _turn_of(card: Card, state: State) -> str:
    return next((turn.id for turn in reversed(state.turns()) if turn.card and turn.card.id == card.id), "")


def _chosen(said: str, question: Question | None) -> int | None:
    """Return the number that a text chooses of the options of a question, from 1; ``None`` when it chooses none.

    Where an amount is asked for, a bare number is that amount, and "1)" an option.
    """
    labels = [folded(clean(option.label)) for option in question.options] if question else []
    if question is None or not labels:
        return None
    if folded(said) in labels:
        return labels.index(folded(said)) + 1
    match = _NUMBER.fullmatch(said.strip())
    if match is None:
        return None
    marked = bool(match["before"]) or match["after"] not in ("", ".")
    return int(match["number"]) if marked or not _asks_amount(question, labels) else None


def _asks_amount(question: Question, labels: list[str]) -> bool:
    return question.kind == "amount" and all(label.replace(".", "", 1).isdecimal() for label in labels)


def _language(said: str, state: State) -> Language:
    if any("가" <= char <= "힣" or "ㄱ" <= char <= "ㅣ" for char in said):
        return "ko"
    return state.memory.language if len(said) <= _SHORT else "en"
