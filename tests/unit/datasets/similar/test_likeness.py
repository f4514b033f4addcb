"""Two small pictures are alike when one explains the other, and not by a gradient alone."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from workbench.datasets.similar import likeness

pytestmark = pytest.mark.slow

Pixels = NDArray[np.uint8]


def small(pixels: Pixels) -> Pixels:
    return cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), (32, 32), interpolation=cv2.INTER_AREA)


def like(one: Pixels, other: Pixels) -> float:
    return float(likeness.likeness(small(one)[None], small(other)[None])[0])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda p: p, id="the same"),
        pytest.param(lambda p: cv2.convertScaleAbs(p, alpha=0.6, beta=20), id="duller"),
        pytest.param(lambda p: cv2.convertScaleAbs(p, beta=60), id="brighter, clipped"),
        pytest.param(lambda p: p[5:, 5:], id="cropped at a corner"),
        pytest.param(lambda p: p[5:-5, 5:-5], id="cropped on all sides"),
        pytest.param(lambda p: cv2.GaussianBlur(p, (5, 5), 1.5), id="blurred"),
    ],
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_changed_copy_is_alike(scene, change: Callable[[Pixels], Pixels], seed: int) -> None:
    assert like(scene(seed), change(scene(seed))) > likeness.ALIKE


def test_another_scene_is_not(scene) -> None:
    pictures = np.stack([small(scene(seed)) for seed in range(30)])
    first, second = np.triu_indices(30, 1)
    assert likeness.likeness(pictures[first], pictures[second]).max() < likeness.ALIKE_CLOSE


@pytest.mark.parametrize("change", [lambda p: 255 - p, lambda p: p[:, ::-1], lambda p: p[30:, 30:]])
def test_a_negative_a_mirrored_and_a_much_smaller_part_are_not(scene, change: Callable[[Pixels], Pixels]) -> None:
    assert like(scene(1), np.ascontiguousarray(change(scene(1)))) < likeness.ALIKE_CLOSE


def test_sharing_a_gradient_is_not_being_alike(scene) -> None:
    """Two skies grow brighter to the horizon; what is in them decides."""
    slope = np.linspace(0, 120, 160)[:, None, None]
    skies = [(scene(seed) * 0.15 + slope + 40).astype(np.uint8) for seed in range(12)]
    for one, other in pairwise(skies):
        assert np.corrcoef(small(one).ravel(), small(other).ravel())[0, 1] > 0.85
        assert like(one, other) < likeness.ALIKE_CLOSE


def test_what_is_clipped_to_white_is_not_compared(scene) -> None:
    """Of a copy this bright half is gone, and the rest has not moved."""
    gray = cv2.cvtColor(small(scene(5)), cv2.COLOR_GRAY2BGR)
    clipped = cv2.convertScaleAbs(gray, alpha=2.4)
    assert (clipped > 250).mean() > 0.3
    assert like(gray, clipped) > 0.95


def test_a_simple_shape_that_lies_elsewhere_is_not_alike() -> None:
    """A black frame with a bright corner is not the same as one with a larger corner."""
    one, other = (np.full((160, 160, 3), 4, np.uint8) for _ in range(2))
    cv2.fillPoly(one, [np.array([[160, 130], [160, 160], [100, 160]])], (200, 200, 200))
    cv2.fillPoly(other, [np.array([[160, 120], [160, 160], [80, 160]])], (200, 200, 200))
    assert like(one, other) < likeness.ALIKE_CLOSE


def test_it_is_the_same_in_both_directions_and_in_any_batch(scene) -> None:
    left = np.stack([small(scene(seed)) for seed in range(140)])
    right = np.stack([small(scene(seed)[4:, :]) for seed in range(140)])
    there = likeness.likeness(left, right)
    assert np.allclose(there, likeness.likeness(right, left), atol=0.05)
    assert np.allclose(there[135:], likeness.likeness(left[135:], right[135:]), atol=1e-4)


def test_close_hashes_allow_a_lesser_likeness() -> None:
    found = likeness.alike(np.array([0.86, 0.8, 0.8, 0.6], np.float32), np.array([12, 12, 8, 0], np.uint8))
    assert found.tolist() == [True, False, True, False]


def test_the_same_pixels_in_another_format_are_the_same(written: Callable[..., Path], scene) -> None:
    one, other = written("a.png", scene(1)), written("b.bmp", scene(1))
    assert likeness.same_pixels(str(one), str(other))
    assert not likeness.same_pixels(str(one), str(written("c.jpg", scene(1))))
    assert not likeness.same_pixels(str(one), str(written("d.png", scene(1, 80))))
