"""One turn while it is read: its sentences, and what has been made of them so far.

What lives here: the state that the modules share, and the proposal that it ends in. What does not: the order of reading
(``engine``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from workbench.chat.rules import switching
from workbench.chat.rules.binding import Binder
from workbench.chat.rules.line import Line
from workbench.chat.rules.mention import Mention
from workbench.chat.rules.refusing import is_refused
from workbench.chat.rules.resolving import Resolver
from workbench.chat.rules.sentences import Clause, Sentence, cut
from workbench.chat.turn import Intent, Op, Question, Situation, Target, TurnProposal

_NOTHING_SAID: Final = 3  # characters
_OURS: Final = frozenset({"field", "optimizer", "model", "dataset", "format", "factor"})
_NO_TARGET: Final = Target()
_MOST: Final = 40  # ops of a proposal


class Reading:
    """A turn while it is read.

    Args:
        line: the text.
        mentions: what is marked in it.
        situation: what was said before, and the config.

    Attributes:
        sentences: of the text.
        binder: binds numbers and switches.
        resolver: finds the values that are words.
        refused: values that were named as not wanted.
    """

    def __init__(self, line: Line, mentions: list[Mention], situation: Situation) -> None:
        self.line, self.mentions, self.situation = line, mentions, situation
        self.sentences = cut(line.text, mentions)
        self.binder = Binder(line, situation)
        acts = any(mention.kind == "action" for mention in mentions)
        self.binder.bound.alone = not acts and sum(map(_weighs, self.sentences)) <= 1
        self.resolver = Resolver(line, situation)
        self.refused: list[Mention] = []

    def is_refused(self, mention: Mention, clause: Clause) -> bool:
        """Return whether a value is named as not wanted, and remember it."""
        refused = is_refused(mention, clause, self.line.text)
        self.refused += [mention] if refused else []
        return refused

    def concerns_us(self) -> bool:
        """Return whether anything of the workbench is named."""
        return any(mention.kind in _OURS or mention.unit in {"hours", "pixels"} for mention in self.mentions)

    def requests(self) -> list[Sentence]:
        """Return the sentences that ask for something to be done."""
        return [sentence for sentence in self.sentences if sentence.mood == "request"]

    def propose(
        self,
        intent: Intent,
        ops: Sequence[Op] = (),
        questions: Sequence[Question] = (),
        *,
        about: tuple[str, ...] = (),
        target: Target = _NO_TARGET,
    ) -> TurnProposal:
        """Return the proposal that the reading ends in."""
        spoken = about if intent in {"undo", "reset"} else about or tuple(self.binder.bound.focus)
        return TurnProposal(
            intent=intent,
            ops=tuple(ops)[:_MOST],
            questions=tuple(questions)[:1],
            about=spoken,
            target=target,
            language=self.line.language,
        )


def fields_named(mentions: Sequence[Mention]) -> list[str]:
    """Return the fields that are named, also by a value such as a size or an optimizer; groups as their members."""
    named = [str(mention.value) for mention in mentions if mention.kind == "field"]
    found = [member for name in named for member in switching.members(name)]
    kinds = {mention.kind for mention in mentions}
    found += ["model"] if kinds & {"size", "size_step", "model"} else []
    found += [kind for kind in ("optimizer", "device") if kind in kinds]
    return list(dict.fromkeys(found))


def _weighs(sentence: Sentence) -> bool:
    """Return whether a sentence says something: "thanks" and "ok" do not."""
    if any(mention.kind != "mark" for mention in sentence.mentions):
        return True
    return len(sentence.text) > _NOTHING_SAID and not any(
        mention.at("mark", "thanks", "yes", "wait") for mention in sentence.mentions
    )
