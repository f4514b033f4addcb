"""The image files of a dataset, looked into: their size, form and fate, as columns.

What lives here: ``probe``, and what it takes over from last time. What does not: one file's verdict (``pictures``,
``maps``), the files of a dataset (``formats``).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.datasets import Progress
from workbench.datasets.content import ISSUES, Content, table
from workbench.datasets.filenames import to_name, to_text
from workbench.datasets.scan.maps import Check, check_for
from workbench.datasets.scan.pictures import DEEP, Look, look
from workbench.datasets.scan.threads import spread, stamps

# The rules that a probe may find broken: its rows in the issues are replaced by each probe
RULES = (
    "depth-size",
    "depth-unreadable",
    "image-16bit",
    "image-bomb",
    "image-empty",
    "image-format",
    "image-jpeg-tail",
    "image-missing",
    "image-too-small",
    "image-truncated",
    "image-undecodable",
    "image-unreadable",
    "mask-class",
    "mask-size",
    "mask-unreadable",
)
_COLUMNS = ("width", "height", "format", "mode", "orientation", "bytes", "mtime_ns", "verified")


@dataclass(frozen=True)
class _Probed:
    """A stretch of images, looked into.

    Attributes:
        ids: which images.
        columns: ``_COLUMNS`` of each.
        issues: schema ``ISSUES``.
    """

    ids: np.ndarray
    columns: pa.Table
    issues: pa.Table


def probe(
    content: Content,
    *,
    verify: bool = True,
    decode: bool = False,
    progress: Progress | None = None,
    before: Content | None = None,
) -> Content:
    """Look into every image file of ``content``, and into its masks or depth maps.

    Args:
        content: as a reader made it.
        verify: whether to check the bytes as a training does. Otherwise headers alone are read: the sizes are known,
            and files that are cut off or damaged behind the header are not found.
        decode: whether to decode all pixels too. A few files pass the check of a training and stop it when it meets
            them; that is told of JPEG, PNG and WebP files only when they are decoded, at some 6,000 small images a
            second.
        progress: called with (images done, images in all).
        before: the same dataset as it was probed last time: images that did not change since are not opened.

    Returns:
        ``content`` with the columns of its images filled, ``effect`` decided, areas of objects in pixels where the
        source gave none, and issues of image files in place of an earlier probe's.

    Raises:
        DatasetError: when the options of a semantic dataset cannot be understood.
    """
    check = check_for(content.task, content.options, content.classes.num_rows) if verify else None
    files = [to_name(text) for text in content.images["file"].to_pylist()]
    labels = content.images["label"].to_pylist() if check else []
    ids = np.arange(len(files))
    parts = []
    if before is not None and not decode:
        parts.append(_taken_over(content, before, verify=verify))
        ids = np.setdiff1d(ids, parts[0].ids, assume_unique=True)

    def stretch(start: int, end: int) -> _Probed:
        here = ids[start:end]
        looks = [look(files[at], verify=verify, decode=decode) for at in here.tolist()]
        if check:
            looks = [_with_map(seen, labels[at], check) for at, seen in zip(here.tolist(), looks, strict=True)]
        return _probed(content, here, looks, verify=verify)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of huge or odd files: the verdict says what matters
        parts.extend(spread(stretch, len(ids), progress))
    return _filled(content, parts)


def _with_map(seen: Look, label: str | None, check: Check) -> Look:
    if label is None or seen.effect == "drop":
        return seen
    rule, detail = check(to_name(label), seen.width, seen.height)
    return seen._replace(rule=rule, detail=detail, effect="drop") if rule else seen


def _probed(content: Content, ids: np.ndarray, looks: Sequence[Look], *, verify: bool) -> _Probed:
    fields = list(zip(*looks, strict=True)) if looks else [()] * len(Look._fields)
    schema = pa.schema([content.images.schema.field(name) for name in _COLUMNS])
    arrays = [pa.array(values, field.type) for values, field in zip(fields, list(schema)[:-3], strict=False)]
    for values, field in zip(fields[5:7], list(schema)[5:7], strict=True):
        numbers = np.array(values, np.int64)
        arrays.append(pa.array(numbers, field.type, mask=numbers < 0))
    arrays.append(pa.repeat(pa.scalar(verify), len(ids)))
    wrong = [at for at, seen in enumerate(looks) if seen.rule]
    columns = {
        "rule": [looks[at].rule for at in wrong],
        "image_id": ids[wrong],
        "path": _paths(content, ids[wrong], [looks[at].rule for at in wrong]),
        "line": np.zeros(len(wrong), np.int32),
        "detail": [to_text(looks[at].detail) for at in wrong],
        "effect": [looks[at].effect for at in wrong],
    }
    return _Probed(ids, pa.table(arrays, schema=schema), table(ISSUES, columns, len(wrong)))


def _taken_over(content: Content, before: Content, *, verify: bool) -> _Probed:
    """Return what ``before`` says of the images that are as they were then."""
    place = pc.index_in(content.images["file"], value_set=before.images["file"].combine_chunks())
    then = pc.fill_null(place, -1).to_numpy()
    now = np.flatnonzero(then >= 0)
    then = then[now].astype(np.int64)
    same = pc.fill_null(before.images["width"], 0).to_numpy()[then] > 0
    if verify:
        same &= pc.fill_null(before.images["verified"], False).to_numpy()[then]
    for name, marks in _marks(content).items():
        same &= marks[now] == pc.fill_null(before.images[name], -1).to_numpy()[then]
    now, then = now[same], then[same]
    columns = before.images.select(_COLUMNS).take(pa.array(then))
    issues = before.issues.filter(pc.is_in(before.issues["rule"], pa.array(RULES)))
    # Modes tell most deep images, and the lint tells those; only the others are told here
    elsewhere = pc.and_(pc.equal(issues["rule"], "image-16bit"), pc.not_equal(issues["detail"], DEEP))
    issues = issues.filter(pc.invert(elsewhere))
    return _Probed(now, columns, _carried(content, issues, now, then))


def _marks(content: Content) -> dict[str, np.ndarray]:
    """Return what tells whether a file changed, by column; the files are asked when the reader has not."""
    names = ["bytes", "mtime_ns"]
    if content.task in ("semantic", "depth"):
        names += ["label_bytes", "label_mtime_ns"]
    marks = {name: pc.fill_null(content.images[name], -1).to_numpy() for name in names}
    if content.images["bytes"].null_count == content.images.num_rows:
        files = [to_name(text) for text in content.images["file"].to_pylist()]
        marks["bytes"], marks["mtime_ns"] = stamps(files)
    return marks


def _carried(content: Content, issues: pa.Table, now: np.ndarray, then: np.ndarray) -> pa.Table:
    """Return the issues of the images ``then`` as those of ``now``; one image may stand in two splits."""
    place = pc.index_in(pa.array(then), value_set=issues["image_id"].combine_chunks())
    if place.null_count == len(place):
        return ISSUES.empty_table()
    rows = place.drop_null()
    ids = pa.array(now[place.is_valid().to_numpy(zero_copy_only=False)])
    chosen = issues.take(rows)
    columns = {name: chosen[name] for name in ("rule", "line", "detail", "effect")}
    paths = _paths(content, ids.to_numpy(), chosen["rule"].to_pylist())
    return table(ISSUES, {**columns, "image_id": ids, "path": paths}, len(ids))


def _paths(content: Content, ids: np.ndarray, rules: Sequence[str]) -> list[str]:
    """Return the file to look at for each issue: the image, or its mask or depth map."""
    prefix = content.root.rstrip("/") + "/"
    return [
        str(content.images["path" if rule.startswith("image-") else "label"][at]).removeprefix(prefix)
        for at, rule in zip(ids.tolist(), rules, strict=True)
    ]


def _filled(content: Content, parts: Sequence[_Probed]) -> Content:
    images = content.images
    order = pa.array(np.argsort(np.concatenate([np.empty(0, np.int64), *(part.ids for part in parts)]), kind="stable"))
    schema = pa.schema([images.schema.field(name) for name in _COLUMNS])
    columns = pa.concat_tables([schema.empty_table(), *(part.columns for part in parts)]).take(order)
    for name in _COLUMNS:
        at = images.schema.get_field_index(name)
        images = images.set_column(at, images.schema.field(at), columns[name])
    earlier = pc.and_(pc.is_in(content.issues["rule"], pa.array(RULES)), content.issues["image_id"].is_valid())
    kept = content.issues.filter(pc.invert(earlier))
    issues = pa.concat_tables([kept, *(part.issues for part in parts)])
    at = images.schema.get_field_index("effect")
    images = images.set_column(at, images.schema.field(at), _effects(images.num_rows, issues))
    return replace(content, images=images, objects=_measured(content.objects, images), issues=issues)


def _effects(count: int, issues: pa.Table) -> pa.Array:
    """Return what training does with each image: a file that is dropped matters more than one that is rewritten."""
    effects = np.full(count, "keep", object)
    for effect in ("rewrite", "drop"):
        ids = issues.filter(pc.equal(issues["effect"], effect))["image_id"].drop_null().to_numpy()
        effects[ids] = effect
    return pa.array(effects, pa.string())


def _measured(objects: pa.Table, images: pa.Table) -> pa.Table:
    """Return ``objects`` with their areas in pixels, where the source gave none."""
    if not objects.num_rows:
        return objects
    owner = objects["image_id"].to_numpy()
    sizes = [pc.fill_null(images[name], 0).to_numpy()[owner].astype(np.float64) for name in ("width", "height")]
    boxes = objects["w"].to_numpy() * objects["h"].to_numpy()
    shares = np.where(objects["rings"].is_valid().to_numpy(), _ring_shares(objects["rings"]), boxes)
    known = pc.fill_null(objects["area"], 0).to_numpy()
    areas = np.where(known > 0, known, shares * sizes[0] * sizes[1])
    at = objects.schema.get_field_index("area")
    return objects.set_column(at, objects.schema.field(at), pa.array(areas))


def _ring_shares(rings: pa.ChunkedArray) -> np.ndarray:
    """Return the share of the image inside the rings of each object, each by the shoelace formula."""
    rows = rings.combine_chunks()
    shares = np.zeros(len(rows))
    flat = rows.flatten()  # rings
    values = flat.flatten().to_numpy(zero_copy_only=False)
    lengths = pc.list_value_length(flat).to_numpy(zero_copy_only=False) // 2
    if not len(lengths):
        return shares
    ends = np.cumsum(lengths)
    xs, ys = values[0::2], values[1::2]
    following = np.arange(1, len(xs) + 1)
    following[ends - 1] = ends - lengths  # the last point of a ring is followed by its first
    crossed = xs * ys[following] - xs[following] * ys
    areas = np.abs(np.add.reduceat(crossed, ends - lengths)) / 2
    owners = np.repeat(np.arange(len(rows)), pc.fill_null(pc.list_value_length(rows), 0).to_numpy())
    np.add.at(shares, owners, areas)
    return shares
