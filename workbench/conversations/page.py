"""An answer as a notebook shows it.

What lives here: the HTML, with the colours that the notebook has, light or dark. What does not: the words, which come
with the turn; they and all values are escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from workbench.chat import messages
from workbench.chat.cleaning import clean
from workbench.chat.records import Turn
from workbench.conversations import showing

_CELL = "text-align:left;padding:2px 12px 2px 0"
_TABLE = "border-collapse:collapse;margin:4px 0;background:transparent"


def page(turn: Turn, below: Iterable[str], calls: Iterable[tuple[str, str]]) -> str:
    """Return a turn as HTML: the reply, its changes as a table, options, and how to go on.

    Args:
        turn: what is shown.
        below: lines under it; empty ones are left out.
        calls: how one can go on: each call of the answer, and what it does.
    """
    parts = [*(f"<div>{escape(line)}</div>" for line in showing.reply(turn).splitlines())]
    parts += ["".join(_changes(turn))] if turn.changes else []
    listed = "".join(f"<li>{escape(label)}</li>" for label in showing.options(turn))
    parts += [f"<ol>{listed}</ol>"] if listed else []
    parts += [f"<div>{escape(line)}</div>" for line in below if line]
    ways = [f"<li><code>answer{escape(call)}</code> {escape(what)}</li>" for call, what in calls]
    if ways:
        parts.append(f"<div>{escape(messages.say('notebook.go_on', turn.language))}</div><ul>{''.join(ways)}</ul>")
    return "".join(parts)


def _changes(turn: Turn) -> Iterator[str]:
    yield f'<table style="{_TABLE}"><tr>'
    for name in ("field", "before", "after"):
        yield f'<th style="{_CELL}">{escape(messages.say(f"notebook.{name}", turn.language))}</th>'
    yield "</tr>"
    for change in turn.changes:
        values = (messages.shown(change.field, value, turn.language) for value in (change.before, change.after))
        cells = (clean(each) for each in (messages.named(change.field, turn.language), *values))
        yield "<tr>" + "".join(f'<td style="{_CELL}">{escape(cell)}</td>' for cell in cells) + "</tr>"
    yield "</table>"
