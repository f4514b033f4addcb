"""What is said after a turn: written from what was applied, and from facts that were handed in.

What lives here: the reply of a turn, the text of a question, and what can be explained beside the fields. What does
not: the sentences themselves (``messages``), and deciding anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.chat.messages import concepts
from workbench.chat.replies.cards import asked as card_text
from workbench.chat.replies.composing import reply
from workbench.chat.replies.questions import question
from workbench.chat.replies.speaking import unheard, with_own_words
from workbench.chat.replies.talk import topic_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    CONCEPTS: Mapping[str, tuple[str, ...]]

__all__ = ["CONCEPTS", "card_text", "question", "reply", "topic_of", "unheard", "with_own_words"]


def __getattr__(name: str) -> Any:
    """Read the words of the concepts on first use."""
    if name == "CONCEPTS":
        return concepts()
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
