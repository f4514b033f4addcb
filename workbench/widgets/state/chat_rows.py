"""One turn of a conversation as the chat shows it: what was said, and each part of the answer by itself.

What lives here: taking a reply apart into changes, refusals, a card, an engine's own words and the rest, with the words
of the turn's language. What does not: which turns there are (``chat``), and how they look (the script).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from workbench.chat import messages
from workbench.chat.cards import Card
from workbench.chat.cleaning import clean, clean_name
from workbench.chat.judge import Refusal
from workbench.chat.records import Turn
from workbench.chat.replies import card_text, changes, objections
from workbench.chat.turn import Language, Op, Situation, TurnProposal
from workbench.config.check import checked
from workbench.config.patch import Change, Draft, Patch, listed, same
from workbench.config.schema import DEFAULTS
from workbench.conversations import showing
from workbench.errors import ConfigError

_MARK: Final = "| "  # before each line of an engine's own words
_NOWHERE: Final = Situation({}, {})


def row(turn: Turn, back: str, run_state: str = "") -> dict[str, Any]:
    """Return a turn as the script draws it: plain data.

    Args:
        turn: as it stands now.
        back: what can be done about its changes, see ``way_back``.
        run_state: of the run that its card has begun, as it is now.
    """
    said = _Said(turn)
    return {
        "id": turn.id,
        "at": turn.at,
        "by": turn.by,
        "lang": turn.language,
        "intent": turn.intent,
        "text": turn.text,
        "click": turn.click.kind if turn.click else "",
        "of": turn.click.turn if turn.click else "",
        "changes": [change(each, turn.language) for each in turn.changes],
        "back": back,
        "refusals": [said.refusal(each) for each in turn.refusals],
        "suggestions": [
            {"label": _wish(op, turn.language), "accepted": place in turn.accepted}
            for place, op in enumerate(turn.suggestions)
        ],
        "question": _question(turn, said),
        "card": _card(turn.card, said, run_state, turn.language) if turn.card else None,
        "words": said.own_words(),
        "said": said.rest(),
        "engine": turn.engine,
        "fallback": turn.fallback,
        "tokens": turn.usage.total,
        "sent": bool(turn.sent),
    }


def way_back(turn: Turn, draft: Draft, again: Patch | None) -> str:
    """Return what can be done about the changes of a turn: ``undo``, ``redo``, nothing any more (``gone``), or ``""``.

    Args:
        turn: one of the conversation.
        draft: as it is now.
        again: what a redo would do now.
    """
    if not turn.changes or turn.intent == "undo":
        return ""
    patch = draft.undo_turn(turn.id)
    if patch is not None and patch.changes:
        return "undo"
    if again is not None and _reached(again.changes) == _reached(turn.changes):
        return "redo"
    return "gone"


def change(each: Change, language: Language) -> dict[str, Any]:
    """Return one change with its words: the field, both values, and who wanted it."""
    before, after = (clean(messages.shown(each.field, value, language)) for value in (each.before, each.after))
    return {
        "field": each.field,
        "label": clean(messages.named(each.field, language)),
        "before": before,
        "after": after,
        "source": each.source,
        "source_label": messages.say(f"label.source.{each.source}", language),
        "evidence": clean(each.evidence),
    }


class _Said:
    """The lines of a reply, from which each part takes its own."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._lines = showing.reply(turn).splitlines()
        self._take_all(self._told())

    def own_words(self) -> list[str]:
        """Take out an engine's own words, without their marks; the first line says whose they are."""
        whose = messages.say("reply.own_words", self._turn.language)
        if whose not in self._lines:
            return []
        start = self._lines.index(whose)
        end = start + 1
        while end < len(self._lines) and self._lines[end].startswith(_MARK.rstrip()):
            end += 1
        taken, self._lines[start:end] = self._lines[start:end], []
        return [whose, *(line.removeprefix(_MARK) for line in taken[1:])]

    def refusal(self, refusal: Refusal) -> dict[str, Any]:
        """Take out why a wish was not done, with the value that would do."""
        language = self._turn.language
        begins = objections.refused(refusal, _NOWHERE, language, wished=False)
        line = next((line for line in self._lines if line.startswith(begins)), None)
        self._take_all([line] if line else [])
        takes = refusal.nearest is not None and refusal.field in DEFAULTS and refusal.reason != "unknown_field"
        return {
            "field": refusal.field,
            "text": line or begins,
            "nearest": listed(refusal.nearest) if takes else None,
            "nearest_label": clean_name(messages.shown(refusal.field, refusal.nearest, language)) if takes else "",
        }

    def question(self) -> str:
        """Take out the question: it is what a reply ends with."""
        return self._lines.pop() if self._lines else ""

    def card(self, card: Card) -> list[str]:
        """Take out what a card asks."""
        lines = _asked(card, self._turn.language)
        found = [line for line in lines if line in self._lines]
        self._take_all(found)
        return found[:-1] if len(found) > 1 else found  # the last one says that nothing happens yet: the buttons do

    def rest(self) -> str:
        """Return what no part has taken."""
        return "\n".join(self._lines)

    def _told(self) -> Iterable[str]:
        """Yield the lines that only repeat what stands in the changes and the suggestions."""
        turn = self._turn
        for ops in ((), (Op(field="epochs"),)):  # a reset with further wishes is told as a change
            proposal = TurnProposal(intent=turn.intent, target=turn.target, language=turn.language, ops=ops)
            yield from changes.changed(turn.changes, proposal)
            yield from changes.suggested(turn.suggestions, proposal)

    def _take_all(self, lines: Iterable[str]) -> None:
        taken = set(lines)
        self._lines = [line for line in self._lines if line not in taken]


def _wish(op: Op, language: Language) -> str:
    """Return what an op would do, in a few words."""
    if op.op == "set":
        return clean(changes.settings({op.field: op.value}, language))
    value = messages.shown("", op.value, language)
    return clean(messages.say(f"reply.op_{op.op}", language, field=messages.named(op.field, language), value=value))


def _question(turn: Turn, said: _Said) -> dict[str, Any] | None:
    if turn.question is None:
        return None
    return {"text": said.question(), "options": showing.options(turn), "answered": turn.answered}


def _card(card: Card, said: _Said, run_state: str, language: Language) -> dict[str, Any]:
    run = str(card.result.get("run") or "")
    known = {**card.result, "state": run_state} if run_state and card.state == "done" else card.result
    shown = Card(card.id, card.action, card.digest, card.what, card.state, known)
    return {
        "id": card.id,
        "action": card.action,
        "action_label": messages.say(f"label.intent.{card.action}", language),
        "lines": [clean(line) for line in said.card(card)],
        "state": card.state,
        "state_label": messages.say(f"label.card.{card.state}", language),
        "outcome": showing.outcome(shown, language),
        "run": clean(run),
        "url": clean(str(card.result.get("url") or "")),
    }


def _asked(card: Card, language: Language) -> list[str]:
    config: Mapping[str, Any] = card.what.get("config") or {}
    try:
        values = {**DEFAULTS, **checked(config)}
    except ConfigError:  # a version with other ranges has written it
        values = {**DEFAULTS, **config}
    return card_text(card, values, language)


def _reached(found: Iterable[Change]) -> dict[str, tuple[type, Any]]:
    return {each.field: (type(each.after), each.after) for each in found if not same(each.before, each.after)}
