"""The words of a dataset: its tasks and its splits.

What lives here: the two lists. What does not: a dataset (``content``).
"""

from __future__ import annotations

from typing import Literal, get_args

Task = Literal["detect", "segment", "pose", "obb", "classify", "semantic", "depth"]
TASKS: tuple[Task, ...] = get_args(Task)
SPLITS = ("train", "val", "test")
