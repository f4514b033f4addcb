"""What a training shows at its end besides its numbers: the confusion matrix, the curves, and ultralytics' own plots.

What lives here: taking them from a validator after the final evaluation. What does not: keeping them
(``metrics.media``), the moment (``recorder``).

    task                     matrix                                curves
    detect, obb              (nc + 1, nc + 1), objects             4, of boxes
    segment, pose            (nc + 1, nc + 1), objects by box      8, of boxes and of masks or key points
    classify                 (nc, nc), images                      none
    semantic                 (nc, nc), pixels                      none
    depth                    none                                  none

ultralytics counts the first two rows only while it draws plots; ``counting`` makes it count without them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import ParameterError
from workbench.metrics.media.curves import ConfusionMatrix, Curve
from workbench.pillow import opener

_COUNTS_ALWAYS = frozenset({"classify", "semantic"})
_PLOTS = (
    "results.png",
    "confusion_matrix.png",
    "confusion_matrix_normalized.png",
    "*PR_curve.png",
    "*F1_curve.png",
    "*P_curve.png",
    "*[!P]R_curve.png",
    "iou_bar_chart.png",
    "labels.jpg",
    "train_batch[0-2].jpg",
    "val_batch[0-2]_labels.jpg",
    "val_batch[0-2]_pred.jpg",
)
_DRAWER, _DRAWING_S = "(plot_images)", 10.0  # it draws in threads that nobody waits for
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evidence:
    """What a training shows besides its numbers.

    Attributes:
        matrix: the confusion matrix; None for a task without one, or when it was not counted.
        curves: a line for each class that the split has, 1000 points each; empty for a task without curves.
        plots: what ultralytics drew, the most telling first; at most 30 files, mostly some hundred kilobytes each.
    """

    matrix: ConfusionMatrix | None
    curves: tuple[Curve, ...]
    plots: tuple[Path, ...]


def evidence(validator: Any, save_dir: Path) -> Evidence:
    """Return what a training shows, from ``on_train_end``: ``results.png`` is drawn last.

    What a newer ultralytics gives in another shape is left out with a warning: it fails no training.

    Args:
        validator: ultralytics' validator, after the final evaluation.
        save_dir: where ultralytics drew.
    """
    return Evidence(_matrix(validator), _curves(validator.metrics), tuple(_plots(save_dir)))


@contextmanager
def counting(validator: Any) -> Iterator[None]:
    """Have the confusion matrix counted in the evaluations of this block, also when no plots are drawn."""
    counted = _counted(validator)
    process = getattr(validator, "_process_batch", None)
    if counted or process is None:
        yield
        return

    def process_and_count(predictions: Any, batch: Any) -> Any:
        if not validator.args.plots:
            validator.confusion_matrix.process_batch(predictions, batch, conf=validator.args.conf)
        return process(predictions, batch)

    validator._process_batch = process_and_count  # noqa: SLF001  the one place that sees each image's predictions
    try:
        yield
    finally:
        del validator._process_batch  # noqa: SLF001  the class's own is in force again


def _counted(validator: Any) -> bool:
    return bool(validator.args.plots) or validator.args.task in _COUNTS_ALWAYS


def _matrix(validator: Any) -> ConfusionMatrix | None:
    given = getattr(validator, "confusion_matrix", None)
    if given is None or not (_counted(validator) or np.any(given.matrix)):
        return None
    try:
        return ConfusionMatrix(_words(given.names), np.round(given.matrix))
    except ParameterError as error:
        _log.warning("The confusion matrix is left out: %s", error.happened)
        return None


def _curves(metrics: Any) -> tuple[Curve, ...]:
    """Return the curves; ultralytics gives a row for each class that the split has, and no names."""
    classes = [int(number) for number in getattr(metrics, "ap_class_index", ())]
    if not classes:
        return ()
    names, made = _words(metrics.names), []
    for name, (x, ys, x_label, y_label) in zip(metrics.curves, metrics.curves_results, strict=False):
        try:
            made.append(Curve(name, x_label, y_label, x, ys, tuple(names[number] for number in classes)))
        except ParameterError as error:
            _log.warning("A curve is left out: %s", error.happened)
    return tuple(made)


def _words(names: Any) -> tuple[str, ...]:
    """Return class names in their order, from ultralytics' dict or list."""
    return tuple(str(name) for name in (names.values() if isinstance(names, dict) else names))


def _plots(save_dir: Path) -> Iterator[Path]:
    deadline = time.monotonic() + _DRAWING_S
    for thread in threading.enumerate():
        if thread.name.endswith(_DRAWER):
            thread.join(max(0.0, deadline - time.monotonic()))
    for pattern in _PLOTS:
        yield from (path for path in sorted(save_dir.glob(pattern)) if _is_whole(path))


def _is_whole(path: Path) -> bool:
    try:
        with opener()(path) as picture:
            picture.load()
    except (OSError, SyntaxError, ValueError) as error:
        _log.warning("'%s' is left out: %s", path.name, error)
        return False
    return True
