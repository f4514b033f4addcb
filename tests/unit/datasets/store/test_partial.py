"""A big object is fetched in ranges, and a killed fetch goes on."""

from __future__ import annotations

import pytest

from workbench.datasets.store.partial import RANGE_BYTES, Partial

pytestmark = pytest.mark.slow

KEY, SIZE = b"k" * 32, 2 * RANGE_BYTES + 10


def test_a_new_object_misses_all_its_ranges(tmp_path):
    part = Partial(tmp_path, KEY, SIZE)
    assert part.missing() == [(0, RANGE_BYTES), (RANGE_BYTES, 2 * RANGE_BYTES), (2 * RANGE_BYTES, SIZE)]
    part.close()


def test_a_range_that_is_done_is_not_asked_for_again_by_whoever_goes_on(tmp_path):
    part = Partial(tmp_path, KEY, SIZE)
    part.write(RANGE_BYTES, b"x" * RANGE_BYTES)
    part.done(RANGE_BYTES)
    part.write(0, b"written but not done")
    part.close()
    again = Partial(tmp_path, KEY, SIZE)
    assert again.missing() == [(0, RANGE_BYTES), (2 * RANGE_BYTES, SIZE)]
    again.close()


def test_a_note_that_was_cut_short_counts_for_nothing(tmp_path):
    part = Partial(tmp_path, KEY, SIZE)
    part.done(0)
    part.close()
    journal = tmp_path / f"{KEY.hex()}.done"
    journal.write_bytes(journal.read_bytes() + b"\0\0\0")
    again = Partial(tmp_path, KEY, SIZE)
    assert again.missing()[0] == (RANGE_BYTES, 2 * RANGE_BYTES)
    again.close()


def test_notes_without_their_file_are_thrown_away(tmp_path):
    part = Partial(tmp_path, KEY, SIZE)
    part.done(0)
    part.close()
    part.path.unlink()
    again = Partial(tmp_path, KEY, SIZE)
    assert len(again.missing()) == 3
    again.close()


def test_an_object_of_unknown_size_is_read_from_its_beginning_to_its_end(tmp_path):
    part = Partial(tmp_path, KEY, None)
    part.write(0, b"something")
    part.close()
    again = Partial(tmp_path, KEY, None)
    assert again.missing() == [(0, None)]
    assert again.path.read_bytes() == b""
    again.close()


def test_an_empty_object_misses_nothing(tmp_path):
    part = Partial(tmp_path, KEY, 0)
    assert part.missing() == []
    part.close()
