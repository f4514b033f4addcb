"""Open Images CSV: a row a box.

What lives here: boxes and class names. What does not: masks, relations and labels of whole images, whose files are
other ones.

Read with Arrow's CSV reader in columns: the file of the whole train split has 14 million rows. The lists name the whole
collection, of which people hold a part: what is not on disk is counted as a loss, not told image by image. Boxes of
groups (``IsGroupOf``) are crowds.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from workbench.datasets import Progress
from workbench.datasets.content import CLASSES, OBJECTS, Content, table
from workbench.datasets.filenames import to_text
from workbench.datasets.formats.draft import Draft, arrange, check_images
from workbench.datasets.formats.places import Places, is_image, root_of, sizes, split_of
from workbench.errors import DatasetError

_FLAGS = ("IsOccluded", "IsTruncated", "IsDepiction", "IsInside")
_SIDES = ("XMin", "XMax", "YMin", "YMax")


def read(data: Path, task: str | None = None, progress: Progress | None = None) -> Content:
    """Read the box files of a folder, or one of them.

    Args:
        data: absolute path of a .csv file or a folder; class names are taken from a ``class-descriptions`` file there.
        task: what it is read for; ``detect`` when left out.
        progress: called with (files read, files in all).

    Raises:
        DatasetError: when a file is no such CSV, or none of the images is there.
    """
    draft = Draft("openimages", Places.below(root_of(data)))
    files = [data] if data.is_file() else _box_files(draft.places)
    if not files:
        raise DatasetError(
            f"'{data}' holds no boxes.", "A .csv file with ImageID, LabelName, XMin ...", "Name the file."
        )
    images = _Images(draft)
    tables = []
    for number, file in enumerate(files, 1):
        tables.append(images.joined(_rows(file), split_of(file.stem), file.name))
        if progress:
            progress(number, len(files))
    check_images(data, draft.images.columns["path"], draft.images.columns["file"])
    draft.count_unused()
    images.look_up_sizes()
    rows = pa.concat_tables(tables)
    names = _descriptions(draft.places)
    labels = pc.unique(rows["LabelName"]).to_pylist()
    labels.sort(key=lambda label: names.get(label, label))
    objects = _objects(rows, labels, images.pixels)
    ordered = arrange(draft.images.table(), objects, draft.issues.table())
    classes = {
        "cls": list(range(len(labels))),
        "name": [names.get(label, label) for label in labels],
        "source_id": labels,
    }
    root = to_text(str(draft.places.root))
    return Content(
        "openimages",
        task or "detect",
        root,
        ordered[0],
        ordered[1],
        table(CLASSES, classes),
        ordered[2],
        {},
        draft.tally.losses,
    )


def _box_files(places: Places) -> list[Path]:
    found = [places.path(name) for name in sorted(places.files) if name.lower().endswith(".csv")]
    return [path for path in found if {"ImageID", "XMin"} <= set(_header(path))]


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return [word.strip(' "\r\n') for word in file.readline(1 << 16).split(",")]


def _rows(path: Path) -> pa.Table:
    types = {"ImageID": pa.string(), "LabelName": pa.string(), **dict.fromkeys(_SIDES, pa.float64())}
    flags = dict.fromkeys((*_FLAGS, "IsGroupOf"), pa.int32())
    wanted = [name for name in _header(path) if name in types or name in flags]
    try:
        read = pyarrow.csv.read_csv(
            path, convert_options=pyarrow.csv.ConvertOptions(column_types=types | flags, include_columns=wanted)
        )
        rows = read.select(wanted)
        missing = types.keys() - set(wanted)
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise DatasetError(
            f"'{path.name}' cannot be read: {str(error).splitlines()[0]}",
            "A CSV file of Open Images boxes.",
            "Correct it.",
        ) from error
    if missing:
        raise DatasetError(
            f"'{path.name}' has no column {min(missing)}.", f"Columns {', '.join(types)}.", "Correct it."
        )
    return rows


class _Images:
    """The images that are there, by id."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.by_stem: dict[str, list[str]] = {}
        for name in draft.places.files:
            if is_image(name):
                self.by_stem.setdefault(os.path.splitext(name.rpartition("/")[2])[0], []).append(name)  # noqa: PTH122

    def joined(self, rows: pa.Table, split: str, file: str) -> pa.Table:
        """Return the rows whose image is there, with its number as ``image``."""
        ids = pc.unique(rows["ImageID"].combine_chunks())
        numbers = np.array([self._add(source_id, split) for source_id in ids.to_pylist()] or [0], np.int64)[: len(ids)]
        image = numbers[pc.index_in(rows["ImageID"].combine_chunks(), value_set=ids).to_numpy(zero_copy_only=False)]
        self.draft.tally.add("images that are listed and not here", file, int((numbers < 0).sum()))
        self.draft.tally.add("boxes of images that are not here", file, int((image < 0).sum()))
        here = pa.array(image >= 0)
        return rows.append_column("image", pa.array(image)).filter(here)

    def _add(self, source_id: str, split: str) -> int:
        names = self.by_stem.get(source_id, [])
        name = next((name for name in names if not split or split_of(*name.split("/")[:-1]) in (split, "")), None)
        if name is None:
            return -1
        found = self.draft.places.find(name)
        return self.draft.image(found, split=split or split_of(*name.split("/")[:-1]), source_id=source_id)

    def look_up_sizes(self) -> None:
        """Read the sizes from the headers."""
        columns = self.draft.images.columns
        for row, (width, height) in enumerate(sizes(columns["file"])):
            columns["width"][row], columns["height"][row] = width, height

    @property
    def pixels(self) -> Any:
        """How many pixels each image has, float64."""
        columns = self.draft.images.columns
        return np.array(columns["width"], np.float64) * np.array(columns["height"], np.float64)


def _objects(rows: pa.Table, labels: list[str], pixels: Any) -> pa.Table:
    left, right, top, bottom = (pc.fill_null(rows[name], 0).to_numpy() for name in _SIDES)
    image = rows["image"].to_numpy()
    w, h = right - left, bottom - top
    group = pc.equal(rows["IsGroupOf"], 1) if "IsGroupOf" in rows.column_names else pa.array(np.zeros(len(rows), bool))
    return table(
        OBJECTS,
        {
            "image_id": image,
            "object_id": np.arange(len(rows)),
            "cls": pc.index_in(rows["LabelName"], value_set=pa.array(labels, pa.string())),
            "kind": ["box"] * len(rows),
            "cx": (left + right) / 2,
            "cy": (top + bottom) / 2,
            "w": w,
            "h": h,
            "area": w * h * pixels[image] if len(rows) else [],
            "crowd": pc.fill_null(group, False),
            "line": np.zeros(len(rows), np.int32),
            "attributes": _said(rows),
        },
    )


def _said(rows: pa.Table) -> pa.Array:
    """Return the flags that are set as JSON; there are few combinations, so each is written once."""
    names = [name for name in _FLAGS if name in rows.column_names]
    code = np.zeros(len(rows), np.int64)
    for bit, name in enumerate(names):
        code |= pc.equal(rows[name], 1).fill_null(False).to_numpy(zero_copy_only=False).astype(np.int64) << bit
    texts = [
        "{" + ",".join(f'"{name}":true' for bit, name in enumerate(names) if mask >> bit & 1) + "}" if mask else None
        for mask in range(1 << len(names))
    ]
    return pc.take(pa.array(texts, pa.string()), pa.array(code))


def _descriptions(places: Places) -> dict[str, str]:
    """Return the name of each label, from a file such as class-descriptions-boxable.csv."""
    found: dict[str, str] = {}
    for name in sorted(places.files):
        if "class-descriptions" in name and name.endswith(".csv"):
            text = places.path(name).read_text("utf-8-sig", errors="replace")
            for line in text.splitlines():
                label, _, said = line.partition(",")
                if label.startswith("/") and said:
                    found.setdefault(label, said.strip().strip('"'))
    return found
