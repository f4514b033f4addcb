"""What was found, for people and machines: ``Report``.

What lives here: counts, sentences, what blocks a run, the payload. What does not: the finding (``inspection``), the
page (``page``).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from workbench.datasets.content import ISSUES, Content
from workbench.datasets.lint.catalogue import RULES
from workbench.datasets.lint.findings import Mask
from workbench.datasets.lint.rules import SEVERITIES, Language, Rule, check_names, unheard_of

_ORDER = {rule: at for at, rule in enumerate(RULES)}
_EXAMPLES = 20
PAYLOAD_VERSION = 1


@dataclass(frozen=True)
class Finding:
    """What one rule found.

    Attributes:
        rule: of the catalogue.
        issues: rows of ``Report.issues``.
        images: different images among them.
        dropped: images that training leaves out, counted under the first rule that drops them only.
        start: row of its first issue in ``Report.issues``: they stand together.
    """

    rule: Rule
    issues: int
    images: int
    dropped: int
    start: int


@dataclass(frozen=True)
class Split:
    """One split: its ``images``, and how many of them training leaves out."""

    name: str
    images: int
    dropped: int


@dataclass(frozen=True)
class Report:
    """What is wrong with a dataset.

    Attributes:
        task: what its labels are for.
        images: images in all.
        objects: objects in all, those of dropped images too where a reader kept them.
        rewritten: images that training encodes anew, in its own tree.
        splits: train, val and test, as far as there are any.
        issues: schema ``ISSUES``; those that block first, rule by rule, in the order of the images.
        findings: one for each rule that found something, in the order of ``issues``.
    """

    task: str
    images: int
    objects: int
    rewritten: int
    splits: tuple[Split, ...]
    issues: pa.Table
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, content: Content, issues: pa.Table, kept: Mask) -> Report:
        """Order and count ``issues``.

        Args:
            content: what was looked at.
            issues: schema ``ISSUES``, in any order.
            kept: whether training keeps the image; shape (images,).
        """
        issues, code = _sorted(issues)
        rewritten = pc.count_distinct(issues.filter(pc.equal(issues["effect"], "rewrite"))["image_id"]).as_py()
        return cls(
            task=content.task,
            images=content.images.num_rows,
            objects=content.objects.num_rows,
            rewritten=rewritten,
            splits=_splits(content, kept),
            issues=issues,
            findings=_findings(issues, code),
        )

    @property
    def dropped(self) -> int:
        """The number of images that training leaves out."""
        return sum(split.dropped for split in self.splits)

    @property
    def summary(self) -> dict[str, int]:
        """The number of issues by the id of their rule, those that block first."""
        return {finding.rule.id: finding.issues for finding in self.findings}

    def blocking(self, accepted: Collection[str] = ()) -> tuple[Finding, ...]:
        """Return what keeps a run from starting: errors whose rules were not accepted by name.

        Raises:
            RequestError: when an accepted name is no rule's.
        """
        check_names(accepted, RULES)
        return tuple(
            found for found in self.findings if found.rule.severity == "error" and found.rule.id not in accepted
        )

    def examples(self, finding: Finding, limit: int = _EXAMPLES) -> list[dict[str, Any]]:
        """Return the first issues of ``finding`` as rows: ``{"path", "line", "detail", "effect", "image_id", …}``."""
        rows: list[dict[str, Any]] = self.issues.slice(finding.start, min(limit, finding.issues)).to_pylist()
        return [{key: value for key, value in row.items() if key != "rule"} for row in rows]

    def sentences(self, language: Language = "en") -> tuple[str, ...]:
        """Say what training will do, the worst first; one sentence when nothing is wrong."""
        from workbench.datasets.lint.sentences import sentences

        return sentences(self, language)

    def to_payload(self, examples: int = _EXAMPLES) -> dict[str, Any]:
        """Return the report as JSON-able data of bounded size; ``docs/lint.md`` tells its shape.

        Args:
            examples: rows at most for each rule.
        """
        return {
            "version": PAYLOAD_VERSION,
            "task": self.task,
            "images": {"total": self.images, "dropped": self.dropped, "rewritten": self.rewritten},
            "objects": self.objects,
            "splits": [{"name": s.name, "images": s.images, "dropped": s.dropped} for s in self.splits],
            "severities": {of: sum(f.issues for f in self.findings if f.rule.severity == of) for of in SEVERITIES},
            "sentences": {"en": list(self.sentences("en")), "ko": list(self.sentences("ko"))},
            "rules": [self._finding(finding, examples) for finding in self.findings],
        }

    def _finding(self, finding: Finding, examples: int) -> dict[str, Any]:
        rule = finding.rule
        shown = self.examples(finding, examples)
        return {
            "id": rule.id,
            "severity": rule.severity,
            "effect": rule.effect,
            "title": rule.title._asdict(),
            "behaviour": rule.behaviour._asdict(),
            "advice": rule.advice._asdict(),
            "issues": finding.issues,
            "images": finding.images,
            "dropped": finding.dropped,
            "examples": shown,
            "more": finding.issues - len(shown),
        }

    def html(self, language: Language = "en", examples: int = _EXAMPLES) -> str:
        """Return the report as one page that needs nothing else.

        Args:
            language: that it opens in; it holds both.
            examples: rows at most for each rule.
        """
        from workbench.datasets.lint.page import page

        return page(self.to_payload(examples), language)


def _sorted(issues: pa.Table) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    """Return ``issues`` in the order of the catalogue, then of the images, and the place of each row's rule."""
    coded = issues["rule"].combine_chunks().dictionary_encode()
    names = coded.dictionary.to_pylist()
    unknown = {name: len(_ORDER) + at for at, name in enumerate(sorted(set(names) - set(_ORDER)))}
    rank = np.array([(_ORDER | unknown)[name] for name in names], dtype=np.int64)
    rule = rank[coded.indices.to_numpy(zero_copy_only=False)] if len(names) else np.zeros(0, np.int64)
    last = np.iinfo(np.int64).max
    keys = [issues[name].combine_chunks().fill_null(last).to_numpy() for name in ("object_id", "image_id")]
    line = issues["line"].combine_chunks().fill_null(0).to_numpy()
    order = np.lexsort((line, *keys, rule))
    return issues.take(pa.array(order)).combine_chunks().cast(ISSUES), rule[order]


def _findings(issues: pa.Table, code: npt.NDArray[np.int64]) -> tuple[Finding, ...]:
    starts = np.flatnonzero(np.r_[True, code[1:] != code[:-1]]) if len(code) else np.zeros(0, np.int64)
    ends = np.r_[starts[1:], len(code)] if len(code) else starts
    first = _first_drops(issues)
    found = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        rows = issues.slice(start, end - start)
        name = rows["rule"][0].as_py()
        images = pc.count_distinct(rows["image_id"]).as_py()
        dropped = int(((first >= start) & (first < end)).sum())
        found.append(Finding(RULES.get(name) or unheard_of(name), end - start, images, dropped, start))
    return tuple(found)


def _first_drops(issues: pa.Table) -> npt.NDArray[np.int64]:
    """Return the first row that drops each dropped image."""
    drops = pc.and_(pc.equal(issues["effect"], "drop"), pc.is_valid(issues["image_id"]))
    rows = np.flatnonzero(drops.to_numpy(zero_copy_only=False))
    _, first = np.unique(issues["image_id"].take(pa.array(rows)).to_numpy(), return_index=True)
    found: npt.NDArray[np.int64] = rows[first]
    return found


def _splits(content: Content, kept: Mask) -> tuple[Split, ...]:
    split = pc.fill_null(content.images["split"], "").combine_chunks()
    gone = split.filter(pa.array(~kept)).value_counts().to_pylist()
    dropped = {row["values"]: row["counts"] for row in gone}
    return tuple(Split(name, images, dropped.get(name, 0)) for name, images in content.counts.items())
