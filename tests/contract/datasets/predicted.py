"""What the workbench says that a training will do with each image of a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from workbench.datasets import lint, scan
from workbench.datasets.content import Content
from workbench.datasets.filenames import to_name
from workbench.datasets.formats import classes, yolo
from workbench.datasets.lint import Report


def look(folder: Path, task: str) -> tuple[Content, Report]:
    """Read, probe and check the dataset in ``folder``."""
    content = classes.read(folder, task) if task == "classify" else yolo.read(folder / "data.yaml", task)
    content = scan.probe(content)
    return content, lint.check(content)


def fates(folder: Path, content: Content, report: Report) -> dict[str, dict[str, Any]]:
    """Return what becomes of the images to train on, in the words of ``scanned``; dropped ones are left out."""
    classify = content.task == "classify"
    rows: dict[int, list[list[float]]] = {}
    for row in content.objects.to_pylist():
        values = [row["cls"]] if classify else [row[name] for name in ("cls", "cx", "cy", "w", "h")]
        rows.setdefault(row["image_id"], []).append(values)
    dropped, rewritten = _ids(report, "drop"), _ids(report, "rewrite")
    kept = {}
    for image in content.images.filter(pc.equal(content.images["split"], "train")).to_pylist():
        if image["image_id"] not in dropped and image["effect"] != "drop":
            kept[_shown(image, folder)] = {
                "rewritten": image["image_id"] in rewritten,
                "size": None if classify else [image["height"], image["width"]],
                "rows": rows.get(image["image_id"], []),
            }
    return kept


def reasons(folder: Path, content: Content, report: Report) -> dict[str, set[tuple[str, int]]]:
    """Return the rules and lines that were told of each image."""
    images = {image["image_id"]: _shown(image, folder) for image in content.images.to_pylist()}
    found: dict[str, set[tuple[str, int]]] = {image: set() for image in images.values()}
    for issue in report.issues.to_pylist():
        if issue["image_id"] is not None:
            found[images[issue["image_id"]]].add((issue["rule"], issue["line"]))
    return found


def beside(report: Report) -> set[tuple[str, str]]:
    """Return the rules and paths of what was told of no image."""
    return {(row["rule"], row["path"]) for row in report.issues.to_pylist() if row["image_id"] is None}


def _shown(image: dict[str, Any], folder: Path) -> str:
    return ascii(Path(to_name(image["file"])).relative_to(folder).as_posix())


def _ids(report: Report, effect: str) -> set[int]:
    return set(report.issues.filter(pc.equal(report.issues["effect"], effect))["image_id"].to_pylist()) - {None}
