"""From what an engine understood to what is done: patches, a card, a reply.

What lives here: one turn worked out on a state, without changing it. What does not: which single change is legal
(``judge``), what an action needs (``cards``), and keeping the outcome (``conversation``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from workbench.chat.cards import Card, Offer, note, offer
from workbench.chat.context import Context
from workbench.chat.doubt import doubted
from workbench.chat.judge import Note, Verdict, judge, judge_edit, judge_ops
from workbench.chat.log import Event
from workbench.chat.records import Click, Turn, now, storable
from workbench.chat.replies import reply, topic_of
from workbench.chat.rules import asks_for
from workbench.chat.state import State
from workbench.chat.turn import ACTIONS, Intent, Op, Situation, Target, TurnProposal, Understood
from workbench.config.patch import Change, Draft, Patch, Source, same

_STEPS: Final = 100
_GO: Final[frozenset[Intent]] = frozenset((*ACTIONS, "undo", "reset"))  # each needs its word in the person's text
_INTENTS: Final[Mapping[str, Intent]] = {
    "accept": "configure",
    "answer": "configure",
    "undo": "undo",
    "redo": "undo",
    "reset": "reset",
}


@dataclass(frozen=True)
class Outcome:
    """What one turn comes to.

    Attributes:
        turn: what is shown.
        patches: what it does to the draft, in this order.
    """

    turn: Turn
    patches: tuple[Patch, ...] = ()

    def to_event(self) -> Event:
        """Return what the log keeps of it."""
        patches = storable([patch.to_payload() for patch in self.patches])
        return {"at": self.turn.at, "kind": "turn", "turn": self.turn.to_payload(), "patches": patches}


@dataclass(frozen=True)
class Origin:
    """Where a turn comes from.

    Attributes:
        text: what was said; empty for the form and for clicks.
        by: through what it came in.
        click: what was clicked, or said as if it was.
    """

    text: str = ""
    by: Literal["chat", "form", "click"] = "chat"
    click: Click | None = None

    @property
    def understood(self) -> bool:
        """Whether an engine had to understand it."""
        return self.by == "chat" and self.click is None


Ruling = Callable[[Situation], Verdict]


def decide(understood: Understood, ruling: Ruling, state: State, context: Context, origin: Origin) -> Outcome:
    """Return what a turn comes to on the newest state.

    Args:
        understood: what an engine made of it, perhaps on an older state.
        ruling: judges the changes that are wanted, on the draft that an undo or a reset has left.
        state: the newest; it is not changed.
        context: what may be talked about.
        origin: where it comes from.
    """
    proposal = understood.proposal
    own = [note("not_asked_for", action=understood.held)] if understood.held else []
    own += [note("own_words_cut_off")] if understood.cut_off else []
    own += _left_out(state, context)
    back, notes = _way_back(proposal, state.draft, state.next_id, origin)
    draft = _applied(state.draft, back)
    verdict = ruling(Situation(draft.values, draft.base, context, state.memory))
    patches = _joined(back, Patch(_sourced(verdict.changes, origin), turn=state.next_id))
    draft = _applied(state.draft, patches)
    offered = offer(proposal, draft, context) if _may_act(proposal, verdict) else Offer()
    questions = verdict.questions or ((offered.question,) if offered.question else ())
    verdict = replace(
        verdict,
        changes=tuple(_net(state.draft, draft, (change.field for change in verdict.changes))),
        notes=(*own, *notes, *verdict.notes, *offered.notes),
        questions=questions[:1],
    )
    card = _card(proposal, offered.what, draft, state.next_id)
    verdict = replace(verdict, notes=(*verdict.notes, *_expired(state, draft, card)))
    turn = Turn(
        id=state.next_id,
        at=now(),
        text=origin.text,
        by=origin.by,
        language=proposal.language,
        intent=proposal.intent,
        changes=verdict.changes,
        refusals=verdict.refusals,
        suggestions=verdict.suggestions,
        notes=verdict.notes,
        question=verdict.question,
        card=card,
        reply=reply(understood, verdict, state.situation(context), draft, card),
        engine=understood.engine if origin.understood else "",
        fallback=understood.fallback,
        detail=understood.detail,
        usage=understood.usage,
        sent=understood.sent,
        about=proposal.about,
        target=proposal.target,
        click=origin.click,
    )
    return Outcome(turn, patches)


def hear(text: str, understood: Understood, state: State, context: Context) -> Outcome:
    """Return what something that was said comes to; arguments as of ``decide``."""
    if understood.engine != "rules":
        proposal = doubted(understood.proposal, text, state.memory)
        understood = _asked_for(replace(understood, proposal=proposal), text, state, context)
    understood = _talked(understood, text)
    return decide(
        understood, lambda situation: judge(understood.proposal, text, situation), state, context, Origin(text)
    )


def _talked(understood: Understood, text: str) -> Understood:
    """Return what was understood with the greeting, or the goal, that is all a text says, when nothing else was."""
    proposal, topic = understood.proposal, topic_of(text)
    if not topic or proposal.ops or proposal.questions or proposal.about or proposal.intent in _GO:
        return understood
    return replace(understood, proposal=proposal.model_copy(update={"about": (topic,)}))


def _asked_for(understood: Understood, text: str, state: State, context: Context) -> Understood:
    """Take out of a model's proposal an action, an undo or a reset that the person's own words do not ask for."""
    intent = understood.proposal.intent
    if intent not in _GO or asks_for(intent, text, state.situation(context)):
        return understood
    held = understood.proposal.model_copy(update={"intent": "configure", "target": Target(), "about": ()})
    return replace(understood, proposal=held, held=intent)


def click(
    clicked: Click, state: State, context: Context, *, text: str = "", ops: Sequence[Op] = (), said: bool = False
) -> Outcome:
    """Return what a click comes to.

    Args:
        clicked: what was clicked.
        state: the newest; it is not changed.
        context: what may be talked about.
        text: the words on it, or those that were said instead.
        ops: what it changes.
        said: whether nobody clicked, but said so.
    """
    target = Target(steps=min(max(clicked.steps, 1), _STEPS), redo=clicked.kind == "redo")
    intent, asked = _INTENTS[clicked.kind], state.turn(clicked.turn)
    if clicked.kind == "answer" and asked is not None and asked.intent in ACTIONS:
        intent, target = asked.intent, asked.target  # it waited for the answer only
    proposal = TurnProposal(intent=intent, about=clicked.fields, target=target, language=state.memory.language)
    source: Source = "model_suggestion" if clicked.kind == "accept" else "user"
    origin = Origin(text, "chat" if said else "click", clicked)
    return decide(
        Understood(proposal), lambda situation: judge_ops(ops, situation, source=source), state, context, origin
    )


def edit(values: Mapping[str, Any], state: State, context: Context) -> Outcome:
    """Return what an edit of the form comes to; arguments as of ``click``."""
    understood = Understood(TurnProposal(language=state.memory.language))
    return decide(understood, lambda situation: judge_edit(values, situation), state, context, Origin(by="form"))


def _net(before: Draft, after: Draft, said: Iterable[str]) -> Iterator[Change]:
    """Yield what is otherwise in ``after``, whatever ways it went; what was said comes first, in that order."""
    for name in dict.fromkeys((*said, *after.values)):
        if not same(after.values[name], before.values[name]):
            origin = after.provenance(name)
            yield Change(name, before.values[name], after.values[name], origin.source, origin.evidence)


def _joined(back: tuple[Patch, ...], edit: Patch) -> tuple[Patch, ...]:
    """Return the patches of a turn; a reset and the changes said with it are taken back together."""
    if not edit.changes:
        return back
    if not back or back[-1].kind != "edit":
        return (*back, edit)
    reset = {change.field: change for change in back[-1].changes}
    said = {
        change.field: replace(change, before=reset[change.field].before if change.field in reset else change.before)
        for change in edit.changes
    }
    return (*back[:-1], replace(edit, changes=tuple({**reset, **said}.values())))


def _way_back(
    proposal: TurnProposal, draft: Draft, turn: str, origin: Origin
) -> tuple[tuple[Patch, ...], tuple[Note, ...]]:
    """Return what an undo, a redo or a reset does before anything else is changed."""
    if proposal.intent not in ("undo", "reset"):
        return (), ()
    fields = [name for name in proposal.about if name in draft.base]
    redo = proposal.intent == "undo" and proposal.target.redo
    nothing = "nothing_to_redo" if redo else f"nothing_to_{proposal.intent}"
    if proposal.about and not fields:  # a word of which no field is known: not all of them are meant
        return (), (note(nothing),)
    whose = origin.click.turn if origin.click else ""
    ways = _found(draft.undo_turn(whose)) if whose else _ways(proposal, draft, fields)
    patches = tuple(replace(patch, turn=turn) for patch in ways)
    kept = dict.fromkeys(name for patch in patches for name in patch.kept)
    notes = (note("kept", fields=list(kept)),) if kept else ()
    return patches, notes if any(patch.changes for patch in patches) else (*notes, note(nothing))


def _ways(proposal: TurnProposal, draft: Draft, fields: Sequence[str]) -> Iterator[Patch]:
    steps = proposal.target.steps
    if proposal.intent == "reset":
        yield draft.reset(fields)
    elif proposal.target.redo:
        yield from _found(draft.redo(steps))
    elif not fields:
        yield from _found(draft.undo(steps))
    for name in fields if proposal.intent == "undo" and not proposal.target.redo else ():
        for patch in (found for _ in range(steps) for found in _found(draft.undo_field(name))):
            yield patch
            draft = draft.apply(patch)


def _found(patch: Patch | None) -> tuple[Patch, ...]:
    return () if patch is None else (patch,)


def _applied(draft: Draft, patches: Iterable[Patch]) -> Draft:
    for patch in patches:
        draft = draft.apply(patch)
    return draft


def _sourced(changes: Iterable[Change], origin: Origin) -> tuple[Change, ...]:
    """Return the changes; of a click the words are those on what was clicked, not an engine's."""
    return tuple(changes) if origin.understood else tuple(replace(each, evidence=origin.text) for each in changes)


def _may_act(proposal: TurnProposal, verdict: Verdict) -> bool:
    """Return whether a card may be shown: the answer to a question would make it another one."""
    return proposal.intent in ACTIONS and not verdict.questions


def _left_out(state: State, context: Context) -> list[Note]:
    """Return the note on datasets that cannot be read, unless the conversation has it already."""
    if not context.damaged:
        return []
    left = note("datasets_left_out", datasets=", ".join(context.damaged))
    return [] if any(left in turn.notes for turn in state.turns()) else [left]


def _expired(state: State, draft: Draft, card: Card | None) -> Iterator[Note]:
    """Yield the note that a card no longer waits, because the turn made the config another one."""
    waited = state.waiting
    if waited is not None and card is None and waited.seen_at(draft.digest).state != "open":
        yield note("card_expired", action=waited.action)


def _card(proposal: TurnProposal, what: Mapping[str, Any] | None, draft: Draft, turn: str) -> Card | None:
    return None if what is None else Card(f"c{turn}", proposal.intent, draft.digest, what)
