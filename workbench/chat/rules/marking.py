"""From a line to what is marked in it: names, numbers, phrases, without what only looks like an order.

What lives here: the order of finding, and what is left out again: quotes, and deeds that are misspelt and stand alone.
What does not: the finding (``names``, ``scan``, ``typos``), and the meaning.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from workbench.chat.rules import names, patterns, typos
from workbench.chat.rules.line import Line
from workbench.chat.rules.mention import Mention
from workbench.chat.rules.scan import scan
from workbench.chat.turn import Situation

DEEDS: Final = frozenset({"action", "undo", "redo", "reset"})
_AMOUNTS: Final = frozenset({"number", "factor", "cue"})
_MANNERS: Final = frozenset({"mark", "cue"})
_QUOTES: Final = re.compile(r"(?<![\w])(?:\"[^\"]{2,200}\"|'[^']{2,200}')(?![\w]*')")
_TRACE: Final = re.compile(
    r"traceback \(most recent call last\).*?(?:\n[\w.]*(?:error|exception|interrupt|exit)\b[^\n]*|$)", re.DOTALL
)
_BREAK: Final = re.compile(r"[.;/\n!?]")
_VERB: Final = re.compile(rf"(?<![a-z])(?:{patterns.alternatives('marking', 'verb')}) (?:the )?(?:run )?$")


def read(line: Line, situation: Situation) -> tuple[Line, list[Mention]]:
    """Return the line with its misspelt words mended, and what is marked in it from left to right."""
    named = names.find(line.text, line.original, situation.context)
    line = typos.mend(line, named)
    named = names.find(line.text, line.original, situation.context)
    mentions = _with_verbs(line.text, scan(line.text, named))
    return line, _unquoted(line.text, _without_guesses(line, _without_traces(line.text, mentions)))


def _with_verbs(text: str, mentions: list[Mention]) -> list[Mention]:
    """Add the action that stands right before the name of a run: "stop run-12"."""
    found = list(mentions)
    actions = [mention for mention in mentions if mention.kind == "action"]
    for run in [mention for mention in mentions if mention.kind == "run"]:
        if (match := _VERB.search(text[: run.start])) and match.lastgroup:
            verb = Mention("action", match.lastgroup, *match.span(match.lastgroup))
            found += [] if any(verb.overlaps(action) for action in actions) else [verb]
    return sorted(found, key=lambda mention: mention.start)


def _without_traces(text: str, mentions: list[Mention]) -> list[Mention]:
    """Leave out what stands in a traceback that was pasted: nobody asks for that."""
    spans = [match.span() for match in _TRACE.finditer(text)]
    return [each for each in mentions if not any(start <= each.start < end for start, end in spans)]


def _without_guesses(line: Line, mentions: list[Mention]) -> list[Mention]:
    """Leave out a deed that stands alone and is no word as it was written: deply may have been deeply."""
    written = f"{line.original}\n{unicodedata.normalize('NFKC', line.original)}".lower()
    ends = [match.start() for match in _BREAK.finditer(line.text)]

    def is_alone(mention: Mention) -> bool:
        first = max((end for end in ends if end < mention.start), default=0)
        last = min((end for end in ends if end >= mention.end), default=len(line.text))
        near = (each for each in mentions if first <= each.start < last and each is not mention)
        return all(each.kind in _MANNERS for each in near)

    def is_guess(mention: Mention) -> bool:
        words = line.text[mention.start : mention.end]
        return " " not in words.strip() and words not in written

    return [mention for mention in mentions if not (mention.kind in DEEDS and is_guess(mention) and is_alone(mention))]


def _unquoted(text: str, mentions: list[Mention]) -> list[Mention]:
    """Leave out what others said: deeds in quotes, and amounts where more than a word is quoted."""
    for match in _QUOTES.finditer(text):
        kinds = DEEDS | _AMOUNTS if " " in match[0].strip() else DEEDS
        mentions = [each for each in mentions if each.kind not in kinds or not match.start() < each.start < match.end()]
    return mentions
