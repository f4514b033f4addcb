"""What the tracker contract needs in every module; its failures say what was compared, as those of a test module do."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.contract.tracking.suite")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "run" / "checkpoints" / "best.pt"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"the best weights" * 100)
    return path
