"""Conversations of a workspace: what they may talk about, and what is done when a person has confirmed it.

What lives here: the facts of datasets, runs and devices that a conversation is handed; confirmed cards carried out;
what ``ws.chat`` gives back. What does not: understanding a text and changing the config (``chat``), and the work,
which the workspace does.
"""

from __future__ import annotations

from workbench.conversations.answer import Answer
from workbench.conversations.collection import Conversations

__all__ = ["Answer", "Conversations"]
