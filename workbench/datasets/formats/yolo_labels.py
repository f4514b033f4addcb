"""The label files of a YOLO tree, read by threads and parsed in bulk.

What lives here: opening each file once, and taking over what was read last time from files that did not change. What
does not: the parser (``yolo_rows``), the rules (``labels``).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.datasets import Progress, labels
from workbench.datasets.content import ISSUES, Content, table
from workbench.datasets.filenames import to_name, to_text
from workbench.datasets.formats import yolo_rows
from workbench.datasets.labels import Rules, Verdict
from workbench.datasets.scan.threads import spread, stamps

_CHUNK = 2000
_TRIES = 3
_OPEN = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
# The rules that are about one label file; taken over with it
RULES = (
    "label-bom",
    "label-class-fraction",
    "label-class-unknown",
    "label-columns",
    "label-encoding",
    "label-mixed",
    "label-negative",
    "label-not-finite",
    "label-number",
    "label-outside",
    "label-row-twice",
    "label-unreadable",
)


@dataclass(frozen=True)
class Labelled:
    """What label files say.

    Attributes:
        ids: the images that they belong to.
        bytes: their sizes; -1 where one could not be read.
        mtimes: their times of change in ns.
        rows: columns of ``yolo_rows.SCHEMA``, with ``image_id`` in place of ``file``; sorted by (image_id, line).
        issues: schema ``ISSUES``.
        dropped: ids of images that a training drops because of their label file.
        empty: ids of images whose label file has no rows.
        lengths: the row lengths met in files that are kept.
    """

    ids: np.ndarray
    bytes: np.ndarray
    mtimes: np.ndarray
    rows: pa.Table
    issues: pa.Table
    dropped: np.ndarray
    empty: np.ndarray
    lengths: frozenset[int]

    def spread_to(self, images: int) -> tuple[np.ndarray, np.ndarray]:
        """Return sizes and times of change for each of so many images; -1 without a label file."""
        sizes, times = np.full(images, -1, np.int64), np.full(images, -1, np.int64)
        sizes[self.ids], times[self.ids] = self.bytes, self.mtimes
        return sizes, times


def names(column: pa.ChunkedArray) -> list[str | None]:
    """Return a column of files as ``open`` wants them."""
    return [text and to_name(text) for text in column.to_pylist()]


def read(content: Content, rules: Rules, progress: Progress | None = None, before: Content | None = None) -> Labelled:
    """Read the label files of ``content``.

    Args:
        content: its images and their label files.
        rules: what the rows have to look like.
        progress: called with (files read, files in all).
        before: what was read last time by the same rules; files that did not change since are not opened.
    """
    files = names(content.images["label"])
    ids = np.array([at for at, file in enumerate(files) if file is not None], np.int64)
    parts = []
    if before is not None:
        parts.append(_taken_over(content, before, files))
        ids = ids[~np.isin(ids, parts[0].ids)]

    def stretch(start: int, end: int) -> Labelled:
        return _stretch(content, files, ids[start:end], rules)

    parts.extend(spread(stretch, len(ids), progress, _CHUNK))
    return _joined(parts)


def _joined(parts: Sequence[Labelled]) -> Labelled:
    empty = np.empty(0, np.int64)
    arrays = {
        name: np.concatenate([empty, *(getattr(part, name) for part in parts)])
        for name in ("ids", "bytes", "mtimes", "dropped", "empty")
    }
    rows = pa.concat_tables([_no_rows(), *(part.rows for part in parts)])
    if len(rows) and (np.diff(rows["image_id"].to_numpy()) < 0).any():
        rows = rows.sort_by([("image_id", "ascending"), ("line", "ascending")])
    return Labelled(
        **arrays,
        rows=rows,
        issues=pa.concat_tables([ISSUES.empty_table(), *(part.issues for part in parts)]),
        lengths=frozenset().union(*(part.lengths for part in parts)),
    )


def _no_rows() -> pa.Table:
    return yolo_rows.SCHEMA.empty_table().rename_columns(["image_id", *yolo_rows.SCHEMA.names[1:]])


def _stretch(content: Content, files: list[str | None], ids: np.ndarray, rules: Rules) -> Labelled:
    """Read the label files of the images ``ids``."""
    blobs: list[bytes] = []
    stamped: list[tuple[int, int]] = []
    failed: dict[int, Verdict] = {}
    for at, image in enumerate(ids.tolist()):
        try:
            blob, mark = _whole(files[image] or "")
        except OSError as error:
            blob, mark, failed[at] = b"", (-1, -1), labels.unreadable(error)
        blobs.append(blob)
        stamped.append(mark)
    marks = np.array(stamped, np.int64).reshape(-1, 2)
    rowed = yolo_rows.parse(blobs, rules)
    verdicts = {int(ids[at]): verdict for at, verdict in {**rowed.odd, **failed}.items()}
    return Labelled(
        ids=ids,
        bytes=marks[:, 0],
        mtimes=marks[:, 1],
        rows=rowed.table.rename_columns(_no_rows().column_names).set_column(
            0, "image_id", pa.array(ids[rowed.table["file"].to_numpy()], pa.int64())
        ),
        issues=_issues(content, verdicts),
        dropped=np.array([image for image, verdict in verdicts.items() if verdict.faults], np.int64),
        empty=ids[np.array([at for at in rowed.empty if at not in failed], np.int64)],
        lengths=rowed.lengths,
    )


def _whole(file: str) -> tuple[bytes, tuple[int, int]]:
    """Return what ``file`` holds with its size and time of change.

    A file that grows or shrinks meanwhile is read again; its stamp is of before, so next time it counts as changed.
    """
    opened = os.open(file, _OPEN)
    try:
        for _ in range(_TRIES):
            found = os.fstat(opened)
            data = os.read(opened, found.st_size + 1)
            if len(data) == found.st_size:
                break
            os.lseek(opened, 0, os.SEEK_SET)
        return data, (found.st_size, found.st_mtime_ns)
    finally:
        os.close(opened)


def _issues(content: Content, verdicts: dict[int, Verdict]) -> pa.Table:
    rows: list[tuple[str, int, str, int, str, str]] = []
    prefix = content.root.rstrip("/") + "/"
    for image, verdict in sorted(verdicts.items()):
        path = str(content.images["label"][image]).removeprefix(prefix)
        faults = [(fault.rule, fault.line, fault.detail, "drop") for fault in verdict.faults]
        faults += [("label-row-twice", line, "it repeats an earlier row", "keep") for line in verdict.repeated]
        if verdict.bom:
            faults.append(("label-bom", 0, "the file starts with a byte-order mark", "keep"))
        rows += [(rule, image, path, line, to_text(detail), effect) for rule, line, detail, effect in faults]
    columns = dict(zip(("rule", "image_id", "path", "line", "detail", "effect"), zip(*rows, strict=True), strict=False))
    return table(ISSUES, columns, len(rows))


def _taken_over(content: Content, before: Content, files: list[str | None]) -> Labelled:
    """Return what ``before`` says of the label files that are as they were then."""
    sizes, times = stamps(files)
    now, then = _same(content, before, sizes, times)
    new_ids = np.full(before.images.num_rows, -1, np.int64)
    new_ids[then] = now
    issues = _moved(before.issues.filter(pc.is_in(before.issues["rule"], pa.array(RULES))), new_ids)
    objects = _moved(before.objects.select(["image_id", "line", *yolo_rows.SCHEMA.names[3:]]), new_ids)
    rows = _rows(objects)
    dropped = np.unique(issues.filter(pc.equal(issues["effect"], "drop"))["image_id"].to_numpy())
    empty = np.setdiff1d(now, np.concatenate((dropped, rows["image_id"].to_numpy())))
    lengths = frozenset(rows["columns"].unique().to_pylist())
    return Labelled(now, sizes[now], times[now], rows, issues, dropped, empty, lengths)


def _same(content: Content, before: Content, sizes: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which images have the label file that an image had before, and which image that was."""
    # What could not be read then may be readable now, without a change that a stamp would show
    failed = before.issues.filter(pc.equal(before.issues["rule"], "label-unreadable"))["image_id"].drop_null()
    place = pc.index_in(content.images["label"], value_set=before.images["label"].combine_chunks(), skip_nulls=True)
    then = pc.fill_null(place, -1).to_numpy()
    now = np.flatnonzero(then >= 0)
    then = then[now].astype(np.int64)
    then, first = np.unique(then, return_index=True)  # two images of one label file: one of them is read again
    now = now[first]
    columns = [pc.fill_null(before.images[name], -2).to_numpy() for name in ("label_bytes", "label_mtime_ns")]
    same = (columns[0][then] == sizes[now]) & (columns[1][then] == times[now]) & ~np.isin(then, failed.to_numpy())
    return now[same], then[same]


def _moved(rows: pa.Table, new_ids: np.ndarray) -> pa.Table:
    """Return the rows of images that are still there, with their new ids."""
    rows = rows.filter(rows["image_id"].is_valid())
    ids = new_ids[rows["image_id"].to_numpy()]
    at = rows.schema.get_field_index("image_id")
    return rows.set_column(at, rows.schema.field(at), pa.array(ids, pa.int64())).filter(pa.array(ids >= 0))


def _rows(objects: pa.Table) -> pa.Table:
    """Return objects as rows of label files."""
    rings = objects["rings"].combine_chunks()
    widths = pc.add(pc.list_value_length(pc.list_element(rings, 0)), 1) if len(rings) else pa.array([], pa.int32())
    columns = [objects[name] for name in ("image_id", "line")]
    columns.append(pa.chunked_array([pc.fill_null(widths, 5).cast(pa.int32())]))
    columns += [objects[name] for name in yolo_rows.SCHEMA.names[3:]]
    return pa.table(columns, schema=_no_rows().schema)
