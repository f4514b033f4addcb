"""The reply of a turn.

What lives here: the order in which things are said. What does not: the sentences (``messages``), and deciding what is
done (``judge``, the conversation). A reply is plain text, written from what was applied: it cannot claim what was not
done.
"""

from __future__ import annotations

from collections.abc import Iterator

from workbench.chat.cleaning import clean_name
from workbench.chat.judge import Verdict
from workbench.chat.messages import has, say
from workbench.chat.replies import cards, changes, objections
from workbench.chat.replies.answers import Asked, answer
from workbench.chat.replies.questions import question
from workbench.chat.replies.speaking import marked
from workbench.chat.turn import ACTIONS, Situation, TurnProposal, Understood
from workbench.config.patch import Draft


def reply(
    understood: Understood, verdict: Verdict, situation: Situation, draft: Draft, card: cards.CardLike | None = None
) -> str:
    """Return what is said to the person after a turn.

    Args:
        understood: what an engine made of it; its own words go first, marked as such, and take our answer's place.
        verdict: what was decided; its changes are those that were applied.
        situation: before the turn.
        draft: after it.
        card: the action that now waits for a confirmation.
    """
    proposal = understood.proposal
    said = [marked(understood.words, proposal.language)] if understood.words else []
    said += [*changes.changed(verdict.changes, proposal), *_objections(verdict, situation, proposal)]
    said += [] if understood.words else answer(Asked(proposal, situation, draft))
    said += changes.suggested(verdict.suggestions, proposal)
    if card is not None:
        said += cards.asked(card, draft.values, proposal.language)
    if verdict.question is not None:
        asked = verdict.question
        now = Situation(draft.values, situation.base, situation.context, situation.memory)
        said.append(question(asked, now, proposal.language))
    said = [line for line in said if line] or [_nothing(proposal)]
    return "\n".join([*_fallback(understood), *said])


def _objections(verdict: Verdict, situation: Situation, proposal: TurnProposal) -> Iterator[str]:
    language = proposal.language
    refused = {refusal.field for refusal in verdict.refusals}
    for refusal in verdict.refusals:
        yield objections.refused(refusal, situation, language)
    for name, words in proposal.unknown.items():
        if name not in refused:
            yield say("reply.unknown", language, words=clean_name(words))
    for note in verdict.notes:
        yield objections.noted(note, language)


def _nothing(proposal: TurnProposal) -> str:
    """Return what is said when nothing came of a turn."""
    language = proposal.language
    if proposal.intent == "undo":
        return say("note.nothing_to_redo" if proposal.target.redo else "note.nothing_to_undo", language)
    if proposal.intent == "reset":
        return say("note.nothing_to_reset", language)
    if proposal.intent in ACTIONS:
        key = f"note.no_run_to_{proposal.intent}"
        return say(key if has(key) else "reply.unavailable", language)
    return say("reply.nothing", language)


def _fallback(understood: Understood) -> list[str]:
    if not understood.fallback:
        return []
    key = f"fallback.{understood.fallback}"
    return [say(key if has(key) else "fallback.other", understood.proposal.language)]
