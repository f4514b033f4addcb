"""What the fields of the training config are called, and what they do.

What lives here: labels in both languages; documents, which in English are the config's own. What does not: ranges.
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.chat.messages.reader import has, say
from workbench.chat.turn import Language
from workbench.config import limits


@dataclass(frozen=True)
class FieldText:
    """What a person reads of a field.

    Attributes:
        label: its name in words, e.g. ``learning rate``.
        doc: what it does.
    """

    label: str
    doc: str


def field(name: str, language: Language) -> FieldText:
    """Return label and document of a field; a key that is newer than the catalogue has its own name and English doc."""
    known = has(f"field.{name}")
    label = say(f"field.{name}", language) if known else name
    if known and language == "ko":
        return FieldText(label, say(f"doc.{name}", "ko"))
    spec = limits.fields().get(name)
    return FieldText(label, spec.doc if spec else "")


def named(name: str, language: Language) -> str:
    """Return a field as it is named in a sentence: ``epochs``, ``learning rate (lr0)``, ``학습률(lr0)``."""
    label = field(name, language).label
    if label.casefold() == name.casefold():
        return name
    return f"{label}({name})" if language == "ko" else f"{label} ({name})"
