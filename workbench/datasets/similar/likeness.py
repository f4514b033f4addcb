"""Whether two small pictures show the same, once brightness, contrast and a small crop are set aside.

What lives here: the fit, and the comparison of whole images pixel by pixel. What does not: which pairs to compare
(``neighbours``).

One picture is explained by the other: brightness + contrast x picture + a plain gradient + the picture's own slopes,
which stand for a shift and a stretch of up to a few pixels (Lucas and Kanade 1981). Likeness is the share of what the
plain gradient leaves that the fit explains, the lesser of both directions.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from workbench.datasets.filenames import to_name
from workbench.datasets.similar.hashes import SIDE, soften

ALIKE, FEW_BITS, ALIKE_CLOSE = 0.85, 8, 0.70
"""A pair counts as near duplicates from likeness ``ALIKE`` on, or from ``ALIKE_CLOSE`` on when the perceptual hashes
differ in at most ``FEW_BITS`` bits: a dull picture, brightened until it clips, is less like itself."""

_BATCH = 128
_CAUSES = 8
_WHITE = 250  # from here a brighter copy is clipped, and says nothing
_FARTHEST = 4.0  # pixels of 32 that a shift or a stretch may reach; a fit that needs more is another scene
_CONTRAST = 0.3  # of the other's, at least
_EDGE = 2

Floats = NDArray[np.float32]


def likeness(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> Floats:
    """Return how alike each pair of small gray pictures is.

    Args:
        left: uint8, shape (N, 32, 32).
        right: uint8, shape (N, 32, 32).

    Returns:
        float32, shape (N,), 0..1: 1 for the same picture, 0 where one cannot be made from the other.
    """
    found = np.zeros(len(left), np.float32)
    for start in range(0, len(left), _BATCH):
        part = slice(start, start + _BATCH)
        found[part] = _fit(soften(left[part]), soften(right[part]))
    return found


def alike(like: Floats, bits: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which pairs count as near duplicates, by their likeness and the bits that their hashes differ in."""
    return (like >= ALIKE) | ((like >= ALIKE_CLOSE) & (bits <= FEW_BITS))


def same_pixels(left: str, right: str) -> bool:
    """Return whether two image files decode to the same pixels, as training sees them."""
    import cv2

    one, other = (cv2.imread(to_name(file), cv2.IMREAD_COLOR) for file in (left, right))
    return one is not None and other is not None and bool(np.array_equal(one, other))


def _fit(one: Floats, other: Floats) -> Floats:
    """Return the likeness of softened pictures: by brightness and contrast alone where that is enough."""
    found = _correlate(one, other)
    rest = np.flatnonzero(found < ALIKE)
    if len(rest):
        one, other = one[rest], other[rest]
        # A pixel that is white in one picture only was clipped there
        seen = _inner((one < _WHITE) == (other < _WHITE))
        found[rest] = np.maximum(found[rest], np.minimum(_explain(one, other, seen), _explain(other, one, seen)))
    return found


def _correlate(one: Floats, other: Floats) -> Floats:
    """Return the squared correlation of what is left without a plain gradient, 0 where the contrasts are far apart."""
    bare = [flat - (flat @ _PLANE) @ _PLANE.T for flat in (_inner(one), _inner(other))]
    both = np.einsum("ij,ij->i", bare[0], bare[1])
    squares = [np.maximum(np.einsum("ij,ij->i", flat, flat), 1e-3) for flat in bare]
    contrast = both / squares[0]
    return np.where(_possible(contrast), both * contrast / squares[1], 0).astype(np.float32)


def _explain(one: Floats, other: Floats, seen: NDArray[np.bool_]) -> Floats:
    """Return the share of ``other`` that ``one``, shifted and stretched, explains."""
    down, across = cast("list[Floats]", np.gradient(one, axis=(1, 2)))
    table = np.empty((len(one), _CAUSES + 1, _X.size), np.float32)
    table[:, 0], table[:, 1], table[:, 2] = 1, _X, _Y
    table[:, 3], table[:, 4], table[:, 5] = _inner(one), _inner(across), _inner(down)
    table[:, 6], table[:, 7], table[:, 8] = table[:, 4] * _X, table[:, 5] * _Y, _inner(other)
    table[:, 3::5] -= table[:, 3::5].mean(axis=2, keepdims=True)  # sums of squares keep their digits
    table *= seen[:, None]
    products = (table @ table.transpose(0, 2, 1)).astype(np.float64)
    whole, fit = _left(products, _CAUSES)
    plain, _ = _left(products, 3)
    contrast, moved = fit[:, 3], np.abs(fit[:, 4:]).max(axis=1)
    possible = _possible(contrast) & (moved < _FARTHEST * contrast)
    return np.where(possible, np.clip(1 - whole / np.maximum(plain, 1e-3), 0, 1), 0).astype(np.float32)


def _left(products: NDArray[np.float64], causes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the squares that the best fit of the first causes leaves, shape (N,), and the fit, shape (N, causes)."""
    square = products[:, :causes, :causes] + 1e-2 * np.eye(causes)
    target = products[:, :causes, -1]
    fit = cast("NDArray[np.float64]", np.linalg.solve(square, target[:, :, None])[:, :, 0])
    return products[:, -1, -1] - np.einsum("ij,ij->i", fit, target), fit


def _possible(contrast: NDArray[Any]) -> NDArray[np.bool_]:
    return (contrast > _CONTRAST) & (contrast < 1 / _CONTRAST)


def _inner(pictures: NDArray[Any]) -> NDArray[Any]:
    return pictures[:, _INNER, _INNER].reshape(len(pictures), -1)


_INNER = slice(_EDGE, SIDE - _EDGE)
_PLACES = (np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2)[_INNER] / (SIDE / 2)
_X, _Y = (values.ravel() for values in np.meshgrid(_PLACES, _PLACES))
_PLANE = np.linalg.qr(np.stack([np.ones_like(_X), _X, _Y], axis=1))[0]
