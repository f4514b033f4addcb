"""What a session's list and its export show of a conversation, without an engine.

What lives here: reading a log for people. What does not: changing it (``conversation``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.chat.log import FileLog, backwards


def summary(path: Path) -> dict[str, Any]:
    """Return how many turns a conversation has and what was said last: ``{"turns", "last", "last_at"}``.

    Only the end of the file is read; of a file that is not there, or holds nothing yet, they are 0 and empty.

    Raises:
        StorageError: when the file is there and cannot be read.
    """
    count, at = 0, ""
    for event in backwards(path):
        turn = event.get("turn")
        if not isinstance(turn, dict) or not str(turn.get("id")).isdecimal():
            continue
        count, at = count or int(turn["id"]), at or str(turn.get("at", ""))
        if turn.get("by") == "chat":
            return {"turns": count, "last": str(turn.get("text", "")), "last_at": at}
    return {"turns": count, "last": "", "last_at": at}


def transcript(path: Path) -> dict[str, Any]:
    """Return a whole conversation as JSON-able data, without secrets and paths: ``{"config", "turns"}``.

    Args:
        path: of its log; of one that is not there yet, both are empty.

    Raises:
        StorageError: when the file is there and cannot be read.
    """
    from workbench.chat.redaction import redacted
    from workbench.chat.state import State  # a list of sessions does without what decides on turns

    state = State()
    state.fold(FileLog(path).unread().events)
    turns = [turn.to_payload() for turn in state.turns()]
    found: dict[str, Any] = redacted({"config": state.draft.changes(), "turns": turns})
    return found
