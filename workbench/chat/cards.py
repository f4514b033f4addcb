"""Actions that wait for a person: what exactly would be done, bound to the config that was seen.

What lives here: cards, what each action needs, and the steps of a card's life. What does not: the moment in which only
one process may confirm (``conversation``), and doing what was confirmed.

    open -> confirmed -> done | failed         open -> declined
    open -> stale: another card came after it, or the config is another one now (then back, when it is that one again);
                   whether a run is stopped does not depend on the config
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, cast

from workbench.chat.cleaning import clean_name
from workbench.chat.context import Context, DatasetFact, RunFact
from workbench.chat.judge.verdict import Note, NoteKey
from workbench.chat.turn import Intent, Op, Option, Question, TurnProposal
from workbench.config.patch import Draft
from workbench.errors import ConfigError

CardState = Literal["open", "confirmed", "declined", "stale", "done", "failed"]

_OPTIONS: Final = 4
_ALIVE: Final = frozenset({"queued", "running"})
_ENDED: Final = frozenset({"cancelled", "failed", "crashed", "completed"})
# In which states a run can be what: a run that is being cancelled is stopped already.
_STATES: Final[Mapping[Intent, frozenset[str]]] = {
    "stop": _ALIVE,
    "resume": _ENDED - {"completed"},
    "restart": _ENDED,
    "export": frozenset({"completed"}),
    "deploy": frozenset({"completed"}),
}


@dataclass(frozen=True)
class Card:
    """An action that waits for a confirmation.

    Attributes:
        id: unique in its conversation.
        action: one of ``turn.ACTIONS``.
        digest: of the draft that it was made for.
        what: the changes of the config (``config``), ``dataset``, ``run`` and what it ``trains``, ``formats``,
            ``deployment`` and the ``export`` that it serves, with ``format`` and ``proof``: as the action needs them.
        state: see above.
        result: what came of it; of a failure ``{"error": …}``.
    """

    id: str
    action: Intent
    digest: str
    what: Mapping[str, Any]
    state: CardState = "open"
    result: Mapping[str, Any] = field(default_factory=dict)

    def seen_at(self, digest: str) -> Card:
        """Return the card as it stands beside a draft of ``digest``."""
        bound = self.action != "stop"
        return replace(self, state="stale") if bound and self.state == "open" and self.digest != digest else self


@dataclass(frozen=True)
class Offer:
    """What an action comes to: what a card would show, or why there is none.

    Attributes:
        what: ``None`` without a card.
        question: what must be known first.
        notes: why nothing can be done.
    """

    what: Mapping[str, Any] | None = None
    question: Question | None = None
    notes: tuple[Note, ...] = ()


def offer(proposal: TurnProposal, draft: Draft, context: Context) -> Offer:
    """Return what the action of ``proposal`` comes to; nothing has happened yet."""
    if proposal.intent == "start":
        return _start(draft, context)
    if proposal.intent == "stop" and proposal.target.deployment is not None:
        return Offer(notes=(_stop_endpoint(context),))
    found = _run(proposal, context)
    if isinstance(found, Note):
        return Offer(notes=(found,))
    manner, notes = _manner(proposal, found, context)
    return Offer(None if manner is None else {"run": found.id, **manner}, notes=notes)


def note(key: str, **values: Any) -> Note:
    """Return a note of the conversation's own; the judge has others."""
    return Note(cast("NoteKey", key), values)


def _manner(proposal: TurnProposal, run: RunFact, context: Context) -> tuple[dict[str, Any] | None, tuple[Note, ...]]:
    """Return how it would be done, ``None`` when it cannot be so, and a note on what of it cannot."""
    if proposal.intent == "export":
        asked = list(dict.fromkeys(proposal.target.formats)) or ["onnx"]
        done = [name for name in asked if context.formats is None or name in context.formats]
        left = _not_made("formats", [name for name in asked if name not in done], context.formats)
        return {"formats": done} if done else None, left
    if proposal.intent == "deploy":
        kind = proposal.target.deployment or "endpoint"
        if context.deployments is not None and kind not in context.deployments:
            return None, _not_made("deployments", [kind], context.deployments)
        return _served(kind, run, context)
    trains = proposal.intent in ("restart", "resume") and run.config
    return {"trains": dict(run.config)} if trains else {}, ()


def _served(kind: str, run: RunFact, context: Context) -> tuple[dict[str, Any] | None, tuple[Note, ...]]:
    """Return a deployment with the export that it serves: the newest complete one of the run."""
    if context.exports is None:
        return {"deployment": kind}, ()
    made = next((export for export in context.exports if export.run == run.id and export.state == "completed"), None)
    if made is None:
        return None, (note("no_export_to_deploy", run=clean_name(run.id)),)
    proof = {True: "proven", False: "unproven", None: "unknown"}[made.proven]
    return {"deployment": kind, "export": made.id, "format": made.format, "proof": proof}, ()


def _stop_endpoint(context: Context) -> Note:
    """Return the note on how what is deployed is stopped: that is not done from a conversation."""
    names = [endpoint.name for endpoint in context.endpoints or () if endpoint.running]
    if not names and context.endpoints is not None:
        return note("no_endpoint_to_stop")
    commands = [f"`workbench deployments stop {shlex.quote(clean_name(name))}`" for name in names[:_OPTIONS]]
    return note("endpoints_to_stop", commands=", ".join(commands) or "`workbench deployments stop NAME`")


def _not_made(things: str, asked: list[str], known: tuple[str, ...] | None) -> tuple[Note, ...]:
    return (note(f"no_such_{things}", **{things: asked, "known": list(known or ())}),) if asked else ()


def _start(draft: Draft, context: Context) -> Offer:
    if not draft.values["data"]:
        return Offer(question=_which_dataset(draft.values["task"], context))
    try:
        config = draft.config()
    except ConfigError as error:  # e.g. a session of a version with other ranges
        return Offer(notes=(note("not_legal", reason=error.happened),))
    return Offer(what={"config": config.changes(), "dataset": config.data})


def _which_dataset(task: str, context: Context) -> Question:
    plain = [dataset for dataset in context.datasets if dataset.name == clean_name(dataset.name)]
    fitting = sorted(plain, key=lambda dataset: dataset.task != task)
    options = tuple(_choice(dataset) for dataset in fitting[:_OPTIONS])
    return Question(about=("data",), kind="dataset", options=options)


def _choice(dataset: DatasetFact) -> Option:
    return Option(label=dataset.name, ops=(Op(field="data", value=dataset.name, evidence=dataset.name),))


def _run(proposal: TurnProposal, context: Context) -> RunFact | Note:
    action, named = proposal.intent, proposal.target.run
    meant = list(_meant(named, context))
    fitting = [run for run in meant if run.state in _STATES[action] and _kind_fits(run, action)]
    if not fitting:
        return _unfit(named, meant, action)
    if action == "stop" and len(fitting) > 1 and fitting[0].id != context.run:
        return note("which_run_to_stop", runs=", ".join(clean_name(run.id) for run in fitting[:_OPTIONS]))
    return fitting[0]


def _unfit(named: str | None, meant: list[RunFact], action: Intent) -> Note:
    """Return why none of the runs that are meant can be what is asked."""
    if named is None:
        return note(f"no_run_to_{action}")
    if not meant:
        return note("no_such_run", run=clean_name(named))
    run = clean_name(meant[0].id)
    if not _kind_fits(meant[0], action):
        return note("run_is_no_training", run=run)
    return note(f"run_is_not_to_{action}", run=run, state=meant[0].state)


def _meant(named: str | None, context: Context) -> Iterator[RunFact]:
    """Yield the runs that may be meant: those of that name, else the current one first."""
    if named is not None:
        return (run for run in context.runs if named in (run.id, run.name))
    return iter(sorted(context.runs, key=lambda run: run.id != context.run))


def _kind_fits(run: RunFact, action: Intent) -> bool:
    return action == "stop" or run.kind == "train"
