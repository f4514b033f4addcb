"""What was not done and why, and what else should be known, in words.

What lives here: refusals with their range and nearest legal value, and notes. What does not: deciding them (``judge``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from workbench.chat.cleaning import clean, clean_name
from workbench.chat.judge import Note, Refusal
from workbench.chat.messages import has, named, say, shown
from workbench.chat.replies.legal import legal
from workbench.chat.replies.runs import run_state
from workbench.chat.turn import Language, Situation
from workbench.config import limits

_TASKS: Final = ("task", "dataset_task")


def refused(refusal: Refusal, situation: Situation, language: Language, *, wished: bool = True) -> str:
    """Return why a wish was not done, what would do, and that the field stays as it is; not when it was no wish."""
    reason: str = refusal.reason if has(f"refusal.{refusal.reason}") else "not_legal"
    if reason == "no_such_dataset" and not refusal.choices:
        reason = "no_dataset_at_all"
    said = say(f"refusal.{reason}", language, **_values(refusal, language))
    kept = _kept(refusal, situation, language) if wished else ""
    return " ".join(part for part in (said, _nearest(refusal, language), kept) if part)


def noted(note: Note, language: Language) -> str:
    """Return a note in words; nothing when the catalogue has none for it."""
    key = f"note.{note.key}"
    return say(key, language, **_note_values(note.values, language)) if has(key) else ""


def task_named(task: str, language: Language) -> str:
    """Return what a task is called, e.g. ``pose estimation``."""
    key = f"label.task.{task}"
    return say(key if task and has(key) else "label.task.unknown", language)


def _values(refusal: Refusal, language: Language) -> dict[str, Any]:
    known = refusal.field in limits.fields()
    return {
        "field": named(refusal.field, language),
        "name": clean_name(refusal.field),
        "value": _value(refusal, language),
        "legal": legal(refusal.field, language) if known else "",
        "choices": ", ".join(clean_name(str(choice)) for choice in refusal.choices) or say("value.none", language),
        "hint": _hint(refusal.field, language),
    }


def _value(refusal: Refusal, language: Language) -> str:
    if refusal.reason == "task_mismatch":
        return task_named(str(refusal.value), language)
    if isinstance(refusal.value, str):
        return clean_name(refusal.value)
    return clean_name(shown(refusal.field, refusal.value, language))


def _hint(field: str, language: Language) -> str:
    key = f"owned.{field}"
    return say(key, language) if has(key) else ""


def _nearest(refusal: Refusal, language: Language) -> str:
    if refusal.nearest is None:
        return ""
    asks = isinstance(refusal.nearest, str)
    if refusal.reason == "unknown_field":
        nearest = named(str(refusal.nearest), language)
    else:
        nearest = clean_name(shown(refusal.field, refusal.nearest, language))
    return say("refusal.did_you_mean" if asks else "refusal.nearest", language, nearest=nearest)


def _kept(refusal: Refusal, situation: Situation, language: Language) -> str:
    if refusal.field not in situation.values or refusal.reason in ("owned", "unknown_field", "no_gpu"):
        return ""
    return say("refusal.kept", language, value=shown(refusal.field, situation.values[refusal.field], language))


def _made(name: str, language: Language) -> str:
    """Return what a kind of deployment, or a format, is called."""
    key = f"label.deployment.{name}"
    return say(key, language) if has(key) else clean_name(name)


def _note_values(values: Mapping[str, Any], language: Language) -> dict[str, Any]:
    about = str(values.get("field", ""))
    return {name: _note_value(name, value, about, language) for name, value in values.items()}


def _note_value(name: str, value: Any, about: str, language: Language) -> Any:
    if name in _TOLD:
        return _TOLD[name](str(value), language)
    if name in _LISTED:
        listed = [value] if isinstance(value, str) else value
        return ", ".join(_LISTED[name](str(each), language) for each in listed) or say("value.none", language)
    if name in ("value", "time"):
        return shown("time" if name == "time" else about, value, language)
    return clean(value) if isinstance(value, str) else value


def _action(intent: str, language: Language) -> str:
    return say(f"label.intent.{intent}", language)


# How the values of a note are told, by their names.
_TOLD: Final[Mapping[str, Callable[[str, Language], str]]] = {
    "action": _action,
    "field": named,
    "state": run_state,
    **dict.fromkeys(_TASKS, task_named),
}
_LISTED: Final[Mapping[str, Callable[[str, Language], str]]] = {
    "fields": named,
    **dict.fromkeys(("formats", "deployments", "known"), _made),
}
