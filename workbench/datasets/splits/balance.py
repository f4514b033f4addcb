"""How evenly images and classes lie in the splits.

What lives here: counting. What does not: making splits (``assignment``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workbench.datasets.content import Content


@dataclass(frozen=True)
class Balance:
    """How a dataset is split.

    Attributes:
        images: images in each split, in the order train, val, test.
        left_out: images in no split.
        shares: share of each split in the images that are in one, 0..1.
        classes: by class name, the images with that class in each split.
    """

    images: dict[str, int]
    left_out: int
    shares: dict[str, float]
    classes: dict[str, dict[str, int]]

    @property
    def missing(self) -> dict[str, tuple[str, ...]]:
        """By split, the classes that it has no image of, though another has; no entry where none is missing."""
        there = {name: row for name, row in self.classes.items() if any(row.values())}
        found = {split: tuple(name for name, row in there.items() if not row[split]) for split in self.images}
        return {split: names for split, names in found.items() if names}

    @property
    def farthest(self) -> float:
        """By how much the share of a class differs from the share of all images, at most, 0..1."""
        return max(
            (
                abs(row[split] / sum(row.values()) - share)
                for row in self.classes.values()
                if any(row.values())
                for split, share in self.shares.items()
            ),
            default=0.0,
        )

    def to_payload(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return {
            "images": self.images,
            "left_out": self.left_out,
            "shares": self.shares,
            "classes": self.classes,
            "missing": {split: list(names) for split, names in self.missing.items()},
            "farthest": self.farthest,
        }


def balance(content: Content) -> Balance:
    """Count the images and classes of each split."""
    counts = content.counts
    images = {split: count for split, count in counts.items() if split}
    total = sum(images.values())
    names = content.names
    classes = {name: dict.fromkeys(images, 0) for name in names.values()}
    pairs = content.objects.select(["image_id", "cls"]).group_by(["image_id", "cls"]).aggregate([])
    splits = content.images.select(["image_id", "split"])
    joined = pairs.join(splits, "image_id").group_by(["cls", "split"]).aggregate([([], "count_all")])
    for row in joined.to_pylist():
        if row["split"] and row["cls"] in names:
            classes[names[row["cls"]]][row["split"]] += row["count_all"]
    return Balance(images, counts.get("", 0), {split: count / total for split, count in images.items()}, classes)
