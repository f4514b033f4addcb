"""A page as HTML, and the templates that it is made of.

What lives here: the frame with its navigation, filters, and what is shown when a page cannot be made. What does not:
what stands in each page.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from workbench.errors import UnknownNameError, WorkbenchError
from workbench.widgets.pages.visit import LANGS, Visit

PAGES: Final = ("overview", "run", "dataset", "deployment")
_FOLDER: Final = Path(__file__).parent / "templates"
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400


@dataclass(frozen=True)
class Page:
    """A page; a notebook shows it.

    Attributes:
        title: of the browser's window.
        html: a ``main`` element with its style.
    """

    title: str
    html: str

    def __repr__(self) -> str:
        return f"<Page {self.title}>"

    def _repr_html_(self) -> str:
        return self.html


def page(name: str) -> Callable[[Callable[[Visit], Mapping[str, Any]]], Callable[[Visit], Page]]:
    """Make a page of a function that returns what its template needs; an error of the workbench is a page too.

    Args:
        name: of the page, and of its template.
    """

    def make(facts: Callable[[Visit], Mapping[str, Any]]) -> Callable[[Visit], Page]:
        @functools.wraps(facts)
        def shown(visit: Visit) -> Page:
            try:
                return _render(visit, name, name, facts(visit))
            except WorkbenchError as error:
                known = {"error": error, "missing": isinstance(error, UnknownNameError)}
                return _render(visit, name, "error", known)

        return shown

    return make


def link(visit: Visit, name: str, **query: str) -> str:
    """Return the address of a page, relative to another; the language goes along when it was chosen."""
    if visit.chosen:
        query = {**query, "lang": visit.lang}
    return f"{name}.ipynb" + (f"?{urlencode(query)}" if query else "")


def ago(visit: Visit, at: float) -> str:
    """Return how long ago something was, in words."""
    seconds = max(visit.now - at, 0.0)
    for unit, length in (("days", _DAY_S), ("hours", _HOUR_S), ("minutes", _MINUTE_S)):
        if seconds >= 2 * length:
            return visit.texts[f"{unit}_ago"].format(round(seconds // length))
    return visit.texts["just_now"]


def duration(visit: Visit, seconds: float | None) -> str:
    """Return a duration in words; empty when there is none."""
    if seconds is None:
        return ""
    if seconds < _MINUTE_S:
        return visit.texts["seconds"].format(seconds)
    if seconds < _HOUR_S:
        return visit.texts["minutes"].format(seconds / _MINUTE_S)
    return visit.texts["hours"].format(seconds / _HOUR_S)


def number(value: float | None, digits: int = 4) -> str:
    """Return a number for a table; a dash when there is none."""
    if value is None or math.isnan(value):
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.{digits}f}" if 0.001 <= abs(value) < 1 else f"{value:.{digits}g}"  # beside each other they line up


def moment(at: str | float) -> datetime:
    """Return a time, as ISO 8601 or in unix seconds, in this machine's time zone."""
    return (datetime.fromisoformat(at) if isinstance(at, str) else datetime.fromtimestamp(at).astimezone()).astimezone()


def _time(visit: Visit, at: str | float | None, *, exact: bool = False) -> Markup:
    """Return a ``time`` element that says how long ago, or exactly when."""
    if not at:
        return Markup("–")
    when = moment(at)
    written = f"{when:%Y-%m-%d %H:%M %Z}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        when.isoformat(timespec="seconds"), written, written if exact else ago(visit, when.timestamp())
    )


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["number"] = number
    return made


def _render(visit: Visit, name: str, template: str, facts: Mapping[str, Any]) -> Page:
    texts = visit.texts
    title = f"{texts[f'{name}_title']} · {visit.workspace.paths.root.name}"
    html = (
        _environment()
        .get_template(f"{template}.html")
        .render(
            t=texts,
            visit=visit,
            name=name,
            title=title,
            pages=PAGES,
            langs=LANGS,
            style=Markup((_FOLDER / "page.css").read_text("utf-8")),  # noqa: S704  our own file
            link=functools.partial(link, visit),
            time=functools.partial(_time, visit),
            duration=functools.partial(duration, visit),
            here={key: value for key, value in visit.query.items() if key in {"run", "dataset", "project"}},
            **facts,
        )
    )
    return Page(title, html)
