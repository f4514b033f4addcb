"""What two ways of answering see is matched object by object."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from workbench.exports.matching import Agreement, Rows, Seen, agreement, mask_ious, match, whole
from workbench.exports.matching_rotated import overlap

BOX = (10.0, 10.0, 50.0, 50.0, 0.9, 0.0)


def seen(*rows: tuple[float, ...], **extras: Any) -> Seen:
    return Seen(np.array(rows, dtype=np.float64).reshape(-1, 6), (100, 200), **extras)


def corners(cx: float, cy: float, width: float, height: float, angle: float) -> Rows:
    """Return a rotated box as ultralytics writes it, shape (1, 4, 2)."""
    along = np.array([math.cos(angle), math.sin(angle)]) * width / 2
    across = np.array([-math.sin(angle), math.cos(angle)]) * height / 2
    centre = np.array([cx, cy])
    return np.array(
        [[centre + along + across, centre + along - across, centre - along - across, centre - along + across]]
    )


def turned(angle: float, width: float = 40, height: float = 20) -> Seen:
    return seen(BOX, corners=corners(30, 30, width, height, angle))


def test_boxes_are_matched_by_class_and_nearness_whatever_their_order() -> None:
    first, second = (10, 10, 50, 50, 0.9, 0), (12, 10, 50, 50, 0.8, 0)
    found = agreement([(seen(first, second), seen((12, 10, 50, 50.5, 0.8, 0), (10, 10, 50, 50, 0.91, 0)))])
    assert (found.boxes, found.matched, found.images_differing, found.box_px) == (2, 2, 0, 0.5)
    assert found.confidence == pytest.approx(0.01)
    assert found.iou_min == pytest.approx(40 / 40.5)
    assert found.iou_mean == pytest.approx((1 + 40 / 40.5) / 2)


def test_boxes_that_are_farther_apart_than_was_asked_for_are_counted() -> None:
    moved, paler = (*BOX[:3], BOX[3] + 2, *BOX[4:]), (*BOX[:4], BOX[4] - 0.02, BOX[5])
    pairs = [(seen(BOX), seen(BOX)), (seen(BOX), seen(moved)), (seen(BOX), seen(paler)), (seen(BOX), seen())]
    found = agreement(pairs, px=1, slack=0.01)
    assert (found.beyond, found.missed, found.differing, found.matched) == (2, 1, 3, 3)
    assert agreement(pairs, px=3, slack=0.03).differing == 1
    corner = agreement([(turned(0.3), turned(0.3, width=44))], px=1, slack=0.01)
    assert (corner.beyond, round(corner.box_px, 2)) == (1, 1.91)


def test_as_many_boxes_as_possible_find_a_partner() -> None:
    # The nearest of the first box is the only one that the second box can have
    near, far = (0, 0, 10, 10, 0.5, 0), (4, 0, 14, 10, 0.5, 0)
    only, shared = (-3, 0, 7, 10, 0.5, 0), (2, 0, 12, 10, 0.5, 0)
    assert len(match(seen(near, far).rows, seen(shared, only).rows).same) == 2


@pytest.mark.parametrize(
    ("other", "counts"),
    [
        (seen(), (0, 1, 0, 0)),
        (seen((*BOX[:5], 1)), (0, 0, 0, 1)),
        (seen(BOX, BOX), (1, 0, 1, 0)),
        (seen((150, 10, 190, 50, 0.9, 0)), (0, 1, 1, 0)),
        (seen((150, 10, 190, 50, 0.9, 1)), (0, 1, 1, 0)),
    ],
    ids=["missing", "another class", "one too many", "elsewhere", "elsewhere, of another class"],
)
def test_a_box_without_a_counterpart_makes_the_image_differ(other: Seen, counts: tuple[int, ...]) -> None:
    found = agreement([(seen(BOX), other), (seen(BOX), seen(BOX))])
    assert found.images_differing == 1
    assert (found.matched - 1, found.missed, found.added, found.flipped) == counts


def test_a_box_without_an_area_is_the_same_as_itself() -> None:
    flat = (10, 10, 10, 50, 0.9, 0)
    assert agreement([(seen(flat), seen(flat))]) == Agreement(1, 1, 0, 0.0, 0.0)


def test_a_box_at_the_lowest_confidence_may_be_below_it_for_the_other() -> None:
    barely = (100, 10, 150, 50, 0.25005, 0)
    for pair in ((seen(BOX, barely), seen(BOX)), (seen(BOX), seen(BOX, barely))):
        near, far = (agreement([pair], conf=0.25, slack=slack) for slack in (1e-4, 1e-5))
        assert (near.images_differing, near.borderline) == (0, 1)
        assert (far.images_differing, far.missed + far.added, far.borderline) == (1, 1, 0)


def test_whole_boxes_touch_no_edge_and_have_an_area() -> None:
    inside = (1, 1, 9, 9, 0.5, 0)
    clipped = [(0, 1, 9, 9, 0.5, 0), (1, 0, 9, 9, 0.5, 0), (1, 1, 200, 9, 0.5, 0), (1, 1, 9, 100, 0.5, 0)]
    assert whole(seen(inside, *clipped, (1, 1, 2, 2, 0.5, 0))) == 1
    assert whole(seen()) == 0


def test_masks_are_compared_by_their_overlap() -> None:
    masks = np.zeros((4, 10), dtype=bool)
    masks[0, :4] = masks[1, 1:5] = True
    bits = np.packbits(masks, axis=1)
    assert mask_ious(bits, bits[[0, 0, 2, 3]]) == [1.0, 0.6, 1.0, 1.0]
    found = agreement([(seen(BOX, masks=bits[:1]), seen(BOX, masks=bits[1:2]))])
    assert found.mask_iou == 0.6


def test_keypoints_are_compared_by_place_and_visibility() -> None:
    points = np.array([[[10.0, 20.0, 0.9], [30.0, 40.0, 0.1]]])
    other = points + np.array([[[0.0, 0.5, 0.0], [0.25, 0.0, 0.05]]])
    found = agreement([(seen(BOX, keypoints=points), seen(BOX, keypoints=other))])
    assert found.keypoint_px == 0.5
    assert found.visibility == pytest.approx(0.05)


def test_a_rotated_box_is_the_same_when_its_angle_wraps_around() -> None:
    for same in (turned(0.3 + math.pi), turned(0.3 - math.pi / 2, 20, 40)):
        found = agreement([(turned(0.3), same)])
        assert found.box_px == pytest.approx(0, abs=1e-9)
        assert found.angle == pytest.approx(0, abs=1e-9)
        assert found.iou_min == pytest.approx(1)
    for middle in (math.pi, math.pi / 2, -math.pi / 2):  # where the angle of a box, and of its sides, begins anew
        found = agreement([(turned(middle - 0.001), turned(middle + 0.001))])
        assert found.angle == pytest.approx(0.002)


def test_rotated_boxes_overlap_as_much_as_they_do() -> None:
    square, turned_square = (corners(30, 30, 20, 20, angle)[0] for angle in (0.0, math.pi / 4))
    octagon = 8 * 100 * math.tan(math.pi / 8)
    assert overlap(square, turned_square) == pytest.approx(octagon / (800 - octagon))
    assert overlap(square, corners(40, 30, 20, 20, 0)[0]) == pytest.approx(1 / 3)
    assert overlap(square, corners(90, 30, 20, 20, 0)[0]) == 0
    assert overlap(square, square) == 1
    assert overlap(square, square[::-1]) == pytest.approx(1)


def test_class_scores_are_compared_and_ties_may_change_places() -> None:
    def scored(*scores: float) -> Seen:
        return seen(scores=np.array(scores))

    found = agreement([(scored(0.7, 0.3), scored(0.69, 0.31)), (scored(0.51, 0.49), scored(0.49, 0.51))], slack=0.05)
    assert found.scores == pytest.approx(0.02)
    assert (found.same_top, found.images_differing) == (1, 0)
    assert agreement([(scored(0.7, 0.3), scored(0.3, 0.7))], slack=0.05).images_differing == 1
