"""Label files drawn at random, always the same: what nobody thought of.

Most rows are right; now and then a value, a blank or the end of a line is odd, and one such row drops the image.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from tests.contract.datasets.faulty import Family, labelled

_FILES = 300
_NUMBERS = (
    "0.5",
    ".5",
    "1",
    "0",
    "1.01",
    "1.0100001",
    "1.01000001",
    "-0.01",
    "-0.010001",
    "-0.0",
    "1e-3",
    "5E-1",
    "+.5",
)
_ODD = (
    "nan",
    "inf",
    "-inf",
    "a",
    "0,5",
    "0x1",
    "1_0",
    "٠",
    "0.5\0",
    "\ufeff0.5",
    "--1",
    "1.2",
    "-0.2",
    "7",
    "½",
    ".",
    "1e",
)
_BLANKS = (*[" "] * 20, "  ", "\t", "\xa0", "\u3000")
_ENDS = (*["\n"] * 20, "\r\n", "\r", "\n\n", "\n \n", "\f", "\v", "\x1c", "\x85", "\u2028")
_CLASSES = ("0", "1", "0.0", "1e0", "+1", "-0", "01", "2", "0.5", "-1", "1.00000001", "nan", "1e-50", "x")
# Columns of a row, usually and else; a file of boxes alone would stop a training of shapes
_WIDTHS = {
    "detect": (5, (4, 6, 7, 9, 1, 3, 11)),
    "segment": (7, (9, 9, 9, 11, 6, 8, 3, 1, 13)),
    "pose": (11, (5, 9, 10, 12)),
    "obb": (9, (7, 8, 11)),
}


def build(root: Path) -> list[Family]:
    """Write a family of such files for each task whose labels are rows."""
    return [_family(root, task) for task in _WIDTHS]


def _family(root: Path, task: str) -> Family:
    draw = random.Random(0)
    options = {"kpt_shape": [2, 3]} if task == "pose" else {}
    usual, _ = _WIDTHS[task]
    fine = f"0 {' '.join(['0.5'] * (usual - 1))}\n"
    files = {f"file {number}": _file(draw, task) for number in range(_FILES)}
    return labelled(root, Family(f"random-{task}", task, options), {"fine": fine, **files})


def _file(draw: random.Random, task: str) -> bytes | None:
    rows = list(_rows(draw, task))
    if rows and draw.random() < 0.1:
        rows.append(draw.choice(rows))
    text = "".join(row + draw.choice(_ENDS) for row in rows)
    content = (text.rstrip("\n") if draw.random() < 0.1 else text).encode()
    odd = draw.random()
    if odd < 0.02:
        return None if odd < 0.01 else text.encode("utf-16")
    return b"\xef\xbb\xbf" + content if odd < 0.03 else content


def _rows(draw: random.Random, task: str) -> Iterator[str]:
    usual, others = _WIDTHS[task]
    for _ in range(draw.choice((0, 1, 1, 2, 3, 4))):
        width = draw.choice(others) if draw.random() < 0.1 else usual
        label = draw.choice(_CLASSES) if draw.random() < 0.2 else draw.choice("01")
        row = "".join(word + draw.choice(_BLANKS) for word in (label, *(_number(draw) for _ in range(width - 1))))
        yield row if draw.random() < 0.05 else row.rstrip()


def _number(draw: random.Random) -> str:
    kind = draw.random()
    if kind < 0.006:
        return draw.choice(_ODD)
    return draw.choice(_NUMBERS) if kind < 0.3 else f"{draw.random():.{draw.choice((2, 4, 8, 17))}f}"
