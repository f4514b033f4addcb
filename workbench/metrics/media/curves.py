"""Confusion matrices and curves as data, so that a chart can be drawn anew from them, and compared.

What lives here: the two records, and their files. What does not: where the files lie (``keep``), drawing.

A file is JSON with its ``version``; numbers that JSON lacks are the words NaN, Infinity and -Infinity.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from workbench import storage
from workbench.errors import ParameterError, StorageError
from workbench.metrics.encode import number

VERSION = 1
_DECIMALS = 6
_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_Made = TypeVar("_Made")


@dataclass(frozen=True, eq=False)
class ConfusionMatrix:
    """How often each class was predicted for each true class.

    Attributes:
        names: the classes, in their order; length nc.
        matrix: counts (of objects, images or pixels), int64, shape (nc + 1, nc + 1) with the background last, or
            (nc, nc) for tasks without one; ``matrix[predicted, true]``.

    Raises:
        ParameterError: when the shape does not fit the names, or a count is negative or no whole number.
    """

    names: tuple[str, ...]
    matrix: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        count, given = len(self.names), _array(self.matrix, "A confusion matrix")
        if given.shape not in {(count, count), (count + 1, count + 1)} or not count:
            raise ParameterError(
                f"A confusion matrix has the shape {given.shape} for {count} classes.",
                f"({count}, {count}), or ({count + 1}, {count + 1}) with the background last, for at least one class.",
                "Give a name for each class, in the order of the rows.",
            )
        whole = np.isfinite(given) & (given >= 0) & (given == np.round(given))
        if not whole.all():
            raise ParameterError(
                f"A confusion matrix holds {given[~whole].flat[0]}.",
                "Counts: whole numbers from 0.",
                "Keep the counts and not the normalized matrix: shares follow from them.",
            )
        object.__setattr__(self, "matrix", given.astype(np.int64))

    @property
    def has_background(self) -> bool:
        """Whether the last row holds misses and the last column false alarms."""
        return len(self.matrix) > len(self.names)


@dataclass(frozen=True, eq=False)
class Curve:
    """One quantity over another, for one or several classes, e.g. precision over recall.

    Attributes:
        name: e.g. ``Precision-Recall(B)``.
        x_label: e.g. ``Recall``.
        y_label: e.g. ``Precision``.
        x: float64, shape (n,).
        ys: float64, shape (k, n); non-finite values are possible.
        names: of the k lines; may be empty for a single one.

    Raises:
        ParameterError: when the shapes do not fit each other.
    """

    name: str
    x_label: str
    y_label: str
    x: npt.NDArray[np.float64]
    ys: npt.NDArray[np.float64]
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        x, ys = _array(self.x, f"Curve '{self.name}'"), np.atleast_2d(_array(self.ys, f"Curve '{self.name}'"))
        if x.ndim != 1 or not x.size or ys.ndim != 2 or ys.shape[1] != x.size:
            raise ParameterError(
                f"Curve '{self.name}' has x of the shape {x.shape} and ys of the shape {ys.shape}.",
                "x of the shape (n,) and ys of the shape (k, n): a row a line.",
                "Transpose ys, or leave out the points without x.",
            )
        if self.names and len(self.names) != len(ys):
            raise ParameterError(
                f"Curve '{self.name}' has {len(ys)} lines and {len(self.names)} names.", "A name for each line."
            )
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "ys", ys)


def confusion_matrix_json(matrix: ConfusionMatrix) -> dict[str, Any]:
    """Return it as JSON-able data."""
    return {
        "version": VERSION,
        "type": "confusion_matrix",
        "names": list(matrix.names),
        "matrix": matrix.matrix.tolist(),
    }


def curve_json(curve: Curve) -> dict[str, Any]:
    """Return it as JSON-able data, with six decimals: a thousand points of eighty classes are half a megabyte."""
    return {
        "version": VERSION,
        "type": "curve",
        "name": curve.name,
        "x_label": curve.x_label,
        "y_label": curve.y_label,
        "names": list(curve.names),
        "x": _numbers(curve.x),
        "ys": [_numbers(row) for row in curve.ys],
    }


def read_confusion_matrix(path: Path) -> ConfusionMatrix:
    """Read a file of kind ``confusion_matrix``.

    Raises:
        StorageError: when it is missing, damaged or of a newer version.
    """
    return _read(
        path, "confusion_matrix", lambda found: ConfusionMatrix(tuple(found["names"]), np.array(found["matrix"]))
    )


def read_curve(path: Path) -> Curve:
    """Read a file of kind ``curve``.

    Raises:
        StorageError: as ``read_confusion_matrix``.
    """
    return _read(path, "curve", _curve)


def _curve(found: dict[str, Any]) -> Curve:
    ys = np.array([_floats(row) for row in found["ys"]])
    return Curve(found["name"], found["x_label"], found["y_label"], _floats(found["x"]), ys, tuple(found["names"]))


def _read(path: Path, kind: str, make: Callable[[dict[str, Any]], _Made]) -> _Made:
    found = storage.get_json(path)
    try:
        if found["type"] == kind and found["version"] == VERSION:
            return make(found)
    except (KeyError, TypeError, ValueError, AttributeError, ParameterError) as error:
        raise _damaged(path, kind, f"{type(error).__name__}: {error}") from error
    raise _damaged(path, kind, f"type '{found['type']}', version {found['version']}")


def _damaged(path: Path, kind: str, reason: str) -> StorageError:
    return StorageError(
        f"'{path}' cannot be read as {kind.replace('_', ' ')}: {reason}.",
        f"A file of type {kind}, version {VERSION}, written by the workbench.",
        "Read it with the version of the workbench that wrote it, or restore it from a backup.",
        path=str(path),
    )


def _array(given: Any, what: str) -> npt.NDArray[np.float64]:
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"{what} is no table of numbers: {error}.", "Rows of the same length, numbers only.", "Convert it first."
        ) from error


def _numbers(row: npt.NDArray[np.float64]) -> list[float | str]:
    rounded: list[float] = np.round(row, _DECIMALS).tolist()
    return list(rounded) if np.isfinite(row).all() else [number(value) for value in rounded]


def _floats(row: list[float | str]) -> npt.NDArray[np.float64]:
    return np.array([_WORDS[value] if isinstance(value, str) else value for value in row], dtype=np.float64)
