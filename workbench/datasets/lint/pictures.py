"""What is odd about images that training keeps: how they are stored.

What lives here: rules over the columns of ``images``, as the probe filled them. What does not: the probe (``scan``).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.datasets.content import Content
from workbench.datasets.lint.findings import about_images, words

_SIXTEEN = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N", "I;16S", "I;16BS", "I;32", "I;32B")
_GRAY = ("1", "L", "LA", "La")
_CLEAR = ("LA", "La", "PA", "RGBA", "RGBa")
# What a file of each suffix holds; jp2 is jpeg2000 to Pillow, a phone's JPEG with more than one picture is mpo
_SUFFIXES = {
    "jpg": ("jpeg", "mpo"),
    "jpeg": ("jpeg", "mpo"),
    "mpo": ("mpo", "jpeg"),
    "png": ("png",),
    "bmp": ("bmp", "dib"),
    "webp": ("webp",),
    "tif": ("tiff",),
    "tiff": ("tiff",),
    "dng": ("tiff", "dng"),
    "jp2": ("jpeg2000",),
    "avif": ("avif",),
    "heic": ("heif", "heic"),
    "heif": ("heif", "heic"),
}


def findings(content: Content) -> Iterator[pa.Table]:
    """Yield the issues of images, a table a rule."""
    images = content.images
    mode = pc.fill_null(images["mode"], "")
    turn = pc.fill_null(images["orientation"], 1)
    rotated = _rows(pc.greater(turn, 1))
    detail = words("orientation ", turn.take(rotated).combine_chunks())
    yield about_images(content, "image-exif-rotated", rotated.to_numpy(), detail)
    for rule, modes in (("image-16bit", _SIXTEEN), ("image-gray", _GRAY), ("image-alpha", _CLEAR)):
        rows = _rows(pc.is_in(mode, pa.array(modes)))
        yield about_images(content, rule, rows.to_numpy(), words("mode ", mode.take(rows).combine_chunks()))
    yield about_images(content, "image-cmyk", _rows(pc.equal(mode, "CMYK")).to_numpy(), "mode CMYK")
    yield _misnamed(content)


def _rows(found: pa.ChunkedArray) -> pa.Array:
    # Not pc.indices_nonzero: pyarrow 25 crashes there on a column without chunks
    return pa.array(np.flatnonzero(found.to_numpy(zero_copy_only=False)), pa.int64())


def _misnamed(content: Content) -> pa.Table:
    """Tell the images whose bytes are of another format than their suffix, by the pairs of both that there are."""
    images = content.images
    name = pc.fill_null(images["path"], "")
    suffix = pc.utf8_lower(pc.struct_field(pc.extract_regex(name, r"\.(?P<suffix>[^./]*)$"), "suffix"))
    kind = pc.fill_null(images["format"], "")
    pairs = pa.table({"suffix": pc.fill_null(suffix, ""), "kind": kind}).group_by(["suffix", "kind"]).aggregate([])
    wrong = pa.array([], pa.int64())
    for pair in pairs.to_pylist():
        expected = _SUFFIXES.get(pair["suffix"])
        if expected and pair["kind"] and pair["kind"] not in expected:
            here = pc.and_(pc.equal(pc.fill_null(suffix, ""), pair["suffix"]), pc.equal(kind, pair["kind"]))
            wrong = pa.concat_arrays([wrong, _rows(here)])
    detail = words("it is a ", pc.utf8_upper(kind.take(wrong).combine_chunks()))
    return about_images(content, "image-suffix", wrong.to_numpy(), detail)
