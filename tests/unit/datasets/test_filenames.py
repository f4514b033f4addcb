"""Every file name becomes text that Arrow takes, and comes back as it was."""

from __future__ import annotations

import os

import pyarrow as pa
import pytest

from workbench.datasets.filenames import to_name, to_text, to_texts

NAMES = [
    b"a.jpg",
    "사진.jpg".encode(),
    b"\xff\xfe.jpg",
    b"new\nline",
    rb"\udc80",
    rb"\udc5c",
    b"\\udc\xff",
    rb"a\b",
    b"\xed\xb2\x80",
]


@pytest.mark.parametrize("raw", NAMES)
def test_a_name_of_any_bytes_comes_back(raw: bytes) -> None:
    name = os.fsdecode(raw)
    text = to_text(name)
    assert pa.array([text], pa.string())[0].as_py() == text
    assert os.fsencode(to_name(text)) == raw


def test_no_two_names_become_one_text() -> None:
    assert len({to_text(os.fsdecode(raw)) for raw in NAMES}) == len(NAMES)


def test_a_plain_name_is_its_own_text() -> None:
    assert to_texts(["a.jpg", "사진.jpg"]) == ["a.jpg", "사진.jpg"]
    assert to_texts(["a.jpg", "\udcff"]) == ["a.jpg", "\\udcff"]
