"""A bucket in memory, and a store to fetch into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest

from workbench.datasets.store import Lease, Store

PETS = {
    "data.yaml": b"train: images/train\nval: images/val\nnames: [cat, dog]\n",
    "images/train/a.jpg": b"photo a",
    "images/train/b.jpg": b"photo b",
    "images/val/c.jpg": b"photo c",
    "labels/train/a.txt": b"0 0.5 0.5 0.2 0.2\n",
    "labels/train/b.txt": b"1 0.5 0.5 0.2 0.2\n",
    "labels/val/c.txt": b"",
}
IMAGES = [path for path in PETS if path.endswith(".jpg")]
Upload = Callable[..., str]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def lease(store: Store) -> Iterator[Lease]:
    with store.lease() as held:
        yield held


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    """fsspec's file system in memory, empty before and after."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]
    yield files
    files.store.clear()
    files.pseudo_dirs[:] = [""]


@pytest.fixture
def upload(memory: fsspec.AbstractFileSystem) -> Upload:
    """Return a maker of a remote dataset: ``upload(files)`` gives its uri."""

    def make(files: dict[str, bytes] = PETS, base: str = "pets") -> str:
        for path, data in files.items():
            memory.pipe_file(f"/{base}/{path}", data)
        return f"memory://{base}"

    return make
