"""How a dataset comes into a workspace: read, checked, hashed, indexed, and kept under a name.

What lives here: the order of the steps. What does not: any of them (``formats``, ``scan``, ``lint``, ``snapshots``,
``index``, ``tree``), and what is known of a dataset afterwards (``registry``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict, Unpack

import pyarrow as pa
import pyarrow.compute as pc

from workbench.datasets import Progress, arrival, index, lint, scan
from workbench.datasets.arrival import Choice, Way, is_remote, local
from workbench.datasets.content import Content
from workbench.datasets.lint.rules import check_names
from workbench.datasets.registry import Dataset, check_name, load, locked, names, save, slug
from workbench.datasets.remote import Report
from workbench.datasets.snapshots.hashing import Stamp
from workbench.datasets.snapshots.manifest import Manifest, take
from workbench.datasets.store import Store
from workbench.datasets.tree import materialize, plan
from workbench.errors import ConflictError, DatasetError, StorageError, UnknownNameError, storage_error
from workbench.paths import WorkspacePaths

_OF_TWO = ("leak-exact", "leak-near", "leak-group", "duplicate-exact", "duplicate-near")


class Reading(TypedDict, total=False):
    """How a dataset is read.

    Attributes:
        task: what its labels are for; left out, told from the data.
        format: one of ``formats.FORMATS``; left out, told from the data.
        accept: rules whose errors do not keep a training from starting.
        choice: of the images of a dataset elsewhere; all when left out.
        progress: called with (files done, files in all), for each step anew.
        report: told how far fetching is.
    """

    task: str | None
    format: str | None
    accept: Collection[str]
    choice: Choice
    progress: Progress | None
    report: Report | None


@dataclass(frozen=True)
class Entry:
    """What is kept of a dataset beside what it says.

    Attributes:
        name: under which it is kept.
        uri: what the person named.
        accepted: rules whose errors do not keep a training from starting.
        origin: how it came from another dataset, or from elsewhere.
        replace: whether a dataset of that name with other content gives way.
        before: what was kept of it before.
    """

    name: str
    uri: str
    accepted: tuple[str, ...] = ()
    origin: dict[str, Any] = field(default_factory=dict)
    replace: bool = False
    before: Dataset | None = None


def register(
    paths: WorkspacePaths,
    uri: str | Path,
    name: str | None = None,
    *,
    store: Callable[[], Store],
    replace: bool = False,
    **reading: Unpack[Reading],
) -> Dataset:
    """Read the dataset at ``uri``, check and hash it, and keep it under ``name``. The user's files stay where they are.

    Registering the same content under the same name again returns what is there; only what changed is read again.

    Args:
        paths: of the workspace.
        uri: a data.yaml, an annotation file, a folder or an archive; a path, or an address elsewhere.
        name: letters a-z, digits and ``._-``, at most 64; made from the folder's name when left out.
        store: opens the store that files from elsewhere go to.
        replace: whether a dataset of that name with other content gives way.
        reading: see ``Reading``.

    Raises:
        DatasetError: when it cannot be understood.
        RequestError: when the name, or the name of a rule, is not valid.
        ConflictError: when the name is taken by other content.
        StorageError: when the workspace cannot be written.
    """
    if name is not None:
        check_name(name)
    accepted = tuple(reading.get("accept") or ())
    check_names(accepted, lint.RULES)
    address = str(uri) if is_remote(str(uri)) else str(local(str(uri)))
    choice, progress = reading.get("choice") or Choice(), reading.get("progress")
    before = _before(paths, address, name)
    known = _content(before) if before and not is_remote(address) else None
    way = Way(reading.get("format"), reading.get("task"), choice, progress, reading.get("report"), known)
    content = arrival.read(paths, address, store, way)
    if before and content is known and before.is_as_registered() and not set(accepted) - set(before.accepted):
        return before
    origin = {"choice": choice.record} if choice != Choice() else {}
    name = name or (before.name if before else suggest_name(address))
    entry = Entry(name, address, accepted, origin, replace, before)
    return keep(paths, content, entry, progress)


def _before(paths: WorkspacePaths, uri: str, name: str | None) -> Dataset | None:
    """Return the dataset that was read from there before, if there is one: most of it need not be read again."""
    for known in [name] if name else names(paths):
        try:
            dataset = load(paths, known)
        except (StorageError, UnknownNameError):  # what is damaged is told when it is in the way
            continue
        if dataset.uri == uri and "dataset" not in dataset.origin:
            return dataset
    return None


def _content(before: Dataset) -> Content | None:
    try:
        return before.content
    except (DatasetError, StorageError):  # without it everything is read again
        return None


def keep(paths: WorkspacePaths, content: Content, entry: Entry, progress: Progress | None = None) -> Dataset:
    """Hash what a dataset says, check it, and keep it.

    Raises:
        DatasetError: when a file cannot be read, or changes while it is.
        ConflictError: when the name is taken by other content.
        StorageError: when the workspace cannot be written.
    """
    manifest = take(plan(content), _stamps(entry.before), progress)
    content = hashed(content, manifest)
    report = lint.check(content)
    content = replace(content, issues=report.issues)
    with locked(paths, entry.name):
        existing = _existing(paths, entry)
        if existing and existing.digest != manifest.digest and not entry.replace:
            raise _taken(existing, entry)
        dataset = _describe(paths, content, manifest, entry, existing)
        dataset = judged(dataset, report)
        _write(dataset, content, manifest, existing)
    return dataset


def look_for_duplicates(dataset: Dataset, progress: Progress | None = None) -> Dataset:
    """Find images that occur twice, exactly or nearly, and keep what is found with the dataset's issues.

    Args:
        dataset: what an earlier look found is replaced.
        progress: called with (images looked at, images in all).

    Raises:
        StorageError: when the workspace cannot be written.
    """
    from workbench.datasets import similar

    content = dataset.content
    pairs = similar.find(content.images, progress=progress)
    told = content.issues.filter(pc.invert(pc.is_in(content.issues["rule"], value_set=pa.array(_OF_TWO))))
    return _recheck(
        dataset, replace(content, images=pairs.images, issues=told), similar.leaks(pairs, similar.keys(pairs.images))
    )


def decode_images(dataset: Dataset, progress: Progress | None = None) -> Dataset:
    """Decode every image, which finds those that pass a training's scan and stop it when it meets them.

    Args:
        dataset: what is found is kept with its issues.
        progress: called with (images decoded, images in all).

    Raises:
        StorageError: when the workspace cannot be written.
    """
    return _recheck(dataset, scan.probe(dataset.content, decode=True, progress=progress))


def _recheck(dataset: Dataset, content: Content, found: pa.Table | None = None) -> Dataset:
    report = lint.check(content, found)
    with locked(dataset.workspace, dataset.name):
        now = load(dataset.workspace, dataset.name)  # views and accepted rules may have come meanwhile
        if now.digest != dataset.digest:
            raise ConflictError(
                f"Dataset '{dataset.name}' was registered anew while it was looked at.",
                "One that stays as it is for so long.",
                "Run the same command again.",
                name=dataset.name,
            )
        index.write(replace(content, issues=report.issues), dataset.paths.index)
        return save(judged(now, report))


def _stamps(before: Dataset | None) -> dict[str, Stamp]:
    if before is None:
        return {}
    try:
        return before.manifest.stamps
    except StorageError:  # without it everything is read again
        return {}


def hashed(content: Content, manifest: Manifest) -> Content:
    """Return ``content`` with the sha256 of its images."""
    columns = [manifest.files[name].to_pylist() for name in ("file", "image_id", "sha256")]
    files = content.images["file"].to_pylist()
    digests: list[bytes | None] = [None] * len(files)
    for file, image_id, sha256 in zip(*columns, strict=True):
        if file and file == files[image_id]:
            digests[image_id] = sha256
    place = content.images.schema.get_field_index("sha256")
    column = pa.array(digests, pa.binary(32))
    return replace(content, images=content.images.set_column(place, content.images.schema.field(place), column))


def judged(dataset: Dataset, report: lint.Report) -> Dataset:
    """Return ``dataset`` with what keeps a training from starting, and what one would do silently."""
    blocking = {found.rule.id: _sentence(report, found) for found in report.blocking(dataset.accepted)}
    problems = tuple(_sentence(report, found) for found in report.findings if found.rule.severity != "info")
    return dataset.model_copy(update={"blocking": blocking, "problems": problems})


def _sentence(report: lint.Report, found: lint.Finding) -> str:
    """Say one finding in English: the rule, how often, and the first place."""
    first = report.examples(found, 1)[0]
    line = f" line {first['line']}" if first["line"] else ""
    where = ": ".join(part for part in (f"{first['path'] or ''}{line}", first["detail"] or "") if part)
    often = f"{found.images:,} of {report.images:,} images, first " if found.images else ""
    return f"{found.rule.title.en} ({often}{where})."


def _existing(paths: WorkspacePaths, entry: Entry) -> Dataset | None:
    if not paths.dataset(entry.name).spec.exists():
        return None
    try:
        return load(paths, entry.name)
    except StorageError:
        if entry.replace:  # a damaged record is worth as much as none
            return None
        raise


def _describe(
    paths: WorkspacePaths, content: Content, manifest: Manifest, entry: Entry, existing: Dataset | None
) -> Dataset:
    same = existing if existing is not None and existing.digest == manifest.digest else None
    return Dataset(
        name=entry.name,
        uri=entry.uri,
        format=content.format,
        task=content.task,
        names=content.names,
        images={split or "unsplit": count for split, count in content.counts.items()},
        digest=manifest.digest,
        bytes_total=manifest.bytes_total,
        created_at=same.created_at if same else datetime.now(UTC).isoformat(timespec="seconds"),
        accepted=_accepted(entry, existing),
        views=existing.views if existing else {},
        origin=entry.origin,
        folder=paths.dataset(entry.name).root,
    )


def _accepted(entry: Entry, existing: Dataset | None) -> tuple[str, ...]:
    """Return the rules that were accepted now, and before for what came from the same place."""
    parent = entry.origin.get("dataset")
    if existing is None or existing.uri != entry.uri or existing.origin.get("dataset") != parent:
        return entry.accepted
    return tuple(dict.fromkeys((*existing.accepted, *entry.accepted)))


def _write(dataset: Dataset, content: Content, manifest: Manifest, existing: Dataset | None) -> None:
    spec, tree = dataset.paths.spec, dataset.paths.tree(dataset.digest)
    try:
        # First what bears the digest in its name: when it fails, what was there is still whole
        manifest.write(dataset.workspace.snapshot(dataset.digest))
        materialize(manifest.plan, tree)
        if existing is None or existing.digest != dataset.digest:
            spec.unlink(missing_ok=True)  # its existence means complete
        index.write(content, dataset.paths.index)
    except OSError as error:
        raise storage_error(error, dataset.folder) from error
    if dataset != existing:
        save(dataset)


def suggest_name(uri: str) -> str:
    """Return a name for what is read at ``uri``: of its folder, or of its file when that says more."""
    data = Path(uri)
    plain = data.is_dir() or data.stem in ("data", "dataset")
    own = data if data.is_dir() else data.parent if plain else data.with_suffix("")
    return slug(own.name) or f"dataset-{hashlib.sha256(str(own).encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def _taken(existing: Dataset, entry: Entry) -> ConflictError:
    return ConflictError(
        f"The name '{existing.name}' is taken by other content, from '{existing.uri}'.",
        f"The same content, or a free name for '{entry.uri}'.",
        "Give another --name, or --replace to put it in its place.",
        name=existing.name,
        digest=existing.digest,
    )
