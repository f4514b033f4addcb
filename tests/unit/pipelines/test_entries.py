"""What the engine keeps of schedules."""

from __future__ import annotations

import stat
from pathlib import Path

from pipelines import entries
from workbench.paths import EnginePaths
from workbench.schedules.cron import Rule
from workbench.schedules.scheduler import Entry


def kept(workspace: Path, name: str = "nightly") -> entries.Kept:
    entry = Entry(workspace, name, (Rule("0 2 * * *", day_or=False),), "Asia/Seoul")
    return entries.Kept(entry, {"WANDB_API_KEY": "secret"})


def test_an_entry_is_private_and_read_back_as_it_was_written(tmp_path: Path) -> None:
    paths, one = EnginePaths(tmp_path / "engine"), kept(tmp_path / "ws")
    file = entries.write(paths, one)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert entries.everything(paths) == [(file, one)]
    assert entries.exist(paths)


def test_a_second_entry_of_the_same_name_replaces_the_first_and_leaves_no_draft(tmp_path: Path) -> None:
    paths, one = EnginePaths(tmp_path / "engine"), kept(tmp_path / "ws")
    entries.write(paths, one)
    file = entries.write(paths, entries.Kept(one.entry, {"A": "1"}))
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    found = entries.read(file)
    assert found is not None
    assert found.environment == {"A": "1"}


def test_the_same_name_in_two_workspaces_is_two_entries(tmp_path: Path) -> None:
    paths = EnginePaths(tmp_path / "engine")
    first, second = (entries.write(paths, kept(tmp_path / name)) for name in ("a", "b"))
    assert first != second
    assert first.stem.removesuffix(entries.mark(tmp_path / "a")) == "nightly"


def test_a_damaged_or_missing_entry_is_passed_over(tmp_path: Path) -> None:
    paths = EnginePaths(tmp_path / "engine")
    assert entries.everything(paths) == []
    assert not entries.exist(paths)
    file = entries.write(paths, kept(tmp_path / "ws"))
    for text in ("", "{", "[]", '{"workspace": "x"}'):
        file.write_text(text)
        assert entries.everything(paths) == []
    assert entries.read(tmp_path / "none.json") is None
