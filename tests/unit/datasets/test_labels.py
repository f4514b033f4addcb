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
    assert found.faults
    assert says in found.faults[0].detail
    assert (found.faults[0].line, found.objects) == (line, 0)


@pytest.mark.parametrize(
    "text",
    [
        "0 1.005 .5 .1 .1",
        "0 1.01000001 .5 .1 .1",
        "0 -0.0100000001 .5 .1 .1",
        "0.99999999 .5 .5 .1 .1",
        "0 -.005 .5 .1 .1",
        "0 .5 .5 0 0",
        "0 .95 .5 .3 .1",
        "1.0 .5 .5 .1 .1",
        f"\ufeff{BOX}",
    ],
)
def test_what_training_keeps_is_kept(tmp_path: Path, text: str) -> None:
    assert verdict(tmp_path, text).objects == 1


def test_a_wrong_class_outweighs_an_earlier_slip(tmp_path: Path) -> None:
    found = verdict(tmp_path, "0 .5 .5 .1\n7 .5 .5 .1 .1")
    assert (found.faults[0].rule, found.faults[0].line) == ("label-class-unknown", 2)


def test_repeated_rows_count_once(tmp_path: Path) -> None:
    found = verdict(tmp_path, f"{BOX}\n{BOX}\n1 .5 .5 .2 .2")
    assert (found.objects, len(found.repeated)) == (2, 1)


def test_an_empty_file_is_background_and_utf16_is_a_fault(tmp_path: Path) -> None:
    assert verdict(tmp_path, "\n \n").faults == ()
    assert verdict(tmp_path, BOX, encoding="utf-16").faults[0].detail == "the file is not UTF-8 text"


def test_a_polygon_is_judged_by_its_box(tmp_path: Path) -> None:
    assert verdict(tmp_path, "0 -.1 .1 .5 .1 .5 .5").objects == 1, "the centre and the size are inside"
    assert verdict(tmp_path, "0 -.9 .1 .5 .1 .5 .5").faults


def test_a_pose_row_needs_its_points_inside_and_detection_cuts_them_off(tmp_path: Path) -> None:
    row = BOX + " .4 .4 2 .6 .6 1"
    assert verdict(tmp_path, row, POSE).objects == 1
    assert "outside" in verdict(tmp_path, BOX + " 1.4 .4 2 .6 .6 1", POSE).faults[0].detail
    assert verdict(tmp_path, BOX, POSE).faults[0].detail == "5 columns where 11 were expected"
    assert verdict(tmp_path, row, Rules(2, 6, pose=False, keypoint_dimensions=3)).columns == {5}


def test_polygons_are_compared_by_their_bytes_and_boxes_by_their_values(tmp_path: Path) -> None:
    assert verdict(tmp_path, "0 0 .1 .2 .2 .3 .1\n0 -0 .1 .2 .2 .3 .1").repeated == ()
    assert verdict(tmp_path, "0 0 .1 .2 .2\n0 -0 .1 .2 .2").repeated == (2,)


def test_every_wrong_row_is_told_up_to_ten(tmp_path: Path) -> None:
    found = verdict(tmp_path, "0 .5 .5 .1\n" * 12 + "5 .5 .5 .1 .1")
    assert [fault.line for fault in found.faults] == [13, *range(1, 10)]
    assert {fault.rule for fault in found.faults} == {"label-class-unknown", "label-columns"}


def test_an_infinite_box_of_a_pose_is_kept_and_an_infinite_point_is_not(tmp_path: Path) -> None:
    assert verdict(tmp_path, "0 .5 1e400 .2 .2 .4 .4 2 .6 .6 1", POSE).objects == 1
    assert verdict(tmp_path, "0 .5 .5 .2 .2 1e400 .4 2 .6 .6 1", POSE).objects == 0
