"""Thousands of YOLO label files parsed at once, as columns.

What lives here: the bulk parser, and the hand-over of every file that it cannot prove clean to ``labels.judge``, whose
verdict is exact. What does not: finding and reading the files (``yolo``).

One buffer holds the text of all files. A file is clean when it has plain characters only, every row has the same
kind of columns, every number is inside its bounds and no row repeats another; everything else is rare and goes alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from workbench.datasets import labels
from workbench.datasets.labels import HIGH, LOW, Rules, Verdict

SCHEMA = pa.schema(
    [
        ("file", pa.int64()),  # place in the list of files
        ("line", pa.int32()),
        ("columns", pa.int32()),  # values in the row, without key points that training cuts off
        ("cls", pa.int32()),
        ("cx", pa.float64()),
        ("cy", pa.float64()),
        ("w", pa.float64()),
        ("h", pa.float64()),
        ("rings", pa.list_(pa.list_(pa.float64()))),
        ("keypoints", pa.list_(pa.float64())),
    ]
)
_ODD, _WORD, _GAP, _LINE = 0, 1, 2, 3
_MIX = np.uint64(0x9E3779B97F4A7C15)


class Rowed(NamedTuple):
    """Parsed label files.

    Attributes:
        table: schema ``SCHEMA``, sorted by (file, line).
        odd: the verdicts over the files that went alone, by place in the list of files.
        lengths: the row lengths met in files that are kept.
        empty: places of files without any row that are kept.
    """

    table: pa.Table
    odd: dict[int, Verdict]
    lengths: frozenset[int]
    empty: tuple[int, ...]


@dataclass(frozen=True)
class _Tokens:
    """The words of a buffer, row by row.

    Attributes:
        values: float64, every word of every row.
        first: place in ``values`` of each row's first word.
        count: words of each row.
        file: file of each row.
        line: line of each row in its file, from 1.
    """

    values: np.ndarray
    first: np.ndarray
    count: np.ndarray
    file: np.ndarray
    line: np.ndarray

    def rows(self, keep: np.ndarray) -> _Tokens:
        """Return the rows of the mask ``keep``; ``values`` stay as they are."""
        return _Tokens(self.values, self.first[keep], self.count[keep], self.file[keep], self.line[keep])


def parse(blobs: Sequence[bytes], rules: Rules) -> Rowed:
    """Parse label files.

    Args:
        blobs: what each file holds.
        rules: what their rows have to look like.
    """
    tables: list[pa.Table] = []
    odd: set[int] = set()
    _parse(blobs, range(len(blobs)), rules, tables, odd)
    verdicts = {at: labels.judge(blobs[at], rules) for at in sorted(odd)}
    lengths = {length for verdict in verdicts.values() if not verdict.faults for length in verdict.columns}
    lengths.update(length for table in tables for length in table["columns"].unique().to_pylist())
    if any(verdict.rows for verdict in verdicts.values()):
        tables.append(_table_of(verdicts, rules))
    table = pa.concat_tables(tables) if tables else SCHEMA.empty_table()
    if len(tables) > 1:
        table = table.sort_by([("file", "ascending"), ("line", "ascending")])
    filled = np.bincount(table["file"].to_numpy(), minlength=len(blobs)) > 0
    empty = (at for at in np.flatnonzero(~filled).tolist() if at not in verdicts or not verdicts[at].faults)
    return Rowed(table, verdicts, frozenset(lengths), tuple(empty))


def _parse(blobs: Sequence[bytes], places: Sequence[int], rules: Rules, tables: list[pa.Table], odd: set[int]) -> None:
    """Parse the files at ``places`` into ``tables``; those that are not clean are added to ``odd``."""
    if not places:
        return
    buffer, starts = _joined(blobs, places)
    kinds = _kinds(buffer)
    strange = np.unique(np.searchsorted(starts, np.flatnonzero(kinds == _ODD), "right") - 1)
    if len(strange):
        odd.update(places[at] for at in strange.tolist())
        clean = np.setdiff1d(np.arange(len(places)), strange, assume_unique=True)
        _parse(blobs, [places[at] for at in clean.tolist()], rules, tables, odd)
        return
    try:
        tokens = _tokens(buffer, kinds, starts)
    except pa.ArrowInvalid:  # a word that is no number, as in 1.2.3: find its file by halves
        if len(places) == 1:
            odd.add(places[0])
            return
        half = len(places) // 2
        _parse(blobs, places[:half], rules, tables, odd)
        _parse(blobs, places[half:], rules, tables, odd)
        return
    table, doubtful = _columns(tokens, rules)
    odd.update(places[at] for at in doubtful.tolist())
    files = pa.array(np.asarray(places, np.int64)[table["file"].to_numpy()])
    tables.append(table.set_column(0, "file", files))


def _joined(blobs: Sequence[bytes], places: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the bytes of the files one after the other, each ended by a newline, and where each starts."""
    chosen = [blobs[at] for at in places]
    buffer = np.frombuffer(b"\n".join(chosen) + b"\n", np.uint8)
    sizes = np.fromiter(map(len, chosen), np.int64, len(chosen)) + 1
    return buffer, np.concatenate(([0], np.cumsum(sizes)[:-1]))


def _alphabet() -> np.ndarray:
    table = np.full(256, _ODD, np.uint8)
    table[list(b"0123456789+-.eE")] = _WORD
    table[list(b" \t\r")] = _GAP
    table[ord("\n")] = _LINE
    return table


_ALPHABET = _alphabet()


def _kinds(buffer: np.ndarray) -> np.ndarray:
    """Return what each byte is; a carriage return is a gap before a newline, and strange elsewhere."""
    kinds: np.ndarray = _ALPHABET[buffer]
    returns = np.flatnonzero(buffer == ord("\r"))
    if len(returns):  # the last byte is a newline, so there is always one after a return
        kinds[returns[buffer[returns + 1] != ord("\n")]] = _ODD
    return kinds


def _tokens(buffer: np.ndarray, kinds: np.ndarray, starts: np.ndarray) -> _Tokens:
    """Return the numbers of a buffer.

    Raises:
        ArrowInvalid: when a word is no number.
    """
    word = kinds == _WORD
    edges = np.flatnonzero(np.diff(word, prepend=False))  # a start, an end, a start, ...: the last byte is a newline
    begins, ends = edges[0::2], edges[1::2]
    offsets = np.zeros(len(begins) + 1, np.int32)
    np.cumsum(ends - begins, out=offsets[1:])
    words = pa.StringArray.from_buffers(len(begins), pa.py_buffer(offsets), pa.py_buffer(buffer[word]))
    values = words.cast(pa.float64()).to_numpy(zero_copy_only=False)
    newlines = np.flatnonzero(kinds == _LINE)
    of_line = np.bincount(np.searchsorted(newlines, begins), minlength=len(newlines))
    lines = np.flatnonzero(of_line)
    count = of_line[lines]
    first_line = np.searchsorted(newlines, starts)
    file = np.searchsorted(first_line, lines, "right") - 1
    return _Tokens(values, np.cumsum(count) - count, count, file, lines - first_line[file] + 1)


def _columns(tokens: _Tokens, rules: Rules) -> tuple[pa.Table, np.ndarray]:
    """Return the columns of the clean files, and which files are not clean."""
    box, polygon = _shapes(tokens, rules)
    wrong = [tokens.file[~box & ~polygon]]
    files = int(tokens.file[-1]) + 1 if len(tokens.file) else 0
    both = (np.bincount(tokens.file[box], minlength=files) > 0) & (
        np.bincount(tokens.file[polygon], minlength=files) > 0
    )
    wrong.append(np.flatnonzero(both))
    parts = []
    for kind, build in ((box, _boxes), (polygon, _polygons)):
        if not kind.any():
            continue
        rows = tokens.rows(kind)
        columns, fine = build(rows, rules)
        parts.append(columns)
        wrong.append(rows.file[~fine])
    doubtful = np.unique(np.concatenate(wrong))
    table = pa.concat_tables(parts) if parts else SCHEMA.empty_table()
    if len(parts) > 1:
        table = table.sort_by([("file", "ascending"), ("line", "ascending")])
    if len(doubtful):
        table = table.filter(pa.array(~np.isin(table["file"].to_numpy(), doubtful)))
    return table, doubtful


def _shapes(tokens: _Tokens, rules: Rules) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows are boxes (with key points for a pose) and which are polygons, by their length alone."""
    if rules.pose:
        return tokens.count == rules.width, np.zeros(len(tokens.count), bool)
    box = tokens.count == 5
    if rules.width:
        box |= tokens.count == rules.width
    return box, ~box & (tokens.count >= 7) & (tokens.count % 2 == 1)


def _boxes(rows: _Tokens, rules: Rules) -> tuple[pa.Table, np.ndarray]:
    width = rules.width if rules.pose else 5
    values = rows.values[rows.first[:, None] + np.arange(width)]
    single = _single(values)
    fine = _known_class(single[:, 0], rules)
    points = single[:, 1:]
    if rules.pose:
        points = single[:, 5:].reshape(len(single), -1, rules.keypoint_dimensions)[..., :2].reshape(len(single), -1)
    with np.errstate(invalid="ignore"):
        fine &= (points <= HIGH).all(1) & (single >= LOW).all(1) & (single[:, 3:5] >= 0).all(1)
    fine &= _first_of_kind(single + np.float32(0), rows)  # -0 becomes 0
    keypoints = _keypoints(values[:, 5:], rules) if rules.pose else None
    rows = replace(rows, count=np.full(len(rows.count), width))
    return _table(rows, values[:, 0], values[:, 1:5], keypoints=keypoints), fine


def _keypoints(values: np.ndarray, rules: Rules) -> pa.Array:
    """Return x y v of each point; without a third dimension a point outside the image counts as missing."""
    points = values.reshape(len(values), -1, rules.keypoint_dimensions)
    if rules.keypoint_dimensions == 2:
        seen = np.where((points < 0).any(2), 0.0, 2.0)
        points = np.concatenate((points, seen[..., None]), axis=2)
    each = points.shape[1] * 3
    offsets = np.arange(len(values) + 1, dtype=np.int32) * each
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(np.ascontiguousarray(points).reshape(-1)))


def _polygons(rows: _Tokens, rules: Rules) -> tuple[pa.Table, np.ndarray]:
    pairs = rows.count - 1
    ends = np.cumsum(pairs)
    begins = ends - pairs
    # The places of every coordinate: each row's, without its class
    places = np.arange(ends[-1]) + np.repeat(rows.first + 1 - begins, pairs)
    values = rows.values[places]
    classes = rows.values[rows.first]
    box = _around(values, begins // 2)
    single = _single(values)
    around = _around(single, begins // 2)
    fine = _known_class(_single(classes), rules)
    with np.errstate(invalid="ignore"):
        fine &= (around <= HIGH).all(1) & (around >= LOW).all(1)
    words = single.view(np.uint32).astype(np.uint64) + np.repeat(_single(classes).view(np.uint32), pairs)
    step = np.arange(len(words), dtype=np.uint64) - np.repeat(begins.astype(np.uint64), pairs)
    fine &= _unique_in_file(np.add.reduceat(_scrambled(words, step), begins), rows.file)
    inner = pa.ListArray.from_arrays(pa.array(np.append(begins, ends[-1]), pa.int32()), pa.array(values))
    outer = pa.ListArray.from_arrays(pa.array(np.arange(len(begins) + 1), pa.int32()), inner)
    return _table(rows, classes, box, rings=outer), fine


def _around(flat: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """Return centre and size of the boxes around polygons; ``begins`` counts points."""
    xs, ys = flat[0::2], flat[1::2]
    left, right = np.minimum.reduceat(xs, begins), np.maximum.reduceat(xs, begins)
    top, bottom = np.minimum.reduceat(ys, begins), np.maximum.reduceat(ys, begins)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.stack(((left + right) / 2, (top + bottom) / 2, right - left, bottom - top), axis=1)


def _single(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        single: np.ndarray = values.astype(np.float32)
    return single


def _known_class(classes: np.ndarray, rules: Rules) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        known: np.ndarray = (classes >= 0) & (classes < rules.classes) & (classes % 1 == 0)
    return known


def _first_of_kind(values: np.ndarray, rows: _Tokens) -> np.ndarray:
    words = np.ascontiguousarray(values).view(np.uint32).astype(np.uint64)
    step = np.arange(values.shape[1], dtype=np.uint64)
    return _unique_in_file(_scrambled(words, step).sum(1, dtype=np.uint64), rows.file)


def _scrambled(words: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Return 64 bits of each word that depend on its place: their sum tells rows apart."""
    mixed: np.ndarray = (words + (step << np.uint64(32)) + np.uint64(1)) * _MIX
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(32)
    return mixed


def _unique_in_file(hashes: np.ndarray, file: np.ndarray) -> np.ndarray:
    """Return which rows have a hash that no other row of their file has; a chance hit costs time, never a row."""
    keys = hashes ^ (file.astype(np.uint64) * _MIX)
    order = np.argsort(keys)
    same = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])
    fine = np.ones(len(keys), bool)
    fine[order[same]] = False
    return fine


def _table(
    rows: _Tokens,
    classes: np.ndarray,
    box: np.ndarray,
    rings: pa.Array | None = None,
    keypoints: pa.Array | None = None,
) -> pa.Table:
    columns = {"file": rows.file, "line": rows.line, "columns": rows.count}
    # A class that is no number of this dataset is thrown out by the caller: it only has to pass
    with np.errstate(invalid="ignore"):
        columns["cls"] = np.clip(np.nan_to_num(_single(classes)), 0, 2**31 - 200)
    columns |= {name: np.ascontiguousarray(box[:, at]) for at, name in enumerate(("cx", "cy", "w", "h"))}
    return _assembled(columns, len(rows.file), rings, keypoints)


def _assembled(
    columns: dict[str, np.ndarray], count: int, rings: pa.Array | None, keypoints: pa.Array | None
) -> pa.Table:
    arrays = []
    for field in SCHEMA:
        if field.name in columns:
            arrays.append(pa.array(np.asarray(columns[field.name]).astype(field.type.to_pandas_dtype()), field.type))
        else:
            given = rings if field.name == "rings" else keypoints
            arrays.append(pa.nulls(count, field.type) if given is None else given)
    return pa.table(arrays, schema=SCHEMA)


def _table_of(verdicts: dict[int, Verdict], rules: Rules) -> pa.Table:
    """Return the rows of the files that went alone."""
    tables = [_lonely(at, verdict, rules) for at, verdict in verdicts.items() if verdict.rows]
    return pa.concat_tables(tables)


def _lonely(at: int, verdict: Verdict, rules: Rules) -> pa.Table:
    rows = verdict.rows
    counts = np.fromiter(map(len, rows), np.int64, len(rows))
    flat = np.array([value for row in rows for value in row], np.float64)
    here = np.full(len(rows), at, np.int64)
    tokens = _Tokens(flat, np.cumsum(counts) - counts, counts, here, np.array(verdict.lines, np.int64))
    box = tokens.count == (rules.width if rules.pose else 5)
    return (_boxes if box.all() else _polygons)(tokens, rules)[0]
