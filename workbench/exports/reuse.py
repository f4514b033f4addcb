"""Whether an export that is wanted has been made already.

What lives here: comparing what went into an export, and whether it still is what it was. What does not: making one
(``export``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from workbench import storage
from workbench.errors import WorkbenchError
from workbench.exports.certificate import VERSION, versions
from workbench.exports.export import Export
from workbench.runs.model import DatasetLock, ModelLock


def same_export(
    exports: Iterable[Export], parameters: Mapping[str, Any], model: ModelLock, dataset: DatasetLock
) -> Export | None:
    """Return the first export that would come out the same; None when there is none.

    It was made of the same bytes of the checkpoint and the dataset, with the same parameters and the same versions of
    packages, it passed what certificates look at today, and its files are as they were written.

    Args:
        exports: to choose from.
        parameters: of the export notebook.
        model: the checkpoint.
        dataset: that the answers are compared on.
    """
    current = versions()
    for made in exports:
        spec = made.run.spec
        if (spec.parameters, spec.model, spec.dataset) == (parameters, model, dataset) and _holds(made, current):
            return made
    return None


def _holds(made: Export, current: Mapping[str, str]) -> bool:
    try:
        certificate = made.certificate
        proven: bool = (certificate["version"], certificate["passed"], certificate["versions"]) == (
            VERSION,
            True,
            current,
        )
        return proven and all(
            storage.sha256(made.run.paths.root / kept.path) == kept.sha256 for kept in made.run.result.artifacts
        )
    except (WorkbenchError, OSError, KeyError, TypeError):  # it is still being made, or was damaged
        return False
