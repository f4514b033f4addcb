"""What differs between two snapshots of a dataset.

What lives here: pairing their images by content. What does not: taking snapshots (``manifest``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from workbench.datasets.snapshots.manifest import Manifest


@dataclass(frozen=True)
class Change:
    """One image that is not as it was.

    Attributes:
        kind: ``added``, ``removed``, ``replaced`` (other pixels under one path), ``relabelled``, ``moved`` (between
            splits) or ``renamed``. An image may be both moved and relabelled.
        path: where it is now, in the tree; where it was, when it was removed.
        before: where it was; empty when that is the same.
    """

    kind: str
    path: str
    before: str = ""


@dataclass(frozen=True)
class Difference:
    """Everything that differs.

    Attributes:
        header: what is said of the whole dataset (``task``, ``names``, ``options``): (before, after) by name.
        changes: by image, sorted by path.
    """

    header: dict[str, tuple[Any, Any]]
    changes: tuple[Change, ...]

    @property
    def counts(self) -> dict[str, int]:
        """The number of changes by kind; kinds that do not occur are left out."""
        found: dict[str, int] = defaultdict(int)
        for change in self.changes:
            found[change.kind] += 1
        return dict(found)

    def to_payload(self, limit: int | None = None) -> dict[str, Any]:
        """Return it as JSON-able data, with at most ``limit`` changes of each kind."""
        shown: dict[str, list[dict[str, str]]] = defaultdict(list)
        for change in self.changes:
            if limit is None or len(shown[change.kind]) < limit:
                shown[change.kind].append(asdict(change))
        header = {name: {"before": old, "after": new} for name, (old, new) in self.header.items()}
        return {"header": header, "counts": self.counts, "changes": dict(shown)}


@dataclass(frozen=True, slots=True)
class _Image:
    path: str
    split: str
    sha256: bytes
    label: bytes  # the sha256 of its label, empty without one


def compare(before: Manifest, after: Manifest) -> Difference:
    """Return what ``after`` has otherwise than ``before``.

    An image is known by its bytes; of several with the same bytes, those of one path belong together, then those of
    one split.
    """
    names = ("task", "names", "options")
    header = {n: (getattr(before, n), getattr(after, n)) for n in names if getattr(before, n) != getattr(after, n)}
    old, new = _images(before), _images(after)
    pairs, gone, come = _pair(old, new)
    changes = [change for was, now in pairs for change in _changes(was, now)]
    removed, added = {image.path for image in gone}, {image.path for image in come}
    changes += [Change("replaced", path) for path in removed & added]
    changes += [Change("removed", path) for path in removed - added]
    changes += [Change("added", path) for path in added - removed]
    return Difference(header, tuple(sorted(changes, key=lambda change: (change.path, change.kind))))


def _images(manifest: Manifest) -> list[_Image]:
    paths, digests = manifest.files["path"].to_pylist(), manifest.files["sha256"].to_pylist()
    ids = manifest.files["image_id"].to_pylist()
    labels: dict[int, bytes] = {}
    images: list[tuple[int, str, str, bytes]] = []
    for path, sha256, image_id in zip(paths, digests, ids, strict=True):
        first, _, rest = path.partition("/")
        if manifest.task == "classify":
            images.append((image_id, path, first, sha256))
            labels[image_id] = rest.rpartition("/")[0].encode("utf-8", "surrogateescape")  # its folder is its label
        elif first == "images":
            images.append((image_id, path, rest.partition("/")[0], sha256))
        else:
            labels[image_id] = sha256
    return [_Image(path, split, sha256, labels.get(image_id, b"")) for image_id, path, split, sha256 in images]


def _pair(old: list[_Image], new: list[_Image]) -> tuple[list[tuple[_Image, _Image]], list[_Image], list[_Image]]:
    keys: tuple[Callable[[_Image], Hashable], ...] = (
        lambda image: (image.sha256, image.path),
        lambda image: (image.sha256, image.split),
        lambda image: image.sha256,
    )
    pairs: list[tuple[_Image, _Image]] = []
    for key in keys:
        waiting: dict[Hashable, list[_Image]] = defaultdict(list)
        for image in reversed(old):
            waiting[key(image)].append(image)
        matched = [(waiting[key(image)].pop() if waiting.get(key(image)) else None, image) for image in new]
        pairs += [(was, now) for was, now in matched if was is not None]
        old = [image for images in waiting.values() for image in reversed(images)]
        new = [now for was, now in matched if was is None]
    return pairs, old, new


def _changes(was: _Image, now: _Image) -> Iterator[Change]:
    moved_path = was.path if was.path != now.path else ""
    if was.label != now.label:
        yield Change("relabelled", now.path, moved_path)
    if was.split != now.split:
        yield Change("moved", now.path, was.path)
    elif moved_path and was.label == now.label:
        yield Change("renamed", now.path, was.path)
