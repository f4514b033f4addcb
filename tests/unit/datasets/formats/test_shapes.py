"""Shapes of one object."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.datasets.formats import shapes
from workbench.datasets.formats.shapes import Frame, ShapeError

pytestmark = pytest.mark.slow


def _random_mask(seed, height=23, width=31):
    return (np.random.default_rng(seed).random((height, width)) < 0.4).astype(np.uint8)


@pytest.mark.parametrize("seed", range(8))
def test_a_mask_comes_back_from_its_run_lengths(seed):
    mask = _random_mask(seed)
    counts = shapes.encode(mask)
    shapes.check_rle(counts, 31, 23)
    assert (shapes.decode(counts, 31, 23) == mask).all()


@pytest.mark.parametrize("counts", ["", "Z", "0", "oooooooooo", "\x01", "é"])
def test_damaged_run_lengths_are_refused_before_they_are_decoded(counts):
    with pytest.raises(ShapeError):
        shapes.check_rle(counts, 31, 23)


def test_run_lengths_of_another_size_are_refused():
    with pytest.raises(ShapeError, match="covers 713 pixels, its image has 736"):
        shapes.check_rle(shapes.encode(_random_mask(1)), 32, 23)


def test_uncompressed_run_lengths_have_to_cover_the_image():
    assert shapes.decode(shapes.from_runs([2, 3, 1], 2, 3), 2, 3).tolist() == [[0, 1], [0, 1], [1, 0]]
    with pytest.raises(ShapeError):
        shapes.from_runs([2, 3], 2, 3)
    with pytest.raises(ShapeError):
        shapes.from_runs([-2, 8], 2, 3)
    with pytest.raises(ShapeError):
        shapes.from_runs(["x"], 2, 3)


def test_a_mask_larger_than_any_picture_is_refused():
    with pytest.raises(ShapeError, match="60000x60000"):
        shapes.from_runs([60000 * 60000], 60000, 60000)


def test_a_box_is_in_fractions_whatever_the_order_of_its_corners():
    assert Frame(100, 50).box(30, 5, 10, 25).box == pytest.approx((0.2, 0.3, 0.2, 0.4))


def test_a_turned_box_has_its_corners_clockwise_from_the_upper_left():
    shape = Frame(100, 50).rotated((50, 25), (20, 10), 90)
    assert shape.rings == [pytest.approx([0.55, 0.3, 0.55, 0.7, 0.45, 0.7, 0.45, 0.3])]
    assert shape.box == pytest.approx((0.5, 0.5, 0.1, 0.4))


def test_a_polygon_of_two_points_is_refused():
    with pytest.raises(ShapeError, match="4 numbers"):
        Frame(10, 10).polygon([[1, 1, 2, 2]])


def test_what_an_outline_fills_is_the_mask_again():
    import cv2

    mask = np.zeros((40, 50), np.uint8)
    mask[5:20, 10:30] = 1
    mask[30:38, 2:9] = 1
    rings, holes = shapes.contours(mask)
    filled = np.zeros_like(mask)
    cv2.fillPoly(filled, [np.array(ring).reshape(-1, 2).astype(np.int32) for ring in rings], 1)
    assert holes == 0
    assert (filled == mask).all()


def test_holes_are_counted_and_a_single_pixel_still_has_an_outline():
    mask = np.ones((9, 9), np.uint8)
    mask[4, 4] = 0
    assert shapes.contours(mask)[1] == 1
    (ring,), _ = shapes.contours(np.pad([[1]], 3).astype(np.uint8))
    assert [int(value) for value in ring] == [3] * 8
    assert shapes.ring_area(ring) > 0


def test_joined_rings_fill_the_same_area():
    import cv2

    rings = [[1, 1, 9, 1, 9, 9, 1, 9], [20, 20, 29, 20, 29, 29, 20, 29], [2, 20, 8, 20, 8, 27, 2, 27]]
    apart, together = np.zeros((32, 32), np.uint8), np.zeros((32, 32), np.uint8)
    for ring in rings:
        cv2.fillPoly(apart, [np.array(ring).reshape(-1, 2)], 1)
    cv2.fillPoly(together, [np.array(shapes.joined(rings)).reshape(-1, 2).astype(int)], 1)
    assert (together >= apart).all()
    assert int(together.sum()) - int(apart.sum()) < 30  # the bridges, a pixel wide
    assert sum(map(shapes.ring_area, rings)) == pytest.approx(shapes.ring_area(shapes.joined(rings)))
