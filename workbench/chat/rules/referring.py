"""Turns that mean something only after the one before: once more, no the other one, yes do that.

What lives here: what they refer to. What does not: numbers without a field (``references``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from workbench.chat.rules import patterns, switching, wishes
from workbench.chat.rules.reading import Reading
from workbench.chat.turn import Intent, Op, Situation, Target, TurnProposal

_THAT_VALUE: Final = patterns.read("referring", "that_value")
_CANCELS: Final = patterns.read("referring", "cancels")
_OF_CHANGE: Final = patterns.read("referring", "of_change")
_SAYING: Final = frozenset({"number", "factor", "field", "action", "undo", "reset"})
_SHORT: Final = 24  # characters of "seven or so, I think?"


def same_again(reading: Reading, understand: Callable[[str, Situation], TurnProposal]) -> TurnProposal | None:
    """Read "once more": what the last change was asked for with, on what came of it."""
    memory, marks = reading.situation.memory, [each for each in reading.mentions if each.at("mark", "again")]
    others = [each for each in reading.mentions if not any(each.overlaps(mark) for mark in marks)]
    said = any(each.kind in _SAYING and each.unit != "other" for each in others)
    if not marks or said or not memory.text or any(each.mood == "question" for each in reading.sentences):
        return None
    before = replace(reading.situation, memory=replace(memory, text=""))
    proposal = understand(memory.text, before)
    words = reading.line.quote(marks[0].start, marks[0].end)
    ops = tuple(op.model_copy(update={"evidence": words}) for op in proposal.ops)
    return reading.propose("configure", ops) if ops and proposal.intent == "configure" else None


def same_action_again(reading: Reading) -> TurnProposal | None:
    """Read "no, tflite instead" after an export was asked for: the same action, of something else."""
    before = reading.situation.memory.intent
    if before not in {"export", "deploy"} or any(mention.kind in {"action", "field"} for mention in reading.mentions):
        return None
    kind = "format" if before == "export" else "deployment"
    asked = [sentence for sentence in reading.requests() if sentence.has(kind)]
    if not asked:
        return None
    for sentence in asked:
        for clause in sentence.clauses:
            for mention in clause.all(kind):
                reading.is_refused(mention, clause)
    return reading.propose(before, target=wishes.target(before, asked, reading.line, reading.refused))


def answered(reading: Reading) -> TurnProposal | None:
    """Read the answer to a question of ours, and "yes, use that" after a value was only spoken of."""
    memory = reading.situation.memory
    plain = not any(each.kind in {"number", "factor", "action", "undo", "reset"} for each in reading.mentions)
    if not plain or any(sentence.mood == "question" for sentence in reading.sentences):
        return None
    named = {member for each in reading.mentions if each.kind == "field" for member in switching.members(each.value)}
    if memory.pending is not None and memory.pending.kind == "which":
        ops = [op for option in memory.pending.options for op in option.ops if {op.field} == named]
        if ops:
            words = reading.line.original
            return reading.propose("configure", tuple(op.model_copy(update={"evidence": words}) for op in ops[:1]))
    match = _THAT_VALUE.search(reading.line.text)
    if memory.supposed and match and not named:
        evidence = reading.line.quote(*match.span())
        ops = [Op(field=name, value=value, evidence=evidence) for name, value in memory.supposed.items()]
        return reading.propose("configure", ops)
    return None


def cancels_run(reading: Reading) -> bool:
    """Return whether "cancel it" means the run that was spoken of, and no change."""
    alive = any(run.state in {"queued", "running"} for run in reading.situation.context.runs)
    said = reading.situation.memory.intent in {"status", "compare"} and alive
    asked = [sentence for sentence in reading.requests() if sentence.has("undo")]
    if any(_OF_CHANGE.search(sentence.text) for sentence in asked):
        return False
    return said and bool(asked) and not asked[-1].has("field") and bool(_CANCELS.search(asked[-1].text))


def take_answers(reading: Reading) -> None:
    """Read a number after a question of ours as the answer, also with a question mark behind it: "seven or so?"."""
    pending = reading.situation.memory.pending
    if pending is None or pending.kind == "dataset" or not reading.binder.bound.alone:
        return
    for place, sentence in enumerate(reading.sentences):
        plain = sentence.has("number") and not sentence.has("field") and not sentence.has("mark", "question")
        if sentence.mood == "question" and plain and len(sentence.text) < _SHORT:
            reading.sentences[place] = replace(sentence, mood="request")


def same_target(reading: Reading, intent: Intent, target: Target) -> Target:
    """Fill in what was spoken of just before: "what is the difference between onnx and tensorrt? - both please"."""
    before = reading.situation.memory.target
    if intent == "export" and not target.formats and any(each.at("mark", "both", "it") for each in reading.mentions):
        return target.model_copy(update={"formats": before.formats})
    return target
