"""The rules engine on conversations with a known outcome, in the form of the public evaluation set.

What lives here: one conversation through the same engine and the same judge as a session, and what it did as plain
data. What does not: scoring, and the conversations themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.chat.context import Context, DatasetFact, RunFact
from workbench.chat.deciding import hear
from workbench.chat.rules import RulesEngine
from workbench.chat.state import State
from workbench.config.patch import Draft
from workbench.config.schema import DEFAULTS

_STATES = {"finished": "completed"}
_FORMATS = {"litert": "tflite"}
# The evaluation set starts from pretrained weights; the workbench starts from scratch.
_BASE = {**DEFAULTS, "model": "yolo26n.pt"}


def answer(context: Mapping[str, Any], turns: Sequence[str]) -> dict[str, Any]:
    """Hold a conversation and return its outcome.

    Args:
        context: ``config`` (values that differ from the defaults), ``datasets``, ``devices``, ``run``, ``runs``.
        turns: what the person says, in order.

    Returns:
        ``config`` (every field at the end) and, of the last turn, ``intent``, ``clarify`` (fields asked about),
        ``reject`` (fields refused), ``export`` (formats) and ``deploy`` (a kind, or None).
    """
    state, facts, engine = State(_BASE), _context(context), RulesEngine()
    state.draft = Draft(_BASE, _start(context.get("config", {})))
    turn = None
    for text in turns:
        outcome = hear(text, engine.understand(text, state.situation(facts)), state, facts)
        state.fold([outcome.to_event()])
        turn = outcome.turn
    values = {**state.draft.values, "data": state.draft.values["data"] or None}
    if turn is None:
        return {"config": values, "intent": "out_of_scope", "clarify": [], "reject": [], "export": [], "deploy": None}
    return {
        "config": values,
        "intent": turn.intent,
        "clarify": list(turn.question.about) if turn.question else [],
        "reject": sorted({refusal.field for refusal in turn.refusals}),
        "export": [_FORMATS.get(name, name) for name in turn.target.formats] if turn.intent == "export" else [],
        "deploy": turn.target.deployment if turn.intent == "deploy" else None,
    }


def _start(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key != "data" or value is not None}


def _context(given: Mapping[str, Any]) -> Context:
    datasets = tuple(
        DatasetFact(
            name=item["name"],
            task=item.get("task", ""),
            images=item.get("images", 0),
            classes=tuple(item.get("classes", ())),
            description=item.get("description", ""),
        )
        for item in given.get("datasets", ())
    )
    run = given.get("run")
    others = [item for item in given.get("runs", ()) if not run or item["id"] != run["id"]]
    runs = tuple(_run(item) for item in ([run, *others] if run else others))
    devices = given.get("devices")
    return Context(datasets, runs, run["id"] if run else None, tuple(devices) if devices is not None else None)


def _run(item: Mapping[str, Any]) -> RunFact:
    state = item.get("state", "completed")
    return RunFact(
        id=item["id"],
        state=_STATES.get(state, state),
        epoch=item.get("epoch"),
        epochs=item.get("epochs"),
        headline=item.get("map50"),
        headline_name="metrics/mAP50(B)" if "map50" in item else "",
    )
