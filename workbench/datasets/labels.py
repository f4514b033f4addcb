"""What a training does with a label file: the rules of ultralytics 8.4 (``verify_image_label``), without importing it.

What lives here: one file's verdict, exact to the last bit. What does not: which files there are (``scan``), reading
thousands at once (``formats.yolo_rows``, which hands every file here that is not provably clean), and what to do about
it. One bad row drops the whole image there, and the training goes on: that is why it is checked before.

ultralytics judges in float32 what the text says in decimals: 1.01000001 is inside, 1.0100001 is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

Rows = list[tuple[int, list[str]]]  # line number from 1, columns

HIGH, LOW = np.float32(1.01), np.float32(-0.01)  # ultralytics allows 1 % outside the image
_MOST_FAULTS = 10  # of one file: the first ones show what is wrong with it
_SHOWN = 40  # characters of a word that is no number


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

    @property
    def width(self) -> int:
        """Columns of a row with keypoints; 0 without keypoints."""
        return 5 + self.keypoint_values if self.keypoint_values else 0


@dataclass(frozen=True)
class Fault:
    """Why a label file drops its image.

    Attributes:
        line: from 1; 0 when the fault is of the whole file.
        rule: its id in the lint catalogue.
        detail: one clause, with the value.
    """

    line: int
    rule: str
    detail: str


@dataclass(frozen=True)
class Verdict:
    """What became of one label file.

    Attributes:
        faults: why the whole image is dropped, the one that matters most first; empty when it is kept.
        rows: the rows that are trained on, class first, as the text says them; empty when the image is dropped.
        lines: the line of each row, from 1.
        repeated: lines that repeat an earlier row and are removed.
        columns: the row lengths met, from which a task can be told.
        bom: whether the file starts with a byte-order mark.
    """

    faults: tuple[Fault, ...] = ()
    rows: tuple[tuple[float, ...], ...] = ()
    lines: tuple[int, ...] = ()
    repeated: tuple[int, ...] = ()
    columns: frozenset[int] = field(default_factory=frozenset)
    bom: bool = False

    @property
    def objects(self) -> int:
        """Rows that are trained on; 0 when the image is dropped."""
        return len(self.rows)


class _BadRowError(Exception):
    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule, self.detail = rule, detail


def check(path: Path, rules: Rules) -> Verdict:
    """Return what a training with ``rules`` does with the label file at ``path``."""
    try:
        return judge(path.read_bytes(), rules)
    except OSError as error:
        return unreadable(error)


def unreadable(error: OSError) -> Verdict:
    """Return the verdict over a file that could not be read."""
    return Verdict((Fault(0, "label-unreadable", f"the file cannot be read ({error.strerror})"),))


def judge(data: bytes, rules: Rules) -> Verdict:
    """Return what a training with ``rules`` does with a label file that holds ``data``."""
    bom = data.startswith(b"\xef\xbb\xbf")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Verdict((Fault(0, "label-encoding", "the file is not UTF-8 text"),))
    rows: Rows = [(n, columns) for n, line in enumerate(text.splitlines(), 1) if (columns := line.split())]
    if rules.width and not rules.pose:
        rows = [(n, columns[:5] if len(columns) == rules.width else columns) for n, columns in rows]
    lengths = frozenset(len(columns) for _, columns in rows)
    polygons = not rules.pose and any(length > 6 for length in lengths)
    values, faults = _values(rows, rules, polygons=polygons)
    if faults:
        # A wrong class is a misunderstanding about the whole dataset: it goes before a slip in one file
        faults.sort(key=lambda fault: not fault.rule.startswith("label-class"))
        return Verdict(tuple(faults[:_MOST_FAULTS]), columns=lengths, bom=bom)
    kept, repeated = _distinct([row for _, row in values], polygons=polygons)
    return Verdict(
        rows=tuple(values[at][1] for at in kept),
        lines=tuple(values[at][0] for at in kept),
        repeated=tuple(values[at][0] for at in repeated),
        columns=lengths,
        bom=bom,
    )


def _values(rows: Rows, rules: Rules, *, polygons: bool) -> tuple[list[tuple[int, tuple[float, ...]]], list[Fault]]:
    values, faults = [], []
    for line, columns in rows:
        try:
            row = _numbers(columns)
            single = _single(row)
            _check_finite(single, rules)
            _check_class(float(single[0]), rules)
            _check_width(len(columns), polygons=polygons, rules=rules)
            _check_places(single, polygons=polygons, rules=rules)
            values.append((line, row))
        except _BadRowError as bad:
            faults.append(Fault(line, bad.rule, bad.detail))
    return values, faults


def _distinct(rows: list[tuple[float, ...]], *, polygons: bool) -> tuple[list[int], list[int]]:
    """Return which rows come first of their kind, and which repeat one."""
    seen: set[bytes | tuple[float, ...]] = set()
    kept: list[int] = []
    repeated: list[int] = []
    for at, row in enumerate(rows):
        single = _single(row)
        # Polygons are compared by their bytes, where -0 is not 0; boxes by their values
        key = single.tobytes() if polygons else tuple(single.tolist())
        (repeated if key in seen else kept).append(at)
        seen.add(key)
    return kept, repeated


def _check_width(width: int, *, polygons: bool, rules: Rules) -> None:
    if polygons:
        if width == 5:
            raise _BadRowError("label-mixed", "a box among polygons")
        if width < 3 or width % 2 == 0:
            raise _BadRowError("label-columns", f"{width} columns where a class and pairs x y were expected")
        return
    expected = rules.width if rules.pose else 5
    if width != expected:
        raise _BadRowError("label-columns", f"{width} columns where {expected} were expected")


def _numbers(columns: Sequence[str]) -> tuple[float, ...]:
    try:
        row = tuple(float(column) for column in columns)
    except ValueError:
        word = next(column for column in columns if not _is_number(column))
        shown = word if len(word) <= _SHOWN else f"{word[:_SHOWN]}…"
        raise _BadRowError("label-number", f"'{shown}' is not a number") from None
    return row


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _single(row: tuple[float, ...]) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.array(row, np.float32)


def _check_finite(row: np.ndarray, rules: Rules) -> None:
    bad = ~np.isfinite(row)
    if rules.pose and len(row) == rules.width:  # ultralytics lets an infinite box pass: it looks at the points only
        bad[1:5] &= row[1:5] != np.inf
        bad[5:].reshape(-1, rules.keypoint_dimensions)[:, 2:] &= (
            row[5:].reshape(-1, rules.keypoint_dimensions)[:, 2:] != np.inf
        )
    if bad.any():
        raise _BadRowError("label-not-finite", "a value is not finite")


def _check_class(label: float, rules: Rules) -> None:
    if not label.is_integer():
        raise _BadRowError("label-class-fraction", f"class {label:g} is not a whole number")
    if not 0 <= label < rules.classes:
        raise _BadRowError("label-class-unknown", f"class {int(label)} but names has {rules.classes}")


def _check_places(row: np.ndarray, *, polygons: bool, rules: Rules) -> None:
    """Check that places are fractions of the image: of the box around a polygon, or of the key points of a pose."""
    box = _around(row) if polygons else row[1:]
    points = box
    if rules.pose:  # the box of a pose row may leave the image: ultralytics looks at its points only
        points = row[5:].reshape(-1, rules.keypoint_dimensions)[:, :2]
    if points.max() > HIGH:
        raise _BadRowError("label-outside", f"{points.max():g} is outside the image: coordinates are fractions, 0 to 1")
    if box.min() < LOW or box[2:4].min() < 0:
        raise _BadRowError("label-negative", f"{box.min():g} is negative: coordinates are fractions, 0 to 1")


def _around(row: np.ndarray) -> np.ndarray:
    xs, ys = row[1::2], row[2::2]
    left, right, top, bottom = xs.min(), xs.max(), ys.min(), ys.max()
    return np.array([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], np.float32)
