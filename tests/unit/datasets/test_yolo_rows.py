"""The bulk parser of label files says of each file exactly what the file alone is told."""

from __future__ import annotations

import random

import pytest

from workbench.datasets.formats.yolo_rows import parse
from workbench.datasets.labels import Rules, judge

pytestmark = pytest.mark.slow

BOX = b"0 0.5 0.5 0.2 0.2\n"
POLYGON = b"1 0.1 0.1 0.5 0.1 0.5 0.5\n"
KINDS = {
    "boxes": Rules(2),
    "boxes of a pose set": Rules(2, 6, pose=False, keypoint_dimensions=3),
    "poses in 3D": Rules(2, 6, pose=True, keypoint_dimensions=3),
    "poses in 2D": Rules(2, 4, pose=True, keypoint_dimensions=2),
}
ODD = [
    "1.01",
    "1.0100001",
    "1.01000001",
    "-.005",
    "-0.0100001",
    "1e-3",
    "+0.5",
    "1e400",
    "nan",
    "x",
    "1.2.3",
    "--1",
    "1e",
]


def some_file(chance: random.Random, rules: Rules) -> bytes:
    """Return a label file: mostly clean, sometimes wrong in one of the ways that people's files are."""
    width = chance.choice([5, 5, 7, 9, 11, 5 + rules.keypoint_values])
    rows: list[str] = []
    for _ in range(chance.choice([0, 1, 2, 4])):
        if rows and chance.random() < 0.1:
            rows.append(chance.choice(rows))
            continue
        columns = width if chance.random() < 0.97 else chance.randint(1, 12)
        cls = chance.choice(["0", "1", "1.0", "1e0"] * 8 + ["2", "0.5", "-1", "-0"])
        places = [
            chance.choice(ODD) if chance.random() < 0.01 else f"{chance.random():.4f}" for _ in range(columns - 1)
        ]
        rows.append(chance.choice([" ", "\t", "  "]).join([cls, *places]))
    text = "".join(row + chance.choice(["\n", "\n", "\r\n", " \n", "\n\n"]) for row in rows)
    data = text.rstrip().encode() if chance.random() < 0.2 else text.encode()
    if chance.random() < 0.03:
        data = b"\xef\xbb\xbf" + data
    if data and chance.random() < 0.03:
        place = chance.randrange(len(data))
        data = data[:place] + bytes([chance.randrange(256)]) + data[place + 1 :]
    return data


@pytest.mark.parametrize("rules", KINDS.values(), ids=KINDS)
def test_thousands_of_files_get_the_verdicts_that_each_alone_gets(rules: Rules) -> None:
    chance = random.Random(7)
    files = [some_file(chance, rules) for _ in range(800)]
    parsed = parse(files, rules)
    rows: dict[int, list[dict[str, object]]] = {}
    for row in parsed.table.to_pylist():
        rows.setdefault(row["file"], []).append(row)
    verdicts = [judge(data, rules) for data in files]
    assert 50 < sum(bool(verdict.faults) for verdict in verdicts) < 700
    for place, verdict in enumerate(verdicts):
        found = rows.get(place, [])
        assert [row["line"] for row in found] == list(verdict.lines), files[place]
        assert [row["cls"] for row in found] == [int(row[0]) for row in verdict.rows]
        assert (place in parsed.empty) == (not verdict.faults and not verdict.rows)
        if verdict.faults or verdict.repeated or verdict.bom:
            assert parsed.odd[place] == verdict
        for row, values in zip(found, verdict.rows, strict=True):
            if rules.pose or len(values) == 5:
                assert (row["cx"], row["cy"], row["w"], row["h"]) == values[1:5]
            else:
                assert row["rings"] == [list(values[1:])]


def test_clean_files_are_not_judged_one_by_one() -> None:
    assert parse([BOX * 1 + b"1 0.1 0.2 0.1 0.1\n"] * 50, KINDS["boxes"]).odd == {}


def test_one_bad_number_among_many_files_costs_only_its_file() -> None:
    parsed = parse([BOX] * 30 + [b"0 1.2.3 .5 .1 .1"] + [BOX] * 30, KINDS["boxes"])
    assert (list(parsed.odd), parsed.table.num_rows) == ([30], 60)


def test_a_polygon_gets_the_box_around_it_and_the_rows_tell_their_length() -> None:
    parsed = parse([POLYGON], KINDS["boxes"])
    (row,) = parsed.table.to_pylist()
    assert (row["cx"], row["cy"], row["w"], row["h"]) == pytest.approx((0.3, 0.3, 0.4, 0.4))
    assert (row["columns"], parsed.lengths) == (7, {7})


def test_points_of_a_pose_without_visibility_are_seen_unless_they_lie_outside() -> None:
    (row,) = parse([b"0 .5 .5 .2 .2 .4 .4 -.005 .6\n"], KINDS["poses in 2D"]).table.to_pylist()
    assert row["keypoints"] == [0.4, 0.4, 2.0, -0.005, 0.6, 0.0]


def test_no_files_and_empty_files_give_no_rows() -> None:
    assert parse([], KINDS["boxes"]).table.num_rows == 0
    assert parse([b"", b"\n \n", b" "], KINDS["boxes"]).empty == (0, 1, 2)


def test_a_lone_carriage_return_ends_a_row() -> None:
    parsed = parse([b"0 .5 .5 .1 .1\r1 .5 .5 .1 .1\r", b"0 .5 .5 .1 .1\r\n"], KINDS["boxes"])
    assert parsed.table.select(["file", "line"]).to_pylist() == [
        {"file": 0, "line": 1},
        {"file": 0, "line": 2},
        {"file": 1, "line": 1},
    ]
    assert parse([b"0 .5 .5 .1\r.1\n"], KINDS["boxes"]).odd[0].faults, "two rows, both too short"
