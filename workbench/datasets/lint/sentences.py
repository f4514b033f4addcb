"""A report in sentences, English and Korean.

What lives here: their making. What does not: the words of single rules (``catalogue``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from workbench.datasets.lint.rules import Language, Text

if TYPE_CHECKING:
    from workbench.datasets.lint.report import Finding, Report

_REASONS = 5  # told in one sentence
_FINE = Text("Nothing is wrong with {images}.", "{images}에서 문제를 찾지 못했습니다.")
_DROPPED = Text("{count} of {images} will be dropped: {reasons}.", "{images} 중 {count}개가 제외됩니다: {reasons}.")
_UNSAID = Text("{count} of {images} will be dropped.", "{images} 중 {count}개가 제외됩니다.")
_REWRITTEN = Text("{rewritten} will be rewritten: {reasons}.", "{rewritten}가 다시 인코딩됩니다: {reasons}.")
_STOPS = Text("Training cannot go well: {reasons}.", "학습이 제대로 진행될 수 없습니다: {reasons}.")
_ODD = Text("Worth a look: {reasons}.", "확인이 필요합니다: {reasons}.")
_NOTED = Text("Good to know: {reasons}.", "참고 사항: {reasons}.")
_MORE = Text("and {count} more kinds", "외 {count}종")


def sentences(report: Report, language: Language) -> tuple[str, ...]:
    """Say what a training on the dataset of ``report`` does; the worst first."""
    told = []
    numbers = {"images": _images(report.images, language), "rewritten": _images(report.rewritten, language)}
    drops = sorted((found for found in report.findings if found.dropped), key=lambda found: -found.dropped)
    if report.dropped:
        pattern = _DROPPED if drops else _UNSAID
        reasons = _reasons(report, drops, language, lambda found: found.dropped)
        told.append(pattern.said(language).format(count=f"{report.dropped:,}", reasons=reasons, **numbers))
    rest = [found for found in report.findings if not found.dropped]
    for pattern, chosen in (
        (_STOPS, [found for found in rest if found.rule.severity == "error"]),
        (_REWRITTEN, [found for found in rest if found.rule.effect == "rewrite"]),
        (_ODD, [found for found in rest if found.rule.severity == "warning" and found.rule.effect != "rewrite"]),
        (_NOTED, [found for found in rest if found.rule.severity == "info"]),
    ):
        if chosen:
            reasons = _reasons(report, chosen, language, lambda found: found.issues)
            told.append(pattern.said(language).format(reasons=reasons, **numbers))
    return tuple(told) or (_FINE.said(language).format(**numbers),)


def _images(count: int, language: Language) -> str:
    if language == "ko":
        return f"이미지 {count:,}개"
    return f"{count:,} image{'' if count == 1 else 's'}"


def _reasons(report: Report, findings: Sequence[Finding], language: Language, count: Callable[[Finding], int]) -> str:
    """Name the rules with their counts, and the detail of the first issue where it says more."""
    told = []
    for found in findings[:_REASONS]:
        first = report.examples(found, 1)[0]
        detail = _plain(": ".join(part for part in (_place(first["path"], first["line"]), first["detail"]) if part))
        told.append(f"{found.rule.title.said(language)} ({count(found):,}; {detail})")
    if len(findings) > _REASONS:
        told.append(_MORE.said(language).format(count=len(findings) - _REASONS))
    return ", ".join(told)


def _place(path: str | None, line: int | None) -> str:
    return f"{path or ''}{f' line {line}' if line else ''}"


def _plain(text: str) -> str:
    """Return ``text`` without control characters: names of files are data, and a terminal obeys them."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
