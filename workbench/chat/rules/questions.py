"""What a question wants to know: a value, an explanation, the state of a run.

What lives here: the intent of a sentence that asks. What does not: sentences that ask for something to be done
(``wishes``), questions that are asked back (``asking``), the answers (``replies``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from workbench.chat import messages
from workbench.chat.rules import patterns
from workbench.chat.rules.mention import Mention
from workbench.chat.rules.sentences import Sentence
from workbench.chat.turn import Intent, Situation

_ASK: Final = patterns.read("questions", "ask")
_ASKS_VALUE: Final = patterns.read("questions", "asks_value")
_ASKS_ADVICE: Final = patterns.read("questions", "asks_advice")
_EXPLAIN: Final = patterns.read("questions", "explain")
_MEANING: Final = patterns.read("questions", "meaning")
_ORIGIN: Final = patterns.read("questions", "origin")
_CHOSEN: Final = patterns.read("questions", "chosen")
_COUNTED: Final = patterns.read("questions", "counted")
_CLASSES: Final = patterns.read("questions", "classes")
_ISSUES: Final = patterns.read("questions", "issues")
_CONTENTS: Final = patterns.read("questions", "contents")
_DATASET: Final = patterns.read("questions", "dataset")
_HOW: Final = patterns.read("questions", "how")
_ABOUT_TRAINING: Final = patterns.read("questions", "about_training")
_OURS: Final = frozenset({"field", "size", "optimizer", "model", "dataset", "device"})
_COMPARED: Final = ("optimizer", "format", "deployment", "size", "task", "device")
_SHORT: Final = 20  # characters of "and the batch?"
_BARE: Final = 12  # characters of "그건 뭐야?"


@dataclass(frozen=True)
class _Asked:
    """A question.

    Attributes:
        sentence: that asks.
        situation: what was said before.
        others: the sentences of the turn.
    """

    sentence: Sentence
    situation: Situation
    others: Sequence[Sentence]

    @property
    def words(self) -> str:
        """Its text."""
        return self.sentence.text

    @cached_property
    def wished(self) -> list[str]:
        """The wishes that are named: status, compare and so on."""
        return [mention.value for mention in self.sentence.all("wish")]

    @cached_property
    def named(self) -> list[Mention]:
        """The fields that are named; model, data and task are spoken of in other ways too."""
        return [each for each in self.sentence.all("field") if each.value not in {"data", "model", "task"}]

    @cached_property
    def explains(self) -> bool:
        """Whether its words ask for an explanation."""
        return bool(_EXPLAIN.search(self.words))

    @cached_property
    def insists(self) -> bool:
        """Whether its words can only ask for a value."""
        return bool(_ASKS_VALUE.search(self.words)) and not _ASKS_ADVICE.search(self.words)

    @cached_property
    def concerns_us(self) -> bool:
        """Whether it names something of the config, or points to what was named before."""
        return self._refers() or any(each.kind in _OURS for each in self.sentence.mentions)

    def _refers(self) -> bool:
        named_before = any(other.has("field") for other in self.others) or bool(self.situation.memory.focus)
        points = self.sentence.has("mark", "it") or self.sentence.has("number") or len(self.words) < _BARE
        return named_before and points


def intent_of(sentence: Sentence, situation: Situation, others: Sequence[Sentence] = ()) -> Intent:
    """Return what a question wants to know; it may be about what the other sentences, or the last turn, name.

    First comes what leaves no doubt: what was chosen, several runs, a named wish, a bare field. Then where a value came
    from, which also sounds like "why"; then how a run goes, which also sounds like "how". A value is wanted only where
    nothing asks for an explanation, and what is about our things and wants none of these wants to be explained.
    """
    rules = (
        _what_was_chosen,
        _several_runs,
        _named_wish,
        _bare_field,
        _issues,
        _meaning,
        _origin,
        _progress,
        _shown,
        _state,
        _value,
        _contents,
        _explanation,
        _state_after_all,
        _concept,
    )
    asked = _Asked(sentence, situation, others)
    return next((intent for rule in rules if (intent := rule(asked))), "out_of_scope")


def are_compared(sentence: Sentence, situation: Situation, others: Sequence[Sentence] = ()) -> bool:
    """Return whether a sentence compares things of ours that are no runs: "compare mosaic and mixup"."""
    return _compares_things(_Asked(sentence, situation, others))


def part_asked_for(words: str) -> tuple[str, ...]:
    """Return what of a dataset is asked for: ``images``, ``classes``, ``issues``."""
    parts = {"classes": _CLASSES, "images": _COUNTED, "issues": _ISSUES}
    return tuple(name for name, pattern in parts.items() if pattern.search(words))[:1]


def _what_was_chosen(asked: _Asked) -> Intent | None:
    """Read "did we pick a dataset?"."""
    about = asked.sentence.has("field") or _DATASET.search(asked.words)
    return "ask" if about and _CHOSEN.search(asked.words) else None


def _several_runs(asked: _Asked) -> Intent | None:
    """Read "run-3 or run-5?"."""
    return "compare" if len({mention.value for mention in asked.sentence.all("run")}) > 1 else None


def _named_wish(asked: _Asked) -> Intent | None:
    """Read "compare them", "which datasets are there?", "what can you do?"."""
    if "compare" in asked.wished and not _compares_things(asked):
        return "compare"
    if "list_datasets" in asked.wished:
        return "list_datasets"
    if {"exports", "deployments"} & set(asked.wished):
        return "status"
    return "help" if "help" in asked.wished and not (asked.named or asked.sentence.has("action")) else None


def _compares_things(asked: _Asked) -> bool:
    """Return whether what is compared are no runs: fields, models, SGD and AdamW, two formats, ways of augmentation."""
    sentence = asked.sentence
    named_beside = any(other.has("field") for other in asked.others if other is not sentence)
    if asked.named or named_beside or sentence.has("model"):
        return True
    if sentence.has("run"):
        return False
    return any(sentence.has(kind) for kind in _COMPARED) or bool(messages.concepts_in(asked.words))


def _bare_field(asked: _Asked) -> Intent | None:
    """Read "and the batch?"."""
    bare = not asked.sentence.has("mark", "question") and not asked.sentence.has("number") and not asked.wished
    return "ask" if asked.named and bare and len(asked.words) < _SHORT and not asked.explains else None


def _meaning(asked: _Asked) -> Intent | None:
    """Read "what does patience mean?"."""
    return "explain" if _MEANING.search(asked.words) else None


def _origin(asked: _Asked) -> Intent | None:
    """Read "why is the batch 8?"."""
    named = asked.sentence.has("field") or asked.sentence.has("optimizer")
    return "ask" if named and _ORIGIN.search(asked.words) else None


def _progress(asked: _Asked) -> Intent | None:
    """Read "how many epochs are done?", "학습 어떻게 되고 있어?"."""
    if "status" not in asked.wished or not {mention.value for mention in asked.named} <= {"epochs"}:
        return None
    return None if _EXPLAIN.search(_HOW.split(asked.words)[0]) else "status"


def _shown(asked: _Asked) -> Intent | None:
    """Read "can you show me the settings?"."""
    return "ask" if "show" in asked.wished else None


def _state(asked: _Asked) -> Intent | None:
    """Read "how is the training with mosaic going?"."""
    return "status" if "status" in asked.wished and not asked.explains else None


def _value(asked: _Asked) -> Intent | None:
    """Read "what is the batch now?"."""
    if not asked.concerns_us:
        return None
    return "ask" if asked.insists or (not asked.explains and _ASK.search(asked.words)) else None


def _contents(asked: _Asked) -> Intent | None:
    """Read "how many images are in it?"."""
    sentence = asked.sentence
    about = sentence.has("dataset") or sentence.has("field", "data") or _CONTENTS.search(asked.words)
    return "ask" if about and part_asked_for(asked.words) else None


def _issues(asked: _Asked) -> Intent | None:
    """Read "is anything wrong with parts?"."""
    return "ask" if asked.sentence.has("dataset") and part_asked_for(asked.words) == ("issues",) else None


def _explanation(asked: _Asked) -> Intent | None:
    """Read "is 300 enough?", "what happens on a reset?", "should I use a bigger model?"."""
    things = ("undo", "reset", "action", "task", "format", "deployment")
    if asked.concerns_us or any(asked.sentence.has(kind) for kind in things):
        return "explain"
    about_training = asked.sentence.has("number") or _ABOUT_TRAINING.search(asked.words)
    return "explain" if asked.explains and about_training else None


def _state_after_all(asked: _Asked) -> Intent | None:
    """Read "상태 왜 이래?", which asks for an explanation, and names nothing to explain."""
    return "status" if "status" in asked.wished else None


def _concept(asked: _Asked) -> Intent | None:
    """Read "map50이랑 map50-95는 뭐가 달라?"."""
    return "explain" if messages.concepts_in(asked.words) else None
