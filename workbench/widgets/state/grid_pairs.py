"""Images that are there twice, side by side.

What lives here: an issue of a duplicate or a leak as the two images that it is about. What does not: finding them
(``datasets.similar``), rows of images (``grid_rows``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from workbench.datasets.index import Index
from workbench.widgets.state.grid_selection import quote

RULES: Final = ("leak-exact", "leak-near", "leak-group", "duplicate-exact", "duplicate-near")
_BY_LOOKS: Final = re.compile(r"(?P<how>.*) (?P<split>\S*) image '(?P<path>.*)'", re.DOTALL)  # similar.leaks
_BY_BYTES: Final = re.compile(r"as (?P<path>.*)", re.DOTALL)  # lint.splits, which knows only hashes
_PATHS: Final = 40  # named in one view


@dataclass(frozen=True)
class Pair:
    """Two images that are alike.

    Attributes:
        rule: that found them.
        image: the id of the one that the rule is about.
        other: the id of its counterpart; None when it is not there any more.
        how: in what they are alike, one clause.
        detail: what the rule says.
    """

    rule: str
    image: int
    other: int | None
    how: str
    detail: str


def pairs(index: Index, found: pa.Table, rules: tuple[str, ...], start: int, limit: int) -> tuple[int, list[Pair]]:
    """Return how many pairs there are, and some of them.

    Args:
        index: of the dataset.
        found: its issues.
        rules: of RULES; empty for all.
        start: the place of the first one.
        limit: how many at most.
    """
    wanted = pc.is_in(found["rule"], pa.array(rules or RULES, pa.string()))
    rows = found.filter(pc.and_(wanted, pc.is_valid(found["image_id"])))
    told = [_told(row) for row in rows.slice(start, limit).to_pylist()]
    ids = _find(index, {(other[1], other[2]) for _, other in told})
    return len(rows), [
        Pair(row["rule"], row["image_id"], ids.get((split, path)), how, row["detail"])
        for row, (how, split, path) in told
    ]


def _told(row: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, str | None, str]]:
    detail = row["detail"] or ""
    if match := _BY_LOOKS.fullmatch(detail):
        return row, (match["how"], match["split"], match["path"])
    if match := _BY_BYTES.fullmatch(detail):
        return row, ("the same bytes as", None, match["path"])
    return row, (detail, None, "")


def _find(index: Index, named: set[tuple[str | None, str]]) -> dict[tuple[str | None, str], int]:
    """Return the ids of images by (split, path), and by (None, path) where nobody says which split."""
    paths = sorted({path for _, path in named if path})
    found: dict[tuple[str | None, str], int] = {}
    for begin in range(0, len(paths), _PATHS):
        ids = index.select("path:" + ",".join(quote(path) for path in paths[begin : begin + _PATHS])).to_pylist()
        for row in index.images(ids).images.select(["image_id", "split", "path"]).to_pylist():
            found[row["split"], row["path"]] = row["image_id"]
            found.setdefault((None, row["path"]), row["image_id"])
    return found
