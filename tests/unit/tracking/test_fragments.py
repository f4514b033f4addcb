"""W&B's own files are read as far as they were written."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from workbench.tracking.wandb.fragments import records

BLOCK = 32_768


def written(*bodies: bytes) -> bytes:
    """Return a file with these records, cut at the ends of blocks as W&B's library does it."""
    data = b":W&B\xbe\xe1\x00"
    for whole in bodies:
        body, first = whole, True
        while True:
            room = BLOCK - len(data) % BLOCK
            if room < 7:
                data += bytes(room)
                continue
            part, body = body[: room - 7], body[room - 7 :]
            kind = (1 if not body else 2) if first else (4 if not body else 3)
            data += struct.pack("<IHB", 0, len(part), kind) + part
            first = False
            if not body:
                break
    return data


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.wandb"


BODIES = [b"one", b"x" * 32_700, b"y" * 100_000, b"", b"z" * (3 * BLOCK - 132_700 - 100), b"last"]


def test_records_come_back_whole_across_blocks(path: Path) -> None:
    """Also those that are longer than a block, and those that end right before one."""
    path.write_bytes(written(*BODIES))
    assert [body for body, _ in records(path)] == BODIES


@pytest.mark.parametrize("room", range(16))
def test_a_block_may_end_anywhere(path: Path, room: int) -> None:
    """With no room for a header, with room for a header only, and with room for a little."""
    bodies = [b"a" * (BLOCK - 7 - 7 - room), b"second", b"third"]
    path.write_bytes(written(*bodies))
    assert [body for body, _ in records(path)] == bodies


@pytest.mark.parametrize("torn", [1, 5, 7, 8, 40])
def test_a_torn_end_is_left_out(path: Path, torn: int) -> None:
    """The writer was killed: what is before stays readable."""
    path.write_bytes(written(b"one", b"two", b"t" * 60)[:-torn])
    assert [body for body, _ in records(path)] == [b"one", b"two"]


def test_an_end_of_zeros_is_left_out(path: Path) -> None:
    """The machine went off while the file grew."""
    path.write_bytes(written(b"one") + bytes(500))
    assert [body for body, _ in records(path)] == [b"one"]


def test_a_file_that_has_only_begun_holds_nothing(path: Path) -> None:
    """Not even its own first bytes may be there."""
    for begun in (b"", b":W&"):
        path.write_bytes(begun)
        assert list(records(path)) == []


def test_reading_goes_on_where_it_stopped(path: Path) -> None:
    """The file is read while it is written, and its end may be torn for a moment."""
    whole = written(*BODIES)
    path.write_bytes(whole[:70_000])
    first = list(records(path))
    path.write_bytes(whole)
    rest = list(records(path, first[-1][1]))
    assert [body for body, _ in [*first, *rest]] == BODIES
