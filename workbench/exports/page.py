"""A certificate as one HTML page that needs nothing else.

What lives here: the filling of ``page.html``. What does not: its numbers (``certificate``), its words (``page_texts``),
its pictures (``page_pictures``). Names of classes, files and paths are data: everything is escaped, and the page's
policy lets no script run and nothing be fetched.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from workbench import storage
from workbench.datasets.lint.rules import Language, Text
from workbench.exports import page_texts as texts
from workbench.exports.accuracy import Accuracy, points
from workbench.exports.certificate import Certificate, Proof, write_certificate
from workbench.exports.checks import Check
from workbench.exports.latency import Latency
from workbench.exports.page_pictures import Picture, keep, pictures
from workbench.exports.tolerances import tolerances

PAGE_NAME: Final = "certificate.html"
_VERDICT_MARKS: Final = {"yes": "pass", "no": "fail", "accepted": "accepted", "unproven": "accepted"}
_WIDTH: Final = 400
_EDGE: Final = 30


def write_proof(proof: Proof, folder: Path, language: Language = "en") -> Certificate:
    """Write the certificate, its pictures and its page into ``folder``, and return the certificate.

    Raises:
        StorageError: when they cannot be written.
    """
    drawn = pictures(proof)
    certificate = replace(proof.certificate, pictures=keep(drawn, folder))
    write_certificate(certificate, folder)
    write_page(certificate, folder, drawn, language)
    return certificate


def write_page(
    certificate: Certificate, folder: Path, drawn: Sequence[Picture] = (), language: Language = "en"
) -> Path:
    """Write ``certificate.html`` into ``folder``, whole or not at all, and return its path.

    Args:
        certificate: what is told.
        folder: of the export.
        drawn: what both see in some images.
        language: in which the page opens; it has both.

    Raises:
        StorageError: when it cannot be written.
    """
    return storage.put_text(folder / PAGE_NAME, page(certificate, drawn, language))


def page(certificate: Certificate, drawn: Sequence[Picture] = (), language: Language = "en") -> str:
    """Return the page of a certificate, see ``write_page``."""
    verdict = certificate.verdict
    failed = [row for row in certificate.checks if row.verdict == "fail"]
    counted = [row for row in failed if row.name not in certificate.accepted] or failed
    rows = {each: ", ".join(_name(row.name).said(each) for row in counted) for each in ("en", "ko")}
    parts = {
        "language": language,
        "en": " checked" if language == "en" else "",
        "ko": " checked" if language == "ko" else "",
        "title": escape(texts.TITLE.said(language)),
        "choose": _both(texts.LANGUAGE),
        "heading": _both(texts.TITLE),
        "verdict": verdict,
        "mark": texts.MARKS[_VERDICT_MARKS.get(verdict, "unverified")][0],
        "words": _both(texts.VERDICTS[verdict]),
        "advice": _both(texts.ADVICE[verdict], images=certificate.images, rows=Text(rows["en"], rows["ko"])),
        "measured": _both(texts.MEASURED),
        "figures": "\n".join(_figures(certificate)),
        "checked": _both(texts.CHECKED),
        "columns": "".join(f'<th scope="col">{_both(column)}</th>' for column in texts.COLUMNS),
        "rows": "\n".join(_row(row, certificate.accepted) for row in certificate.checks),
        "pictures": _pictures(drawn),
    }
    template = files(__package__).joinpath("page.html").read_text("utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def _both(text: Text, **values: Any) -> str:
    """Return both languages, of which the page shows one; values are escaped, and may have two languages themselves."""
    said = []
    for language in ("en", "ko"):
        told = {name: value.said(language) if isinstance(value, Text) else value for name, value in values.items()}
        words = text.said("ko" if language == "ko" else "en").format(**told)
        said.append(f'<span lang="{language}">{_visible(words)}</span>')
    return "".join(said)


def _visible(text: str) -> str:
    """Return ``text`` escaped, with characters that turn or hide others made visible."""
    return escape("".join(char if char.isprintable() else ascii(char)[1:-1] for char in text))


def _name(row: str) -> Text:
    return texts.ROWS.get(row, Text(row, row))


def _row(row: Check, accepted: Sequence[str]) -> str:
    kind = "accepted" if row.verdict == "fail" and row.name in accepted else row.verdict
    mark, word = texts.MARKS[kind]
    return (
        f'<tr class="{kind}"><th scope="row">{_both(_name(row.name))}</th>'
        f'<td class="word"><span class="mark" aria-hidden="true">{mark}</span>{_both(word)}</td>'
        f"<td>{_visible(row.found)}</td><td>{_visible(row.wanted)}</td></tr>"
    )


def _figures(certificate: Certificate) -> list[str]:
    export = f"{certificate.format}, {certificate.precision}, {certificate.task}"
    memory = None if certificate.memory_mb is None else f"{certificate.memory_mb:.0f} MB"
    found: Mapping[str, str | None] = {
        "export": _visible(export),
        "accuracy": _accuracy(certificate.accuracy, tolerances(certificate.format, certificate.precision).drop),
        "latency": _latency(certificate.latency),
        "size": _visible(f"{certificate.size_bytes / 1e6:.2f} MB"),
        "memory": memory,
        "boxes": f"{certificate.boxes_mean:.1f}" if certificate.boxes_mean else None,
        "versions": _visible(", ".join(f"{name} {number}" for name, number in certificate.versions.items())),
        "checkpoint": f"<code>{_visible(certificate.checkpoint_sha256)}</code>",
        "model": f"<code>{_visible(certificate.model_sha256)}</code>",
    }
    return [
        f"<dt>{_both(texts.FIGURES[name])}</dt><dd>{value or _both(texts.NOT_MEASURED)}</dd>"
        for name, value in found.items()
    ]


def _accuracy(found: Accuracy | None, limit: float) -> str | None:
    if found is None:
        return None
    shares = {"before": f"{100 * found.checkpoint:.1f}", "after": f"{100 * found.export:.1f}"}
    drops = {name: points(value) for name, value in (("drop", found.drop), ("low", found.low), ("high", found.high))}
    counts = {"images": found.images, "targets": found.targets}
    return _both(texts.ACCURACY, metric=found.metric, **shares, **drops, **counts) + _interval(found, limit)


def _interval(found: Accuracy, limit: float) -> str:
    """Return the drop with its interval as a drawing; the dashed line is what is tolerated."""
    low, high = min(found.low, found.drop, 0.0), max(found.high, found.drop, limit)
    per_point = (_WIDTH - 2 * _EDGE) / (high - low)

    def x(value: float) -> str:
        return f"{_EDGE + (value - low) * per_point:.1f}"

    return (
        f'<svg class="interval" viewBox="0 0 {_WIDTH} 38" aria-hidden="true">'
        f'<line x1="{x(found.low)}" x2="{x(found.high)}" y1="12" y2="12"/><circle cx="{x(found.drop)}" cy="12" r="4"/>'
        f'<line class="limit" x1="{x(limit)}" x2="{x(limit)}" y1="2" y2="22"/>'
        f'<text x="{x(limit)}" y="34" text-anchor="middle">≤ {limit:g}</text>'
        f'<text x="{x(found.drop)}" y="34" text-anchor="middle">{points(found.drop)}</text></svg>'
    )


def _latency(found: Latency | None) -> str | None:
    if found is None:
        return None
    threads = texts.THREADS if found.threads else texts.THREADS_CHOSEN
    told = Text(*(each.format(count=found.threads) for each in threads))
    figures = {"p50": f"{found.p50_ms:.4g}", "p95": f"{found.p95_ms:.4g}", "per_s": f"{found.per_s:.4g}"}
    return _both(texts.LATENCY, **figures, provider=found.provider, threads=told, processor=found.processor)


def _pictures(drawn: Sequence[Picture]) -> str:
    if not drawn:
        return ""
    title = texts.DIFFERING if any(picture.differs for picture in drawn) else texts.ALIKE
    return f"<h2>{_both(title)}</h2>\n" + "\n".join(_figure(picture) for picture in drawn)


def _figure(picture: Picture) -> str:
    sides = "".join(
        f'<div><span>{_both(side)}</span><img src="data:image/webp;base64,{base64.b64encode(data).decode("ascii")}" '
        f'alt="{_visible(picture.name)}: {escape(side.en)}"></div>'
        for side, data in ((texts.CHECKPOINT, picture.checkpoint), (texts.EXPORT, picture.export))
    )
    found = {name: value for name, value in vars(picture.found).items() if isinstance(value, int)}
    sizes = {"px": f"{picture.found.box_px:.3g}", "confidence": f"{picture.found.confidence:.2g}"}
    if picture.found.scores is None:
        told = _both(texts.BOXES, **found, **sizes)
    else:
        told = _both(texts.SCORES, scores=f"{picture.found.scores:.2g}")
    return f'<figure><div class="pair">{sides}</div><figcaption>{_visible(picture.name)}: {told}</figcaption></figure>'
