"""The health of one dataset, chosen by ``?dataset=``, or the list of all.

What lives here: which numbers stand there. What does not: how they look (``templates/dataset.html``), finding what is
wrong (``datasets.lint``).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from workbench.datasets.registry import Dataset
from workbench.widgets.pages.page import page
from workbench.widgets.pages.visit import Visit

if TYPE_CHECKING:
    from workbench.datasets.index import Index

CLASSES: Final = 40
SAMPLES: Final = 12
_EXAMPLES: Final = 5
_THUMB_PX: Final = 256
_TWICE: Final = ("leak-", "duplicate-")


@page("dataset")
def dataset(visit: Visit) -> Mapping[str, Any]:
    """Return what the template of datasets needs."""
    datasets = visit.workspace.datasets
    known = datasets.list()
    name = visit.asked("dataset") or (known[0].name if len(known) == 1 else "")
    if not name:
        return {"dataset": None, "all": known}
    shown = datasets.show(name)
    with shown.index as index:
        rules = _rules(visit, shown, index)
        return {
            "dataset": shown,
            "all": known,
            "images": sum(shown.images.values()),
            "splits": index.summary().to_pylist(),
            "classes": _classes(index),
            "class_count": len(shown.names),
            "rules": [rule for rule in rules if not rule["id"].startswith(_TWICE)],
            "twice": [rule for rule in rules if rule["id"].startswith(_TWICE)],
            "severities": {each: sum(r["issues"] for r in rules if r["severity"] == each) for each in _severities()},
            "sizes": [row for row in index.sizes().slice(0, 5).to_pylist() if row["width"]],
            "samples": _samples(shown, index),
            "runs": [row for row in visit.workspace.ledger.rows() if row.dataset == name][:5],
        }


def _severities() -> tuple[str, ...]:
    from workbench.datasets.lint.rules import SEVERITIES

    return SEVERITIES


def _classes(index: Index) -> list[dict[str, Any]]:
    """Return the most frequent classes, each with its objects by split, in all, and its share of the most frequent."""
    found: dict[int, dict[str, Any]] = {}
    for row in index.histogram().to_pylist():
        one = found.setdefault(row["cls"], {"name": row["name"], "splits": {}, "total": 0, "images": 0})
        count = row["objects"] or row["images"] or 0  # a classification has images only
        one["splits"][row["split"]] = count
        one["total"] += count
    ordered = sorted(found.values(), key=lambda one: -one["total"])
    most = max((one["total"] for one in ordered), default=0) or 1
    return [{**one, "share": one["total"] / most} for one in ordered[:CLASSES]]


def _rules(visit: Visit, shown: Dataset, index: Index) -> list[dict[str, Any]]:
    """Return what each rule found, those that block first."""
    from workbench.datasets.lint import RULES
    from workbench.datasets.lint.rules import unheard_of

    counted = {row["rule"]: row for row in index.issue_counts().to_pylist()}
    order = {rule: place for place, rule in enumerate(RULES)}
    found = []
    for rule_id in sorted(counted, key=lambda rule: order.get(rule, len(order))):
        rule = RULES.get(rule_id) or unheard_of(rule_id)
        found.append(
            {
                "id": rule_id,
                "severity": rule.severity,
                "title": rule.title.said(visit.lang),
                "behaviour": rule.behaviour.said(visit.lang),
                "advice": rule.advice.said(visit.lang),
                "issues": counted[rule_id]["issues"],
                "images": counted[rule_id]["images"],
                "blocks": rule_id in shown.blocking and rule_id not in shown.accepted,
                "accepted": rule_id in shown.accepted,
                "examples": _examples(index, rule_id),
            }
        )
    return found


def _examples(index: Index, rule_id: str) -> list[tuple[str, str]]:
    """Return path and detail of the first images that a rule found something in."""
    page_ = index.page(f"issue:{rule_id}", limit=_EXAMPLES)
    paths = dict(zip(page_.images["image_id"].to_pylist(), page_.images["path"].to_pylist(), strict=True))
    rows = [row for row in page_.issues.to_pylist() if row["rule"] == rule_id and row["image_id"] in paths]
    return [(paths[row["image_id"]], row["detail"] or "") for row in rows[:_EXAMPLES]]


def _samples(shown: Dataset, index: Index) -> list[tuple[str, str]]:
    """Return path and picture, as the address of an image, of some images with what is marked on them."""
    import numpy as np

    from workbench.datasets.pictures import overlays
    from workbench.datasets.pictures.thumbs import Thumbs, pictures

    total = index.about.images
    if not total:
        return []
    chosen = index.images(np.linspace(0, total - 1, min(SAMPLES, total)).astype(int).tolist())
    thumbs = Thumbs(shown.workspace.thumbnails)
    marked = overlays.shapes(chosen.images, chosen.objects, overlays.styles(index.classes), _THUMB_PX)
    found = []
    for path, picture, row in zip(chosen.images["path"].to_pylist(), pictures(chosen.images), marked, strict=True):
        thumb = thumbs.get(picture, _THUMB_PX)
        data = thumb.data if thumb.problem else overlays.draw(thumb.data, row["shapes"])
        found.append((path, f"data:image/webp;base64,{base64.b64encode(data).decode()}"))
    return found
