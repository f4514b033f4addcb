"""Images as the script draws them: small rows of plain data.

What lives here: a cell of the grid, and all that the detail shows of one image. What does not: which images
(``grid_choice``), their pictures (``grid_pictures``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from workbench.datasets.index.browse import Page
from workbench.datasets.lint import RULES
from workbench.datasets.lint.rules import SEVERITIES, unheard_of
from workbench.datasets.pictures import overlays
from workbench.datasets.pictures.shrink import fit

SHAPES_MAX: Final = 200  # on a thumbnail; the detail shows overlays.SHAPES_MAX
OBJECTS_MAX: Final = 500  # in the table beside the detail
_FINE: Final = 1.5  # pixels: corners of a polygon that are nearer to each other look like one


def cells(page: Page, styles: Sequence[overlays.Style], size: int) -> list[dict[str, Any]]:
    """Return a row for each image of a page: what it is, and its shapes in pixels of a thumbnail of ``size``.

    A shape is ``c`` the class, ``b`` [x, y, w, h], ``r`` rings, ``k`` keypoints with ``s`` their skeleton, ``d`` 1 for
    a crowd; those that it lacks are left out.
    """
    issues = _issues_by_image(page)
    marked = overlays.shapes(page.images, page.objects, styles, size)
    rows = zip(page.images.to_pylist(), marked, strict=True)
    return [_cell(row, drawn, issues[row["image_id"]]) for row, drawn in rows]


def detail(page: Page, styles: Sequence[overlays.Style], size: int) -> dict[str, Any]:
    """Return all that is known of the one image of a page, its shapes in pixels of a picture of ``size``.

    Beside what a cell has: ``file``, ``facts``, ``objects`` (``OBJECTS_MAX`` at most) and ``issues`` with their titles.
    """
    row = page.images.to_pylist()[0]
    (drawn,) = overlays.shapes(page.images, page.objects, styles, size)
    found = _issues_by_image(page)[row["image_id"]]
    objects = page.objects.to_pylist()
    full = row["width"] or 0, row["height"] or 0
    return {
        **_cell(row, drawn, found, most=overlays.SHAPES_MAX, fine=0),
        "shown": list(fit(*full, size)) if min(full) > 0 else [0, 0],
        "file": row["file"],
        "facts": {name: row[name] for name in ("bytes", "group", "effect")},
        "sha256": row["sha256"].hex() if row["sha256"] else "",
        "objects": [_object(one, full) for one in objects[:OBJECTS_MAX]],
        "issues": [_issue(one) for one in found],
    }


def severity(rules: Sequence[str]) -> str:
    """Return the gravest severity of some rules, or an empty string without any."""
    found = {(RULES.get(rule) or unheard_of(rule)).severity for rule in rules}
    return next((name for name in SEVERITIES if name in found), "")


def title(rule: str) -> dict[str, str]:
    """Return what a rule is called in both languages."""
    return (RULES.get(rule) or unheard_of(rule)).title._asdict()


def _issues_by_image(page: Page) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in page.issues.to_pylist():
        found[row["image_id"]].append(row)
    return found


def _cell(
    row: dict[str, Any],
    drawn: dict[str, Any],
    issues: list[dict[str, Any]],
    *,
    most: int = SHAPES_MAX,
    fine: float = _FINE,
) -> dict[str, Any]:
    rules = list(dict.fromkeys(issue["rule"] for issue in issues))
    shapes = drawn["shapes"]
    return {
        "id": row["image_id"],
        "path": row["path"],
        "split": row["split"] or "",
        "width": row["width"] or 0,
        "height": row["height"] or 0,
        "shown": [drawn["width"], drawn["height"]],
        "count": row["objects"] or 0,
        "rules": rules,
        "severity": severity(rules),
        "effect": row["effect"] or "keep",
        "shapes": [_shape(shape, fine) for shape in shapes[:most]],
        "more": drawn["more"] + max(len(shapes) - most, 0),
    }


def _shape(shape: dict[str, Any], fine: float) -> dict[str, Any]:
    found: dict[str, Any] = {"c": shape["cls"]}
    if "box" in shape:
        found["b"] = shape["box"]
    if "rings" in shape:
        found["r"] = [_thinned(ring, fine) for ring in shape["rings"]]
    if "keypoints" in shape:
        found |= {"k": shape["keypoints"], "s": shape["skeleton"]}
    if shape["crowd"]:
        found["d"] = 1
    return found


def _thinned(ring: list[float], fine: float) -> list[float]:
    """Leave out corners that are nearer than ``fine`` to the one before; six numbers are left at least."""
    if len(ring) <= 8 or fine <= 0:
        return ring
    kept = ring[:2]
    for x, y in zip(ring[2::2], ring[3::2], strict=False):
        if abs(x - kept[-2]) + abs(y - kept[-1]) >= fine:
            kept += [x, y]
    return kept if len(kept) >= 6 else ring[:6]


def _object(row: dict[str, Any], full: tuple[int, int]) -> dict[str, Any]:
    width, height = (row["w"] or 0.0) * full[0], (row["h"] or 0.0) * full[1]
    left, top = (row["cx"] or 0.0) * full[0] - width / 2, (row["cy"] or 0.0) * full[1] - height / 2
    box = None if row["kind"] == "class" else [round(value, 1) for value in (left, top, width, height)]
    return {"cls": row["cls"], "kind": row["kind"], "box": box, "crowd": bool(row["crowd"]), "line": row["line"] or 0}


def _issue(row: dict[str, Any]) -> dict[str, Any]:
    rule = RULES.get(row["rule"]) or unheard_of(row["rule"])
    said = {"title": rule.title._asdict(), "advice": rule.advice._asdict(), "severity": rule.severity}
    return {**{name: row[name] for name in ("rule", "path", "line", "detail", "effect")}, **said}


def describe(style: overlays.Style) -> dict[str, Any]:
    """Return a class as the script knows it."""
    return {"name": style.name, "color": style.color}
