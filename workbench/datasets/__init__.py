"""Datasets: what a training is given to see.

What lives here: reading and checking a user's dataset (``source``, ``labels``, ``images``), its identity
(``manifest``), the tree of links that ultralytics reads (``tree``), the workspace's list (``registry``) and the sample
that the workbench draws itself (``samples``, ``digits``). What does not: training, and any import of torch,
ultralytics, sklearn or cv2 before a function needs it.
"""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with (files done, files in all) while a long step goes on."""
