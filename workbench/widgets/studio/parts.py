"""Small parts of the studio's steps, from stock widgets.

What lives here: buttons, notes, tables and errors, alike on every step. What does not: what a step does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets

from workbench.errors import WorkbenchError

WRAP = {"display": "flex", "flex_flow": "row wrap", "align_items": "center", "grid_gap": "4px"}


def action(label: str, done: Callable[[], object], *, tip: str = "", primary: bool = False) -> ipywidgets.Button:
    """Return a button that calls ``done``."""
    button = ipywidgets.Button(
        description=label,
        tooltip=tip or label,
        button_style="primary" if primary else "",
        layout={"width": "auto", "min_width": "72px"},
    )
    button.on_click(lambda _button: done())
    return button


def bar(*children: ipywidgets.Widget) -> ipywidgets.Box:
    """Return controls side by side; on a narrow page they wrap."""
    return ipywidgets.Box(children, layout=WRAP)


def note(text: str) -> ipywidgets.HTML:
    """Return a quiet line of plain text."""
    style = "color:var(--jp-ui-font-color2);padding:12px 4px;line-height:1.5;white-space:normal"
    return ipywidgets.HTML(f'<div style="{style}">{escape(text)}</div>')


def code(label: str, line: str) -> str:
    """Return the Python line that does what was just done, as HTML."""
    style = "font-family:var(--jp-code-font-family,monospace);font-size:12px;background:var(--jp-layout-color2)"
    return (
        f'<span style="color:var(--jp-ui-font-color2)">{escape(label)} </span>'
        f'<code style="{style};padding:2px 6px;overflow-wrap:anywhere">{escape(line)}</code>'
    )


def beats(error: WorkbenchError) -> str:
    """Return an error's three beats as HTML."""
    told = [each for each in (error.happened, error.expected, error.todo) if each]
    style = "border-left:3px solid var(--jp-error-color1);padding:6px 10px;background:var(--jp-layout-color2)"
    lines = "".join(f"<div>{'<b>' * (not at)}{escape(each)}{'</b>' * (not at)}</div>" for at, each in enumerate(told))
    return f'<div role="alert" style="{style};white-space:normal;line-height:1.5">{lines}</div>'


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]], empty: str) -> ipywidgets.Widget:
    """Return rows as a table, their text escaped; ``empty`` says what to do when there are none."""
    if not rows:
        return note(empty)
    cell = "text-align:left;padding:4px 12px 4px 0;border-bottom:1px solid var(--jp-border-color2);"
    top = "".join(f'<th scope="col" style="{cell}">{escape(head)}</th>' for head in heads)
    body = "".join(
        "<tr>"
        + "".join(f'<td style="{cell}overflow-wrap:anywhere">{escape(str(value))}</td>' for value in row)
        + "</tr>"
        for row in rows
    )
    style = "border-collapse:collapse;width:100%;line-height:1.5"
    return ipywidgets.HTML(f'<table style="{style}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>')
