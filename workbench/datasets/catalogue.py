"""The snapshots of a workspace: finding one, and where the bytes of all of them lie.

What lives here: from a name or a digest to a manifest. What does not: what a manifest is (``manifest``).
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress

from workbench.datasets import registry
from workbench.datasets.snapshots.manifest import Manifest
from workbench.errors import StorageError, UnknownNameError, did_you_mean
from workbench.paths import WorkspacePaths

_SHORTEST = 6  # digits of a digest that are taken for one


def find(paths: WorkspacePaths, name: str) -> Manifest:
    """Return the snapshot that a dataset's name, or the beginning of a digest, names.

    Raises:
        UnknownNameError: when there is none, or several begin so.
        StorageError: when its manifest is damaged.
    """
    known = registry.names(paths)
    if name in known:
        return registry.load(paths, name).manifest
    fitting = [digest for digest in digests(paths) if len(name) >= _SHORTEST and digest.startswith(name)]
    if len(fitting) == 1:
        return Manifest.read(paths.snapshot(fitting[0]))
    raise UnknownNameError(
        f"'{name}' is the digest of {len(fitting)} snapshots." if fitting else f"No dataset or snapshot is '{name}'.",
        f"A dataset's name, or at least {_SHORTEST} digits of a digest.",
        did_you_mean(name, known) or "`workbench datasets list` shows both; `workbench runs show RUN` a run's digest.",
        name=name,
    )


def digests(paths: WorkspacePaths) -> list[str]:
    """Return the digests of all snapshots, sorted."""
    return sorted(file.stem for file in paths.snapshots.glob("*.parquet")) if paths.snapshots.is_dir() else []


def places(paths: WorkspacePaths) -> dict[bytes, list[str]]:
    """Return where each sha256 was seen by any snapshot: absolute paths."""
    found: dict[bytes, list[str]] = defaultdict(list)
    for digest in digests(paths):
        with suppress(StorageError):  # the damaged one is told when it is asked for itself
            files = Manifest.read(paths.snapshot(digest)).files
            for file, sha256 in zip(files["file"].to_pylist(), files["sha256"].to_pylist(), strict=True):
                if file and file not in found[sha256]:
                    found[sha256].append(file)
    return found
