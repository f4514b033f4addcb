"""What a run reads, kept where it is for as long as the run goes.

What lives here: the lease on files that came from elsewhere. What does not: how files come (``datasets``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench import settings
from workbench.paths import RunPaths, WorkspacePaths
from workbench.runs.model import RunSpec

if TYPE_CHECKING:
    from workbench.datasets.store import Lease


def hold_data(run: RunPaths, spec: RunSpec) -> Lease | None:
    """Hold the files of a run's dataset until this process ends; those that were evicted are fetched again.

    Returns:
        The lease; None when no dataset of this workspace came from elsewhere.

    Raises:
        DatasetError: when something was evicted and cannot be fetched again.
        StorageError: when the store cannot be written, or the snapshot is damaged.
    """
    workspace = WorkspacePaths(run.root.parents[1])
    if spec.dataset is None or not workspace.sources.is_dir() or not workspace.snapshot(spec.dataset.digest).is_file():
        return None
    from workbench.datasets.holding import hold
    from workbench.datasets.snapshots.manifest import Manifest
    from workbench.datasets.store import Store

    return hold(Manifest.read(workspace.snapshot(spec.dataset.digest)), Store(*settings.load().cache))
