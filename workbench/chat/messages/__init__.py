"""Every sentence, label and document of the chat, in English and Korean.

What lives here: the catalogue's files (one folder a language, equal keys), their reader, Korean particles, and how
figures and values are written for people. What does not: which sentence is said (``replies``).
"""

from __future__ import annotations

from workbench.chat.messages.fields import FieldText, field, named
from workbench.chat.messages.figures import figure, metric
from workbench.chat.messages.reader import has, keys, say, words
from workbench.chat.messages.values import shown
from workbench.chat.messages.wording import concepts, concepts_in, says_only

__all__ = [
    "FieldText",
    "concepts",
    "concepts_in",
    "field",
    "figure",
    "has",
    "keys",
    "metric",
    "named",
    "say",
    "says_only",
    "shown",
    "words",
]
