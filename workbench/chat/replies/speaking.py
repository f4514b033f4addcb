"""Words of an engine's own, where nothing of ours answers.

What lives here: when they are asked for, how they are marked, and showing them as they come in. What does not: who
speaks (``gemini``). They are never read for changes, and nothing that was done is told in them.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import Final

from workbench.chat.messages import say
from workbench.chat.replies.answers import Asked, unanswered
from workbench.chat.turn import Engine, Language, OnText, Situation, Speaker, Understood
from workbench.config.patch import Draft

_LONGEST: Final = 4000  # characters
_MARK: Final = "| "  # before each line, so that none of them passes for one of ours


def unheard(text: str) -> None:
    """Show nothing of what comes in."""


def with_own_words(
    understood: Understood, text: str, situation: Situation, engine: Engine, *, spent_s: float, on_text: OnText
) -> Understood:
    """Return what was understood with the engine's own words, if the turn asks what nothing of ours answers.

    Args:
        understood: of the turn.
        text: what the person said.
        situation: what the engine saw.
        engine: which one; one that cannot speak has no words.
        spent_s: how much of the turn's time is gone.
        on_text: is given the words as they come in, marked as the reply has them: together they are how it begins.
    """
    proposal = understood.proposal
    # What answered in the place of another engine says so, and asks that one nothing more.
    if understood.engine == "rules" or not unanswered(Asked(proposal, situation, Draft(situation.base))):
        return understood
    prose = None if proposal.reply or not isinstance(engine, Speaker) else engine.prose(text, situation, spent_s)
    words = ""
    for piece in chain([proposal.reply] if proposal.reply else [], prose or ()):
        shown = piece[: _LONGEST - len(words)]
        on_text(_quoted(shown) if words else marked(shown, proposal.language))
        words += shown
        if len(words) >= _LONGEST:
            break
    if prose is None:
        return replace(understood, words=words)
    cut_off = bool(prose.fallback) or len(words) >= _LONGEST
    return replace(understood, words=words, cut_off=cut_off, usage=understood.usage + prose.usage)


def marked(words: str, language: Language) -> str:
    """Return an engine's words under the sentence that says whose they are."""
    return f"{say('reply.own_words', language)}\n{_MARK}{_quoted(words)}"


def _quoted(words: str) -> str:
    return words.replace("\n", f"\n{_MARK}")
