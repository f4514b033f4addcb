"""A report as one HTML page that needs nothing else.

What lives here: the filling of ``page.html``. What does not: its numbers (``report``). Names of files and classes are
data: everything is escaped, and the page's policy lets no other script run.
"""

from __future__ import annotations

import re
import secrets
from html import escape
from importlib.resources import files
from typing import Any

from workbench.datasets.lint.rules import SEVERITIES, Language, Text

_TITLE = Text("Dataset check", "데이터셋 점검")
_HEADING = Text("{total} images, {dropped} dropped", "이미지 {total}개, 제외 {dropped}개")
_LEVELS = {
    "error": Text("errors", "오류"),
    "warning": Text("warnings", "경고"),
    "info": Text("notes", "참고"),
}
_BEHAVIOUR, _ADVICE = Text("What training does", "학습 시 동작"), Text("What to do", "조치 방법")
_FILE, _FOUND = Text("File", "파일"), Text("Found", "내용")
_COUNTED = Text("{issues} found, {images} images, {dropped} dropped", "{issues}건, 이미지 {images}개, 제외 {dropped}개")
_MORE = Text("{more} more are not shown.", "{more}건은 표시하지 않았습니다.")


def page(payload: dict[str, Any], language: Language) -> str:
    """Return the page of ``payload``, as of ``Report.to_payload``, opening in ``language``."""
    total = {key: f"{value:,}" for key, value in payload["images"].items()}
    lines = zip(payload["sentences"]["en"], payload["sentences"]["ko"], strict=True)
    parts = {
        "language": language,
        "nonce": secrets.token_urlsafe(12),
        "title": escape(_TITLE.said(language)),
        "heading": _both(_HEADING, **total),
        "sentences": "\n".join(f"<p>{_both(Text(*map(_literal, line)))}</p>" for line in lines),
        "rules": "\n".join(_rule(rule) for rule in payload["rules"]),
    }
    for level in SEVERITIES:
        parts[f"{level}s"] = f"{payload['severities'][level]:,} {_both(_LEVELS[level])}"
    template = files(__package__).joinpath("page.html").read_text("utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _both(text: Text, **values: Any) -> str:
    """Return both languages, of which the page shows one."""
    said = {language: escape(text.said(language).format(**values)) for language in ("en", "ko")}
    return "".join(f'<span lang="{language}">{words}</span>' for language, words in said.items())


def _rule(rule: dict[str, Any]) -> str:
    counts = {key: f"{rule[key]:,}" for key in ("issues", "images", "dropped")}
    rows = "\n".join(_row(row) for row in rule["examples"])
    more = f"<p>{_both(_MORE, more=format(rule['more'], ','))}</p>" if rule["more"] else ""
    title, behaviour, advice = (Text(*map(_literal, rule[key].values())) for key in ("title", "behaviour", "advice"))
    opened = " open" if rule["severity"] == "error" else ""
    return (
        f'<details class="{escape(rule["severity"])}"{opened}><summary><h2>{_both(title)}</h2> '
        f'<code>{escape(rule["id"])}</code> <span class="count">{_both(_COUNTED, **counts)}</span></summary><div>'
        f"<dl><dt>{_both(_BEHAVIOUR)}</dt><dd>{_both(behaviour)}</dd><dt>{_both(_ADVICE)}</dt><dd>{_both(advice)}</dd></dl>"
        f"<table><thead><tr><th>{_both(_FILE)}</th><th>{_both(_FOUND)}</th></tr></thead><tbody>\n{rows}\n</tbody></table>"
        f"{more}</div></details>"
    )


def _row(row: dict[str, Any]) -> str:
    place = f"{row['path'] or ''}{':' + str(row['line']) if row['line'] else ''}"
    return f"<tr><td>{_visible(place)}</td><td>{_visible(row['detail'] or '')}</td></tr>"


def _visible(text: str) -> str:
    """Return ``text`` escaped, with characters that turn or hide others made visible."""
    return escape("".join(char if char.isprintable() else ascii(char)[1:-1] for char in text))
