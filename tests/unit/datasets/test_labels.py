"""The verdict over a label file is that of ultralytics, seen in 8.4.190."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.datasets.labels import Rules, check

BOX = "0 0.5 0.5 0.2 0.2"
TWO = Rules(2)
POSE = Rules(2, keypoint_values=6, pose=True, keypoint_dimensions=3)


def verdict(tmp_path: Path, text: str, rules: Rules = TWO, encoding: str = "utf-8"):
    file = tmp_path / "a.txt"
    file.write_text(text, encoding)
    return check(file, rules)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (f"{BOX}\n2 .5 .5 .1 .1", 2, "class 2 but names has 2"),
        ("-1 .5 .5 .1 .1", 1, "class -1"),
        ("0.5 .5 .5 .1 .1", 1, "class 0.5 is not a whole number"),
        ("0 .5 .5 .1 1.02", 1, "1.02 is outside"),
        ("0 -.02 .5 .1 .1", 1, "-0.02 is negative"),
        ("0 .5 .5 -.005 .1", 1, "-0.005 is negative"),
        ("0 .5 .5 .1", 1, "4 columns where 5"),
        ("0 .5 .5 .1 .1 .9", 1, "6 columns where 5"),
        (f"{BOX}\n\n0 .5 .5 .1 dog", 3, "'dog' is not a number"),
        ("0,0.5,0.5,0.1,0.1", 1, "is not a number"),
        ("0 .5 .5 nan .1", 1, "not finite"),
        (f"0 .1 .1 .2 .2 .3 .1\n{BOX}", 2, "a box among polygons"),
        ("0 .1 .1 .2 .2 .3 .1 .4", 1, "8 columns"),
    ],
)
def test_one_bad_row_drops_the_image(tmp_path: Path, text: str, line: int, says: str) -> None:
    found = verdict(tmp_path, text)
    assert found.fault is not None
    assert says in found.fault
    assert (found.line, found.objects) == (line, 0)


@pytest.mark.parametrize(
    "text",
    ["0 1.005 .5 .1 .1", "0 -.005 .5 .1 .1", "0 .5 .5 0 0", "0 .95 .5 .3 .1", "1.0 .5 .5 .1 .1", f"\ufeff{BOX}"],
)
def test_what_training_keeps_is_kept(tmp_path: Path, text: str) -> None:
    assert verdict(tmp_path, text).objects == 1


def test_a_wrong_class_outweighs_an_earlier_slip(tmp_path: Path) -> None:
    found = verdict(tmp_path, "0 .5 .5 .1\n7 .5 .5 .1 .1")
    assert (found.kind, found.line) == ("class", 2)


def test_repeated_rows_count_once(tmp_path: Path) -> None:
    found = verdict(tmp_path, f"{BOX}\n{BOX}\n1 .5 .5 .2 .2")
    assert (found.objects, found.duplicates) == (2, 1)


def test_an_empty_file_is_background_and_utf16_is_a_fault(tmp_path: Path) -> None:
    assert verdict(tmp_path, "\n \n").fault is None
    assert verdict(tmp_path, BOX, encoding="utf-16").fault == "the file is not UTF-8 text"


def test_a_polygon_is_judged_by_its_box(tmp_path: Path) -> None:
    assert verdict(tmp_path, "0 -.1 .1 .5 .1 .5 .5").objects == 1, "the centre and the size are inside"
    assert verdict(tmp_path, "0 -.9 .1 .5 .1 .5 .5").fault is not None


def test_a_pose_row_needs_its_points_inside_and_detection_cuts_them_off(tmp_path: Path) -> None:
    row = BOX + " .4 .4 2 .6 .6 1"
    assert verdict(tmp_path, row, POSE).objects == 1
    assert "outside" in (verdict(tmp_path, BOX + " 1.4 .4 2 .6 .6 1", POSE).fault or "")
    assert verdict(tmp_path, BOX, POSE).fault == "5 columns where 11 were expected"
    assert verdict(tmp_path, row, Rules(2, 6, pose=False, keypoint_dimensions=3)).columns == {5}
