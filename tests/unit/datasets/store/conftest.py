"""A store in a folder of its own, and a maker of objects in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.datasets.store import Lease, Store

Put = Callable[..., str]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def put(store: Store) -> Put:
    """Return a maker of an object: ``put(b"bytes", key=..., lease=...)`` gives its sha256."""

    def make(data: bytes, key: bytes = b"", lease: Lease | None = None) -> str:
        with store.lease() as own:
            staged = store.stage(lease or own, data, key)
            store.publish(lease or own, [staged])
        return staged.sha256

    return make
