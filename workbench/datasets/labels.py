"""What a training does with a label file: the rules of ultralytics 8.4 (``verify_image_label``), without importing it.

What lives here: one file's verdict. What does not: which files there are (``source``), and what to do about it.
One bad row drops the whole image there, and the training goes on: that is why it is checked before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

Rows = list[tuple[int, list[str]]]  # line number from 1, columns

_HIGH, _LOW = 1.01, -0.01  # ultralytics allows 1 % outside the image


@dataclass(frozen=True)
class Rules:
    """What the labels of a dataset have to look like.

    Attributes:
        classes: number of classes.
        keypoint_values: values after the box in a row (points times dimensions), 0 without keypoints.
        pose: whether the keypoints are trained on; otherwise they are cut off.
        keypoint_dimensions: 2 (x, y) or 3 (x, y, visible); 0 without keypoints.
    """

    classes: int
    keypoint_values: int = 0
    pose: bool = False
    keypoint_dimensions: int = 0


@dataclass(frozen=True)
class Verdict:
    """What became of one label file.

    Attributes:
        objects: rows that are trained on; 0 when the image is dropped.
        fault: why the whole image is dropped, or None.
        kind: ``class`` for a class the dataset has not, ``other`` for any other fault, else empty.
        line: of the fault, from 1; 0 when it has none.
        columns: the row lengths met, from which a task can be told.
        duplicates: rows that repeat another and are removed.
    """

    objects: int = 0
    fault: str | None = None
    kind: str = ""
    line: int = 0
    columns: frozenset[int] = field(default_factory=frozenset)
    duplicates: int = 0

    @property
    def where(self) -> str:
        """`` line 3``, or nothing when the fault is of the file."""
        return f" line {self.line}" if self.line else ""


class _BadRowError(Exception):
    def __init__(self, line: int, fault: str, kind: str = "other") -> None:
        super().__init__(fault)
        self.line, self.fault, self.kind = line, fault, kind


def check(path: Path, rules: Rules) -> Verdict:
    """Return what a training with ``rules`` does with the label file at ``path``."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        return Verdict(fault="the file is not UTF-8 text", kind="other")
    except OSError as error:
        return Verdict(fault=f"the file cannot be read ({error.strerror})", kind="other")
    rows: Rows = [(n, columns) for n, line in enumerate(text.splitlines(), 1) if (columns := line.split())]
    if rules.keypoint_values and not rules.pose:
        width = 5 + rules.keypoint_values
        rows = [(n, columns[:5] if len(columns) == width else columns) for n, columns in rows]
    lengths = frozenset(len(columns) for _, columns in rows)
    values, faults = _values(rows, rules)
    if faults:
        # A wrong class is a misunderstanding about the whole dataset: it goes before a slip in one file
        worst = next((fault for fault in faults if fault.kind == "class"), faults[0])
        return Verdict(fault=worst.fault, kind=worst.kind, line=worst.line, columns=lengths)
    distinct = {tuple(row) for row in values}
    return Verdict(objects=len(distinct), columns=lengths, duplicates=len(values) - len(distinct))


def _values(rows: Rows, rules: Rules) -> tuple[list[list[float]], list[_BadRowError]]:
    polygons = not rules.pose and any(len(columns) > 6 for _, columns in rows)
    values, faults = [], []
    for line, columns in rows:
        try:
            row = _numbers(line, columns)
            _check_class(line, row[0], rules)
            _check_width(line, len(columns), polygons=polygons, rules=rules)
            _check_places(line, row, polygons=polygons, rules=rules)
            values.append(row)
        except _BadRowError as bad:
            faults.append(bad)
    return values, faults


def _check_width(line: int, width: int, *, polygons: bool, rules: Rules) -> None:
    if polygons:
        if width == 5:
            raise _BadRowError(line, "a box among polygons")
        if width < 3 or width % 2 == 0:
            raise _BadRowError(line, f"{width} columns where a class and pairs x y were expected")
        return
    expected = 5 + rules.keypoint_values if rules.pose else 5
    if width != expected:
        raise _BadRowError(line, f"{width} columns where {expected} were expected")


def _numbers(line: int, columns: Sequence[str]) -> list[float]:
    try:
        row = [float(column) for column in columns]
    except ValueError:
        word = next(column for column in columns if not _is_number(column))
        raise _BadRowError(line, f"'{word}' is not a number") from None
    if not all(map(math.isfinite, row)):
        raise _BadRowError(line, "a value is not finite")
    return row


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _check_class(line: int, label: float, rules: Rules) -> None:
    if not label.is_integer():
        raise _BadRowError(line, f"class {label:g} is not a whole number", "class")
    if not 0 <= label < rules.classes:
        raise _BadRowError(line, f"class {int(label)} but names has {rules.classes}", "class")


def _check_places(line: int, row: list[float], *, polygons: bool, rules: Rules) -> None:
    """Check that places are fractions of the image: of the box around a polygon, or of the key points of a pose."""
    box = _around(row) if polygons else row[1:]
    points = box
    if rules.pose:  # the box of a pose row may leave the image: ultralytics looks at its points only
        step = rules.keypoint_dimensions
        points = [value for at in range(5, len(row), step) for value in row[at : at + 2]]
    if max(points) > _HIGH:
        raise _BadRowError(line, f"{max(points):g} is outside the image: coordinates are fractions, 0 to 1")
    if min(box) < _LOW or min(box[2:4]) < 0:
        raise _BadRowError(line, f"{min(box):g} is negative: coordinates are fractions, 0 to 1")


def _around(row: list[float]) -> list[float]:
    xs, ys = row[1::2], row[2::2]
    left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
    return [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
