"""Detections of two ways of answering are matched box by box."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.exports.matching import Seen, agreement, whole


def seen(*rows: tuple[float, ...]) -> Seen:
    return Seen(np.array(rows, dtype=np.float64).reshape(-1, 6), (100, 200))


def test_boxes_are_matched_by_class_and_nearness_whatever_their_order() -> None:
    first, second = (10, 10, 50, 50, 0.9, 0), (12, 10, 50, 50, 0.8, 0)
    found = agreement([(seen(first, second), seen((12, 10, 50, 50.5, 0.8, 0), (10, 10, 50, 50, 0.91, 0)))])
    assert (found.boxes, found.matched, found.images_differing, found.box_px) == (2, 2, 0, 0.5)
    assert found.confidence == pytest.approx(0.01)


@pytest.mark.parametrize(
    "other",
    [seen(), seen((1, 1, 9, 9, 0.5, 1)), seen((1, 1, 9, 9, 0.5, 0), (1, 1, 9, 9, 0.5, 0))],
    ids=["missing", "another class", "one too many"],
)
def test_a_box_without_a_counterpart_makes_the_image_differ(other: Seen) -> None:
    same = seen((1, 1, 9, 9, 0.5, 0))
    assert agreement([(same, other), (same, same)]).images_differing == 1


def test_whole_boxes_touch_no_edge_and_have_an_area() -> None:
    inside = (1, 1, 9, 9, 0.5, 0)
    clipped = [(0, 1, 9, 9, 0.5, 0), (1, 0, 9, 9, 0.5, 0), (1, 1, 200, 9, 0.5, 0), (1, 1, 9, 100, 0.5, 0)]
    assert whole(seen(inside, *clipped, (1, 1, 2, 2, 0.5, 0))) == 1
    assert whole(seen()) == 0
