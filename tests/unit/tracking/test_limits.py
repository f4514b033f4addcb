"""How long a backend may take."""

from __future__ import annotations

from pathlib import Path

from workbench.tracking.base import File, Item, Measured, Model
from workbench.tracking.delivery.forwarder import Limits, send_limit_s


def test_large_files_may_take_longer(tmp_path: Path) -> None:
    """Else a checkpoint would never arrive over a slow line, however often it is tried."""
    path = tmp_path / "best.pt"
    with path.open("wb") as file:
        file.truncate(90_000_000)
    items: list[Item] = [Measured("batch", 1, {"a": 1.0}, 1.0), File("image", "gone", tmp_path / "gone", 1.0)]
    assert send_limit_s(items, Limits(send_s=60.0)) == 60.0
    items += [File("checkpoint", "best.pt", path, 1.0), Model("digits", path, "5" * 64, "detect", 1.0)]
    assert send_limit_s(items, Limits(send_s=60.0)) == 240.0
