"""A file or a folder is there whole, or as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.errors import StorageError
from workbench.storage import empty_folder, put_text, swap_folder


def test_a_text_replaces_the_old_one_and_makes_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    put_text(path, "하나\n")
    assert put_text(path, "둘\n").read_bytes() == "둘\n".encode()
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_a_write_that_fails_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(StorageError, match="Could not write"):
        put_text(tmp_path / "taken", "text")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


def test_a_folder_takes_the_place_of_another_even_after_a_swap_that_was_killed(tmp_path: Path) -> None:
    for name in ("tree", ".tree.former", "built"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    swap_folder(tmp_path / "built", tmp_path / "tree")
    assert [str(p.relative_to(tmp_path)) for p in sorted(tmp_path.rglob("*"))] == ["tree", "tree/built"]


def test_an_emptied_folder_has_nothing_of_an_interrupted_build(tmp_path: Path) -> None:
    (tmp_path / "draft" / "deep").mkdir(parents=True)
    assert list(empty_folder(tmp_path / "draft").iterdir()) == []
