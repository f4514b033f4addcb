"""A dataset that can be trained on, as it lies on the user's disk.

What lives here: the record. What does not: its reading and checking (``intake``, ``layout``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

Task = Literal["detect", "segment", "pose", "obb", "classify", "semantic", "depth"]
TASKS: tuple[Task, ...] = get_args(Task)
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class DatasetSource:
    """A dataset that can be trained on.

    Attributes:
        uri: what was asked for: the yaml, or the folder of classes; absolute.
        root: the folder that the yaml's splits are relative to.
        task: given, or told from the layout and the labels.
        names: class names by class id, 0..n-1.
        splits: the images of ``train``, ``val`` and perhaps ``test``, absolute and sorted.
        labels: the label, mask or depth file of an image, where it exists; empty for ``classify``.
        options: other keys of the yaml that training reads (``kpt_shape``, ``flip_idx``, …).
        problems: what does not stop a training but changes what it sees, one sentence each.
    """

    uri: Path
    root: Path
    task: Task
    names: dict[int, str]
    splits: dict[str, tuple[Path, ...]]
    labels: dict[Path, Path] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def images(self) -> dict[str, int]:
        """The number of images in each split."""
        return {split: len(files) for split, files in self.splits.items()}

    @property
    def masked(self) -> bool:
        """Whether the labels are mask images."""
        return self.task == "semantic" and "masks_dir" in self.options

    @property
    def rows(self) -> bool:
        """Whether the labels are rows of text."""
        return self.task not in ("classify", "depth") and not self.masked

    def short(self, path: Path) -> str:
        """Return ``path`` as people know it: relative to the root where it lies below."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)
