"""Sharing a dataset's images out anew, so that what belongs together stays on one side.

What lives here: what belongs together, and handing it on. What does not: telling likeness (``similar``), the sharing
out (``splits``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypedDict, Unpack

from workbench.datasets import Progress, similar, splits
from workbench.datasets.content import Content


class Splitting(TypedDict, total=False):
    """How images are shared out.

    Attributes:
        seed: of what is left to chance.
        keep: splits that stay as they are.
        grouped: whether what belongs together stays on one side; every picture is looked at for that.
        stratify: whether each class is shared out evenly.
        progress: called with (images looked at, images in all).
    """

    seed: int
    keep: Collection[str]
    grouped: bool
    stratify: bool
    progress: Progress | None


def share_out(content: Content, shares: Mapping[str, float], **options: Unpack[Splitting]) -> Content:
    """Return ``content`` with other splits.

    Images that occur twice, exactly or nearly, and those that their names tell to be of one film or one original, stay
    on one side.

    Args:
        content: whose images are shared out.
        shares: of each split, 0..1, together 1.
        options: see ``Splitting``.

    Raises:
        DatasetError: when the shares cannot be met.
    """
    groups = None
    if options.get("grouped", True):
        pairs = similar.find(content.images, progress=options.get("progress"))
        groups = similar.join(pairs.images, similar.keys(pairs.images), pairs.table)
    return splits.assign(
        content,
        dict(shares),
        options.get("seed", 0),
        groups=groups,
        stratify=options.get("stratify", True),
        keep=tuple(options.get("keep", ())),
    )
