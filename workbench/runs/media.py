"""What a run shows besides numbers, for whoever looks at it.

What lives here: the texts, pictures, matrix and curves of one run, by its events. What does not: keeping them
(``metrics.media``), drawing them (``widgets``).
"""

from __future__ import annotations

from pathlib import Path

from workbench.metrics.media.curves import ConfusionMatrix, Curve, read_confusion_matrix, read_curve
from workbench.metrics.media.keep import files, texts
from workbench.metrics.media.records import Kept, Text
from workbench.metrics.tail import read_events
from workbench.paths import RunPaths


class RunMedia:
    """The media of one run.

    Args:
        run: the run's folder.
    """

    def __init__(self, run: RunPaths) -> None:
        self._run = run

    def texts(self) -> list[Text]:
        """Return the texts, oldest first."""
        return texts(read_events(self._run.events))

    def files(self, kind: str | None = None) -> list[Kept]:
        """Return the files, oldest first.

        Args:
            kind: ``image``, ``plot``, ``confusion_matrix``, ``curve`` or ``file``; all when left out.
        """
        return files(read_events(self._run.events), kind)

    def path(self, kept: Kept) -> Path:
        """Return where a file lies."""
        return self._run.root / kept.path

    def confusion_matrix(self) -> ConfusionMatrix | None:
        """Return the last confusion matrix; None when there is none.

        Raises:
            StorageError: when its file is missing or damaged.
        """
        found = self.files("confusion_matrix")
        return read_confusion_matrix(self.path(found[-1])) if found else None

    def curves(self) -> dict[str, Curve]:
        """Return the curves by name, e.g. ``Precision-Recall(B)``; of a name, the last one.

        Raises:
            StorageError: when a file is missing or damaged.
        """
        return {kept.name: read_curve(self.path(kept)) for kept in self.files("curve")}
