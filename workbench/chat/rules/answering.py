"""Turns that want to know something.

What lives here: which answer is wanted, and what it is about. What does not: what one question wants (``questions``),
the answers (``replies``).
"""

from __future__ import annotations

from typing import Final

from workbench.chat import messages
from workbench.chat.cleaning import folded
from workbench.chat.rules import wishes
from workbench.chat.rules.binding import Binder
from workbench.chat.rules.questions import are_compared, intent_of, part_asked_for
from workbench.chat.rules.reading import Reading, fields_named
from workbench.chat.rules.resolving import Resolver
from workbench.chat.rules.sentences import Sentence
from workbench.chat.turn import Intent, TurnProposal

_WISHES: Final[tuple[Intent, ...]] = ("compare", "list_datasets", "status", "help")
_LAST_WISHES: Final = _WISHES[:3]
_PRODUCTS: Final = ("exports", "deployments")
_MOST: Final = 8  # things that are explained at once


def answer(reading: Reading, intent: Intent) -> TurnProposal:
    """Return the proposal of a turn that asks for an answer only."""
    target = wishes.target(intent, reading.sentences, reading.line, ())
    named = [name for sentence in reading.sentences if (name := reading.resolver.finder.find(sentence))]
    target = target.model_copy(update={"dataset": named[-1] if named else None})
    about = tuple(dict.fromkeys(name for sentence in reading.sentences for name in fields_named(sentence.mentions)))
    if intent == "explain":
        about = _topics(reading, about)
    elif intent == "status":
        about = _products(reading) or about
    elif intent == "ask" and target.dataset:
        about = (*part_asked_for(reading.line.text), *about)
    return reading.propose(intent, about=about, target=target)


def _products(reading: Reading) -> tuple[str, ...]:
    """Return what of a run's products is asked about: ``exports``, ``deployments``."""
    return tuple(name for name in _PRODUCTS if any(each.at("wish", name) for each in reading.mentions))


def wish(reading: Reading) -> Intent:
    """Return what a turn without changes and actions wants to know.

    The last sentence decides when it asks for an answer in so many words, then the last question; what is wished for
    anywhere comes after these. A turn that only denies or names something is no question: nothing is changed by it.
    """
    rules = (_requested_last, _questioned, _wished, _named)
    return next((intent for rule in rules if (intent := rule(reading))), "out_of_scope")


def _requested_last(reading: Reading) -> Intent | None:
    last = [sentence for sentence in reading.sentences[-1:] if sentence.mood == "request"]
    found = next((intent for intent in _LAST_WISHES for sentence in last if sentence.has("wish", intent)), None)
    compares_things = found == "compare" and are_compared(last[0], reading.situation, reading.sentences)
    return "explain" if compares_things else found


def _questioned(reading: Reading) -> Intent | None:
    asked = [sentence for sentence in reversed(reading.sentences) if sentence.mood == "question"]
    found = (intent_of(sentence, reading.situation, reading.sentences) for sentence in asked)
    return next((intent for intent in found if intent != "out_of_scope"), None)


def _wished(reading: Reading) -> Intent | None:
    return next((intent for sentence in reversed(reading.sentences) if (intent := _wish_of(sentence))), None)


def _wish_of(sentence: Sentence) -> Intent | None:
    if len({mention.value for mention in sentence.all("run")}) > 1:
        return "compare"
    if sentence.has("wish", *_PRODUCTS):
        return "status"
    named = next((intent for intent in _WISHES if sentence.has("wish", intent)), None)
    return named or ("ask" if sentence.has("wish", "show") else None)


def _named(reading: Reading) -> Intent | None:
    def names(sentence: Sentence) -> bool:
        denied = any(clause.denied for clause in sentence.clauses)
        denied = denied or (sentence.has("mark", "deny") and sentence.has("action"))
        return denied or sentence.has("mark", "keep") or sentence.has("field")

    return "configure" if any(map(names, reading.sentences)) else None


def _topics(reading: Reading, about: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is to be explained: values that are only supposed, fields, concepts."""
    binder, resolver = Binder(reading.line, reading.situation), Resolver(reading.line, reading.situation)
    for sentence in reading.sentences:
        binder.sentence(sentence)
        resolver.words(sentence)
    supposed = [op for op in (*binder.bound.ops, *resolver.ops) if op.op == "set"]
    values = [f"{op.field}={_written(op.value)}" for op in supposed]
    unsaid = [name for name in about if name not in {op.field for op in supposed}]
    concepts = messages.concepts_in(folded(reading.line.original))
    return tuple(dict.fromkeys([*values, *unsaid, *concepts]))[:_MOST]


def _written(value: object) -> str:
    """Return a value as YAML writes it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
