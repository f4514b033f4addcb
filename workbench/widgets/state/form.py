"""The config as a form has it: groups, fields with their words, and what was typed read as values.

What lives here: everything about the form but its widgets. What does not: the config (``config``), changing it
(``chat.conversation``), and the widgets (``widgets.form``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal

from workbench.chat import messages
from workbench.chat.cleaning import clean, clean_name, folded
from workbench.chat.context import Context
from workbench.chat.judge import Refusal
from workbench.chat.records import Turn
from workbench.chat.replies import objections
from workbench.chat.replies.legal import legal
from workbench.chat.turn import Language, Situation
from workbench.config import catalogue, limits
from workbench.config.patch import same, tupled
from workbench.config.rules import Choice, Flag, Rule
from workbench.config.schema import DOZEN

if TYPE_CHECKING:
    from workbench.chat.conversation import Conversation
    from workbench.workspace import Workspace

Kind = Literal["flag", "choice", "text", "suggest"]
_FIRST: Final = ("task", *DOZEN)
_DRAWN: Final = "hsv_h"  # from here on the file's hyperparameters are about augmentation
_GROUPS: Final = {
    "essentials": ("Essentials", "기본"),
    "Train settings": ("Training", "학습"),
    "Hyperparameters": ("Optimizer and losses", "최적화와 손실"),
    "augmentation": ("Augmentation", "증강"),
    "Segmentation": ("Segmentation", "분할"),
    "Classification": ("Classification", "분류"),
    "Val/Test settings": ("Validation", "검증"),
    "Predict settings": ("Prediction", "예측"),
    "Visualize settings": ("Visualization", "시각화"),
    "Export settings": ("Export", "내보내기"),
    "Tracker settings": ("Tracking of objects", "객체 추적"),
    "Run policy": ("Retries and limits of the run", "재시도와 실행 한도"),
}


@dataclass(frozen=True)
class Group:
    """Fields that stand together.

    Attributes:
        key: its name in the code.
        titles: in English and in Korean.
        fields: their names, in order.
    """

    key: str
    titles: tuple[str, str]
    fields: tuple[str, ...]

    def title(self, language: Language) -> str:
        """Return what it is called."""
        return self.titles[language == "ko"]


@dataclass(frozen=True)
class Field:
    """One field as it is shown now.

    Attributes:
        name: its key in the config.
        label: what it is called.
        doc: what it does, and what is legal.
        kind: a box to tick, one of some values, a line of text, or such a line with likely texts.
        raw: what stands in the control: a bool, a value of ``options``, or text.
        options: what can be chosen, each with its words; of ``suggest`` texts.
        empty: what an empty text stands for.
        source: who wanted the value, as in ``config.changes.Source``.
        source_label: that in words.
        evidence: the words that asked for it.
        changed: whether it is another value than the default.
    """

    name: str
    label: str
    doc: str
    kind: Kind
    raw: Any
    options: tuple[tuple[str, Any], ...]
    empty: str
    source: str
    source_label: str
    evidence: str
    changed: bool


@dataclass(frozen=True)
class Fault:
    """Why a value was not taken.

    Attributes:
        text: what happened, what would do, and that the field stays as it is.
        nearest: the legal value that may be meant, or ``None``.
        nearest_label: that in words.
    """

    text: str
    nearest: Any = None
    nearest_label: str = ""


@cache
def groups() -> tuple[Group, ...]:
    """Return all fields of a config that can be chosen, in their groups; those used most come first."""
    members: dict[str, list[str]] = {"essentials": [name for name in _FIRST if name in limits.fields()]}
    drawn = False
    for name, spec in limits.fields().items():
        drawn = (drawn or name == _DRAWN) and spec.section == "Hyperparameters"
        if name not in _FIRST and name not in limits.OWNED:
            members.setdefault("augmentation" if drawn else spec.section, []).append(name)
    order = [*(key for key in _GROUPS if key in members), *(key for key in members if key not in _GROUPS)]
    return tuple(Group(key, _GROUPS.get(key, (key, key)), tuple(members[key])) for key in order)


class FormState:
    """The fields of one conversation's config.

    Args:
        workspace: whose datasets and devices can be chosen.
        conversation: whose config it is.
        language: of labels and messages.
    """

    def __init__(self, workspace: Workspace, conversation: Conversation, language: Language) -> None:
        self._workspace, self.conversation, self.language = workspace, conversation, language
        self._context: Context | None = None

    def look(self) -> None:
        """Read datasets and devices anew, before the fields are next asked for."""
        self._context = None

    @property
    def context(self) -> Context:
        """What can be chosen, as it was when somebody last looked."""
        if self._context is None:
            self._context = self._workspace.conversations.context(self.conversation)
        return self._context

    def field(self, name: str) -> Field:
        """Return a field as it is now."""
        draft, language = self.conversation.draft, self.language
        value, provenance = draft.values[name], draft.provenance(name)
        text, rule = messages.field(name, language), limits.rules()[name]
        kind, options = self._choices(name, rule, value)
        words = {"value": value, "default": draft.base[name]}
        told = {key: clean(messages.shown(name, each, language)) for key, each in words.items()}
        told["legal"] = legal(name, language)
        return Field(
            name=name,
            label=messages.named(name, language),
            doc=f"{text.doc} {messages.say('answer.now', language, **told)}",
            kind=kind,
            raw=value if kind in ("flag", "choice") else written(value),
            options=options,
            empty=clean(messages.shown(name, None, language)) if rule.optional else "",
            source=provenance.source,
            source_label=messages.say(f"label.source.{provenance.source}", language),
            evidence=clean(provenance.evidence),
            changed=not same(value, draft.base[name]),
        )

    def found(self, query: str, *, changed: bool = False) -> list[str]:
        """Return the fields whose name, label or document has all words of ``query``, names before documents.

        Args:
            query: words; empty finds all.
            changed: only those that are not as by default.
        """
        words = folded(query).split()
        differs = self.conversation.draft.changes() if changed else None
        names = [name for group in groups() for name in group.fields if differs is None or name in differs]
        named = [name for name in names if _holds(self._names(name), words)]
        told = [name for name in names if name not in named and _holds(self._told(name), words)]
        return [*named, *told]

    def set(self, name: str, raw: Any) -> Turn | None:
        """Change a field to what stands in its control; ``None`` when that is the value that it has."""
        value = self.read(name, raw)
        if same(value, self.conversation.draft.values[name]):
            return None
        return self.conversation.edit({name: value}, self.context)

    def read(self, name: str, raw: Any) -> Any:
        """Return what is meant by what stands in the control of a field; it may be illegal."""
        if not isinstance(raw, str) or name == "data":
            return raw
        rule = limits.rules()[name]
        if rule.optional and not raw.strip():
            return None
        return tupled(rule.read(raw.strip()))

    def fault(self, turn: Turn, name: str) -> Fault | None:
        """Return why a turn has not taken a value for a field."""
        refusal = next((each for each in turn.refusals if each.field == name), None)
        return None if refusal is None else self._fault(refusal)

    def _fault(self, refusal: Refusal) -> Fault:
        situation = Situation(self.conversation.draft.values, self.conversation.draft.base, self.context)
        text = objections.refused(refusal, situation, self.language)
        if refusal.nearest is None:
            return Fault(text)
        nearest = clean_name(messages.shown(refusal.field, refusal.nearest, self.language))
        return Fault(text, refusal.nearest, nearest)

    def _choices(self, name: str, rule: Rule, value: Any) -> tuple[Kind, tuple[tuple[str, Any], ...]]:
        if name == "data":
            return "choice", self._datasets(str(value))
        if name == "model":
            return "suggest", tuple((each, each) for each in _models(str(self.conversation.draft.values["task"])))
        if name == "device":
            return "suggest", tuple((each, each) for each in self.context.devices or ())
        if isinstance(rule, Flag) and not rule.optional:
            return "flag", ()
        if isinstance(rule, Choice | Flag):
            return "choice", tuple((clean(messages.shown(name, each, self.language)), each) for each in _words(rule))
        return "text", ()

    def _datasets(self, chosen: str) -> tuple[tuple[str, Any], ...]:
        language = self.language
        none = messages.shown("data", "", language)
        known = [(f"{clean_name(each.name)} ({each.task}, {each.images})", each.name) for each in self.context.datasets]
        lost = [(clean_name(chosen), chosen)] if chosen and chosen not in {name for _, name in known} else []
        return ((none, ""), *known, *lost)

    def _names(self, name: str) -> str:
        labels = (messages.field(name, language).label for language in ("en", "ko"))
        return folded(" ".join((name, *labels)))

    def _told(self, name: str) -> str:
        return f"{self._names(name)} {folded(messages.field(name, self.language).doc)}"


def written(value: Any) -> str:
    """Return a value as it is typed: nothing for ``None``, a list in brackets."""
    if value is None:
        return ""
    if isinstance(value, tuple | list):
        return f"[{', '.join(written(each) for each in value)}]"
    return str(value)


def _holds(text: str, words: list[str]) -> bool:
    return all(word in text for word in words)


def _words(rule: Choice | Flag) -> Iterator[Any]:
    if rule.optional:
        yield None
    if isinstance(rule, Flag) or rule.flags:
        yield from (True, False)
    if isinstance(rule, Choice):
        yield from rule.words


@cache
def _models(task: str) -> tuple[str, ...]:
    """Return the models for a task: those with weights to start from, then those from scratch."""
    entries = [entry for entry in catalogue.models() if entry.task == task]
    return (*(entry.weights for entry in entries if entry.weights), *(entry.yaml for entry in entries))
