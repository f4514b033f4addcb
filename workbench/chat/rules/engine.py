"""The rules engine: understands a turn without a network and without a model.

What lives here: the order in which a turn is read. What does not: the reading itself (the other modules), and what is
applied (``judge``). When nothing certain can be said it asks, or says that it did not understand: a wrong change costs
more than a missed one.
"""

from __future__ import annotations

from typing import Final, cast

from workbench.chat.rules import answering, asking, marking, referring, returning, wishes
from workbench.chat.rules.finding import dataset_question
from workbench.chat.rules.line import Line
from workbench.chat.rules.mention import Mention
from workbench.chat.rules.reading import Reading
from workbench.chat.rules.sentences import Sentence
from workbench.chat.turn import Intent, Op, Question, Situation, TurnProposal, Understood

_ANSWERS: Final = frozenset({"list_datasets", "compare", "show", "help"})


class RulesEngine:
    """Understands English and Korean by rules: the same text in the same situation always means the same."""

    def understand(self, text: str, situation: Situation) -> Understood:
        """Return what ``text`` means in ``situation``; never raises for what a person wrote."""
        return Understood(_proposal(text, situation))


def asks_for(intent: Intent, text: str, situation: Situation) -> bool:
    """Return whether the words of a text ask for an action, an undo or a reset: what a model may not do by itself.

    Words that deny it, ask about it or tell of it do not: "never reset anything", "what does undo do?".
    """
    reading = Reading(*marking.read(Line.of(text), situation), situation)
    said = {str(mention.value) for mention in wishes.actions(reading.sentences, reading.line)}
    return intent in said | returning.asked_for(reading) or _proposal(text, situation).intent == intent


def _proposal(text: str, situation: Situation) -> TurnProposal:
    """Return what a text means: first what needs nothing else, then what goes back to other turns, then the rest."""
    reading = Reading(*marking.read(Line.of(text), situation), situation)
    return _of_something_else(reading) or _of_what_was_said(reading) or _of_itself(reading)


def _of_something_else(reading: Reading) -> TurnProposal | None:
    """Read what is no matter of ours, and what compares runs."""
    if reading.concerns_us() or any(map(reading.resolver.finder.answers, reading.sentences)):
        return None
    if any(mention.at("mark", "foreign") for mention in reading.mentions):
        return answering.answer(reading, "out_of_scope")
    runs = {mention.value for mention in reading.mentions if mention.kind == "run"}
    return answering.answer(reading, "compare") if len(runs) > 1 else None


def _of_what_was_said(reading: Reading) -> TurnProposal | None:
    """Read what means something only after the turns before: again, back, yes."""
    again = referring.same_action_again(reading) or referring.same_again(reading, _proposal)
    if again is not None:
        return again
    referring.take_answers(reading)
    if (answered := referring.answered(reading)) is not None:
        return answered
    if referring.cancels_run(reading):
        return reading.propose("stop")
    return returning.undo(reading) or returning.reset(reading) or returning.same_way(reading)


def _of_itself(reading: Reading) -> TurnProposal:
    """Read changes, actions, questions."""
    finder = reading.resolver.finder
    for sentence in reading.sentences:
        if sentence.mood == "question":
            finder.spoken = finder.find(sentence) or finder.spoken
            reading.binder.question(sentence)
        elif not _only_asks(sentence):
            reading.resolver.sentence(sentence, reading.is_refused)
            reading.binder.sentence(sentence)
    acting = wishes.actions(reading.sentences, reading.line)
    ops = _ops(reading)
    questions = asking.questions(reading, ops, bool(acting))
    if acting:
        return _act(reading, acting, ops, questions)
    if ops or questions:
        return reading.propose("configure", ops, questions)
    return answering.answer(reading, answering.wish(reading))


def _only_asks(sentence: Sentence) -> bool:
    """Return whether a sentence that is no question wants an answer only: "show me the datasets"."""
    wished = {mention.value for mention in sentence.all("wish")}
    values = any(sentence.has(kind) for kind in ("number", "factor", "optimizer", "size"))
    return bool(wished & _ANSWERS) and not values


def _ops(reading: Reading) -> tuple[Op, ...]:
    """Return the changes in the order in which they were said, without those of fields that are to stay."""
    bound = reading.binder.bound
    ops = sorted((*reading.resolver.ops, *bound.ops), key=lambda op: reading.line.original.find(op.evidence))
    return tuple(op for op in ops if op.field not in bound.kept)


def _act(reading: Reading, acting: list[Mention], ops: tuple[Op, ...], questions: tuple[Question, ...]) -> TurnProposal:
    """Return the proposal of an action; a training without data asks for it first."""
    intent = cast("Intent", acting[0].value)
    target = wishes.target(intent, reading.sentences, reading.line, reading.refused)
    has_data = bool(reading.situation.values.get("data")) or any(op.field == "data" for op in ops)
    if intent == "start" and not has_data and not questions:
        questions = (dataset_question([dataset.name for dataset in reading.situation.context.datasets]),)
    return reading.propose(intent, ops, questions, target=referring.same_target(reading, intent, target))
