"""Answers to questions: about settings, concepts, datasets and runs.

What lives here: asking, explaining, helping, and which room answers the rest. What does not: figures that nobody handed
in: what is not known is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from workbench.chat.cleaning import clean_name
from workbench.chat.messages import field, has, named, say, shown
from workbench.chat.replies import datasets, made, runs
from workbench.chat.replies.changes import settings
from workbench.chat.replies.consequences import Case, consequences
from workbench.chat.replies.legal import legal
from workbench.chat.replies.model_sizes import sizes
from workbench.chat.replies.objections import refused
from workbench.chat.replies.supposing import Supposition, supposed
from workbench.chat.replies.talk import TOPICS as TALK
from workbench.chat.replies.talk import talk
from workbench.chat.replies.topics import CONCEPT_OF, FIELDS, Topic, topic
from workbench.chat.turn import Language, Situation, Target, TurnProposal
from workbench.config import limits
from workbench.config.patch import Draft, Provenance
from workbench.config.schema import DOZEN

_TOPICS: Final = ("early_stopping", "learning_rate", "batch_memory", "image_size", "map", "export_format")
_HELP: Final = ("title", "configure", "undo", "ask", "explain", "data", "act")


@dataclass(frozen=True)
class Asked:
    """A question with all that an answer may draw on.

    Attributes:
        proposal: what is asked.
        situation: datasets, runs, defaults.
        draft: the config as it is after the turn.
    """

    proposal: TurnProposal
    situation: Situation
    draft: Draft

    @property
    def language(self) -> Language:
        """Of the person."""
        return self.proposal.language

    @property
    def now(self) -> Situation:
        """The situation after the turn."""
        return replace(self.situation, values=self.draft.values)

    @property
    def topics(self) -> list[Topic]:
        """What the question is about, as far as it is known here."""
        found = (topic(about, self.situation.context) for about in self.proposal.about)
        return [each for each in found if each is not None]


def unanswered(question: Asked) -> bool:
    """Return whether a question is about nothing that is known here, so that only others may know an answer."""
    proposal = question.proposal
    supposes = any(op.field in question.situation.values for op in proposal.ops)
    answered = question.topics or supposes or proposal.target.runs or _dataset(question)
    if proposal.intent not in ("ask", "explain", "compare") or answered:
        return False
    return proposal.intent == "explain" or bool(proposal.about)


def answer(question: Asked) -> list[str]:
    """Return the lines that answer a question; none for an intent that asks nothing."""
    proposal, context, language = question.proposal, question.situation.context, question.language
    if len(proposal.about) == 1 and proposal.about[0] in TALK:
        return talk(proposal.about[0], question.draft.values, language)
    answers: Mapping[str, Callable[[], list[str]]] = {
        "ask": lambda: _ask(question),
        "explain": lambda: _explain(question),
        "help": lambda: [*_about_topics(question), *_help(language)],
        "status": lambda: _status(question),
        "compare": lambda: runs.compared(proposal.target, context, language),
        "list_datasets": lambda: datasets.listed(context, question.draft.values["data"], language),
        "out_of_scope": lambda: [say("answer.out_of_scope", language)],
    }
    return answers[proposal.intent]() if proposal.intent in answers else []


def _status(question: Asked) -> list[str]:
    context, language = question.situation.context, question.language
    topics = [each for each in question.proposal.about if each in made.TOPICS]
    lines = [line for each in dict.fromkeys(topics) for line in made.made(each, context, language)]
    return lines or runs.status(question.proposal.target, context, language)


def _dataset(question: Asked) -> list[str]:
    """Return the answer to a question about one dataset; none when the question is about something else."""
    name, about = question.proposal.target.dataset, dict.fromkeys(question.proposal.about)
    topics = [each for each in about if each in datasets.TOPICS]
    if name is None or not topics or len(topics) < len(about):
        return []
    found, chosen = question.situation.context.dataset(name), question.draft.values["data"]
    if found is None:
        return [datasets.chosen(name, question.situation.context, question.language)]
    answers = (datasets.about(each, found, chosen, question.language) for each in topics)
    return [line for lines in answers for line in lines]


def _ask(question: Asked) -> list[str]:
    if told := _dataset(question):
        return told
    if not question.proposal.about:
        return _config(question.draft, question.language)
    if not question.topics:
        return _unknown(question)
    lines = (line for each in question.topics for line in _asked_about(each, question))
    return list(dict.fromkeys(lines))


def _asked_about(each: Topic, question: Asked) -> list[str]:
    context, language = question.situation.context, question.language
    if each.kind in ("dataset", "run"):
        return _fact(each, question)
    if each.kind == "concept":
        return _concept(each.name, question) if not FIELDS[each.name] else _values(FIELDS[each.name], question)
    more = [datasets.chosen(question.draft.values["data"], context, language)] if each.name == "data" else []
    return [*_values((each.name,), question), *more]


def _values(names: tuple[str, ...], question: Asked) -> list[str]:
    return [_value(name, question.draft.provenance(name), question.language) for name in names]


def _value(name: str, origin: Provenance, language: Language) -> str:
    value = say("answer.value", language, field=named(name, language), value=shown(name, origin.value, language))
    return f"{value} {_origin(name, origin, language)}"


def _origin(name: str, origin: Provenance, language: Language) -> str:
    if not origin.turn or origin.source == "default":
        return say("answer.origin_default", language)
    source = "form" if origin.source == "user" and not origin.evidence else origin.source
    return say(
        f"answer.origin_{source}",
        language,
        turn=origin.turn,
        evidence=clean_name(origin.evidence),
        previous=shown(name, origin.previous, language),
    )


def _config(draft: Draft, language: Language) -> list[str]:
    changed = draft.changes()
    names = [*DOZEN, *(name for name in changed if name not in DOZEN)]
    lines = [f"- {_config_line(name, draft, language, changed=name in changed)}" for name in names]
    return [say("answer.config", language), *lines, say("answer.config_rest", language)]


def _config_line(name: str, draft: Draft, language: Language, *, changed: bool) -> str:
    values = {"value": draft.values[name], "default": draft.base[name]}
    told = {key: shown(name, value, language) for key, value in values.items()}
    key = "answer.config_changed" if changed else "answer.config_line"
    return say(key, language, field=named(name, language), **told)


def _explain(question: Asked) -> list[str]:
    supposition = supposed(question.proposal, question.topics, question.now)
    if supposition is not None:
        return _what_if(supposition, question)
    return _about_topics(question) or _unknown(question)


def _explained(each: Topic, question: Asked) -> list[str]:
    if each.kind == "field":
        return _field(each.name, question)
    return _concept(each.name, question) if each.kind == "concept" else _fact(each, question)


def _fact(each: Topic, question: Asked) -> list[str]:
    context, language = question.situation.context, question.language
    if each.kind == "run":
        return runs.status(Target(run=each.name), context, language)
    return [datasets.chosen(each.name, context, language)]


def _field(name: str, question: Asked) -> list[str]:
    language, draft = question.language, question.draft
    lines = [_doc(name, language)]
    if name in limits.OWNED:
        hint = say(f"owned.{name}", language) if has(f"owned.{name}") else ""
        return [*lines, say("answer.owned", language, hint=hint).strip()]
    values = {"value": draft.values[name], "default": draft.base[name]}
    told = {key: shown(name, value, language) for key, value in values.items()}
    lines.append(say("answer.now", language, **told, legal=legal(name, language)))
    lines += consequences(name, Case(draft.values, draft.values, question.situation.context, language))
    if name in CONCEPT_OF:
        lines.append(say(f"concept.{CONCEPT_OF[name]}.text", language))
    return [*lines, *(sizes(draft.values["model"], language) if name == "model" else [])]


def _concept(name: str, question: Asked) -> list[str]:
    language, values = question.language, question.draft.values
    lines = [
        say(
            "answer.about",
            language,
            title=say(f"concept.{name}.title", language),
            text=say(f"concept.{name}.text", language),
        )
    ]
    if name == "model_size":
        return [*lines, *sizes(values["model"], language)]
    if not FIELDS[name]:
        return lines
    now = {each: values[each] for each in FIELDS[name]}
    return [*lines, say("answer.settings_now", language, settings=settings(now, language))]


def _what_if(supposition: Supposition, question: Asked) -> list[str]:
    language, situation = question.language, question.now
    lines = [refused(refusal, situation, language, wished=False) for refusal in supposition.refusals]
    case = Case(supposition.values, situation.values, situation.context, language)
    return [*lines, *(line for name in supposition.fields for line in _supposed(name, case))]


def _supposed(name: str, case: Case) -> list[str]:
    language, value = case.language, case.values[name]
    key = "answer.what_if_same" if value == case.now[name] else "answer.what_if"
    told = {"value": shown(name, value, language), "current": shown(name, case.now[name], language)}
    found = consequences(name, case) or [say("answer.no_consequence", language)]
    heading = say(key, language, field=named(name, language), **told)
    return [heading, *(f"- {line}" for line in found), _doc(name, language)]


def _doc(name: str, language: Language) -> str:
    doc = field(name, language).doc
    return say("answer.doc", language, field=named(name, language), doc=doc if doc.endswith(".") else f"{doc}.")


def _unknown(question: Asked) -> list[str]:
    language = question.language
    topics = ", ".join(say(f"concept.{name}.title", language) for name in _TOPICS)
    return [say("answer.unknown", language, topics=topics)]


def _help(language: Language) -> list[str]:
    title, *examples = (say(f"help.{part}", language) for part in _HELP)
    return [title, *(f"- {line}" for line in examples), say("help.about_fields", language, count=len(limits.fields()))]


def _about_topics(question: Asked) -> list[str]:
    lines = (line for each in dict.fromkeys(question.topics) for line in _explained(each, question))
    return list(dict.fromkeys(lines))
