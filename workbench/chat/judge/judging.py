"""From a proposal, an edit of the form or a click to a verdict.

What lives here: ``judge``, ``judge_ops`` and ``judge_edit``. What does not: what becomes of a wish (``hearing``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from workbench.chat.judge.evidence import Words
from workbench.chat.judge.hearing import Hearing
from workbench.chat.judge.models import families, heard, likeliest
from workbench.chat.judge.values import closest, refused_word, rule_of
from workbench.chat.judge.verdict import Reason, Refusal, Verdict
from workbench.chat.judge.wish import Wish
from workbench.chat.turn import Intent, Op, Option, Question, Situation, TurnProposal
from workbench.config import limits
from workbench.config.patch import Source
from workbench.config.rules import OneOf, Text

# Who asks wants to know: nothing is written, even if an engine says so.
_ANSWERS: Final[frozenset[Intent]] = frozenset(
    ("ask", "explain", "help", "compare", "status", "list_datasets", "out_of_scope")
)
_PAIR: Final = frozenset(("model", "task"))
_OPTIONS: Final = 4
_NAMED: Final = 12  # names that a refusal lists


def judge(proposal: TurnProposal, text: str, situation: Situation) -> Verdict:
    """Return what is done of a proposal.

    An op is done when its evidence stands in the user's text and its value is legal; without evidence it is at most a
    suggestion. When the person only asks something, every op is. What cannot be done is refused, the rest is done.

    Args:
        proposal: what an engine understood.
        text: what the user typed.
        situation: what the engine saw.
    """
    words = Words(text, _names(situation))
    own, others = _parted(proposal, words, situation)
    verdict = Hearing(situation).settle([_wish(op, words) for op in own])
    refusals = (*verdict.refusals, *_unknown(proposal, words, verdict, situation))
    return replace(
        verdict,
        refusals=refusals,
        suggestions=tuple(_legal(others, _after(situation, verdict))),
        questions=_questions(proposal, verdict, situation),
    )


def judge_ops(ops: Iterable[Op], situation: Situation, *, source: Source = "user") -> Verdict:
    """Return what is done of ops that a person clicked on: a button, or with ``model_suggestion`` a suggestion."""
    return Hearing(situation).settle([Wish(op.field, op.op, op.value, op.evidence, source) for op in ops])


def judge_edit(edit: Mapping[str, Any], situation: Situation) -> Verdict:
    """Return what is done of an edit in the form: field to value, each meant to the letter."""
    return Hearing(situation).settle([Wish(field, value=value, literal=True) for field, value in edit.items()])


def _names(situation: Situation) -> Iterator[str]:
    """Yield the names that others gave: words inside them are no words of the user's."""
    yield from (dataset.name for dataset in situation.context.datasets)
    for run in situation.context.runs:
        yield from (run.id, run.name)


def _parted(proposal: TurnProposal, words: Words, situation: Situation) -> tuple[list[Op], list[Op]]:
    """Return the ops that the user's words ask for, and the others; a step that was said once is done once."""
    own: list[Op] = []
    others: list[Op] = []
    done: Counter[str] = Counter()
    for op in proposal.ops:
        if proposal.intent in _ANSWERS or not _said(op, words, situation):
            others.append(op)
            continue
        key = op.model_dump_json()
        if op.op in ("set", "unset") or done[key] < words.count(op.evidence):
            done[key] += 1
            own.append(op)
    return own, others


def _said(op: Op, words: Words, situation: Situation) -> bool:
    """Return whether the user said it; what is taken as it is, such as a path, must stand in the text itself."""
    if not words.hold(op.evidence, of_name=op.field == "data"):
        return False
    if op.op != "set" or not isinstance(op.value, str) or not op.value:
        return True
    return not _is_free(op.field, op.value, situation) or words.hold(op.value, of_name=True)


def _is_free(field: str, value: str, situation: Situation) -> bool:
    """Return whether any text would do, so that only the user's own may be written."""
    if field == "data":
        return not situation.context.datasets
    if field == "model":
        said = heard(value)
        return said is not None and bool(said.own)
    rule = rule_of(field)
    parts = rule.rules if isinstance(rule, OneOf) else (rule,)
    return field not in limits.OWNED and any(isinstance(part, Text) and not part.pattern for part in parts)


def _wish(op: Op, words: Words) -> Wish:
    literal = op.field == "model" and isinstance(op.value, str) and words.hold(op.value)
    return Wish(op.field, op.op, op.value, op.evidence, literal=literal)


def _after(situation: Situation, verdict: Verdict) -> Situation:
    changed = {change.field: change.after for change in verdict.changes}
    return replace(situation, values={**situation.values, **changed}) if changed else situation


def _legal(ops: Iterable[Op], situation: Situation) -> Iterator[Op]:
    """Yield the ops that would change something if they were wanted."""
    for op in ops:
        verdict = judge_ops((op,), situation)
        if verdict.changes and not verdict.refusals:
            yield op


def _unknown(proposal: TurnProposal, words: Words, done: Verdict, situation: Situation) -> Iterator[Refusal]:
    """Yield a refusal for each word of the user that names nothing."""
    settled = {change.field for change in done.changes} | {refusal.field for refusal in done.refusals}
    for field, word in proposal.unknown.items():
        if field not in settled and words.hold(word, of_name=True):
            yield _no_such(field, word, situation)


def _no_such(field: str, word: str, situation: Situation) -> Refusal:
    context = situation.context
    if field in ("run", "runs"):
        runs = tuple(run.id for run in context.runs)
        return Refusal("run", word, "no_such_run", choices=runs[:_NAMED], nearest=closest(word, runs), evidence=word)
    if field == "model":
        near = likeliest(word, ".pt")
        return Refusal(
            field, word, "unknown_word", choices=families(str(situation.values["task"])), nearest=near, evidence=word
        )
    if field in ("data", "device"):
        known = tuple(dataset.name for dataset in context.datasets) if field == "data" else context.devices or ()
        reason: Reason = "no_such_dataset" if field == "data" else "no_such_device"
        return Refusal(field, word, reason, choices=known[:_NAMED], nearest=closest(word, known), evidence=word)
    if rule_of(field) is None:
        return Refusal(field, word, "unknown_field", nearest=closest(field, tuple(limits.fields())), evidence=word)
    return replace(refused_word(field, word), evidence=word)


def _questions(proposal: TurnProposal, verdict: Verdict, situation: Situation) -> tuple[Question, ...]:
    """Return the one question that is worth asking: the engine's first one, unless it has its answer, else our own."""
    if proposal.intent in _ANSWERS:
        return ()
    changed = {change.field for change in verdict.changes}
    asked = (_held(question, situation) for question in proposal.questions)
    open_ = [question for question in asked if question and not (question.about and changed.issuperset(question.about))]
    return (*open_, *verdict.questions)[:1]


def _held(question: Question, situation: Situation) -> Question | None:
    """Return an engine's question with the buttons that do what it is about, and can be done."""
    about = tuple(field for field in dict.fromkeys(question.about) if rule_of(field) is not None)
    if not about and not question.text:
        return None
    may = {*about, *(_PAIR if _PAIR & set(about) or "data" in about else ())}
    options = (option for option in question.options if _does_only(option, may, situation))
    return question.model_copy(update={"about": about, "options": tuple(islice(options, _OPTIONS))})


def _does_only(option: Option, fields: AbstractSet[str], situation: Situation) -> bool:
    if any(op.field not in fields for op in option.ops):
        return False
    return not option.ops or not judge_ops(option.ops, situation).refusals
