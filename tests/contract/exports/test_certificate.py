from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from workbench.errors import DatasetError, ExportError
from workbench.exports.certificate import (
    CERTIFICATE_NAME,
    Agreement,
    Parity,
    _Seen,
    _whole,
    agreement,
    compare,
    read_certificate,
    write_certificate,
)
from workbench.exports.exporter import export_onnx

SAME = Agreement(boxes=100, matched=100, images_differing=0, box_px=0.01, confidence=1e-4)
GOOD = Parity(16, 0.25, 0.7, SAME, SAME, 6.25, 0.95, 40, "a" * 64, "b" * 64, {"torch": "2"})


def seen(*rows: tuple[float, ...]) -> _Seen:
    return _Seen(np.array(rows, dtype=np.float64).reshape(-1, 6), (100, 200))


def test_an_export_answers_like_its_checkpoint_and_the_endpoint_like_ultralytics(
    checkpoint: Path, images: list[Path], tmp_path: Path
) -> None:
    folder = export_onnx(checkpoint, tmp_path / "export", imgsz=64).folder
    parity = compare(checkpoint, folder, images)
    assert parity.images == 16
    assert parity.boxes_mean > 2
    assert parity.suppressed
    assert parity.export.within_tolerance, parity.export
    assert parity.serving == Agreement(parity.export.boxes, parity.export.boxes, 0, 0.0, 0.0)
    assert 0 <= parity.non_degenerate <= 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"images": 15}, "15 images were compared"),
        ({"export": replace(SAME, box_px=0.0101)}, "export differs"),
        ({"export": replace(SAME, confidence=1.1e-4)}, "export differs"),
        ({"export": replace(SAME, images_differing=1)}, "export differs"),
        ({"serving": replace(SAME, box_px=1.0)}, "endpoint differs"),
        ({"non_degenerate": 0.9}, "90% of the boxes are whole"),
        ({"export": Agreement(0, 0, 0, 0, 0)}, "sees nothing"),
    ],
)
def test_each_condition_that_is_not_met_is_said(change: dict[str, object], said: str) -> None:
    assert GOOD.passed
    parity = replace(GOOD, **change)
    assert not parity.passed
    (failure,) = parity.failures
    assert said in failure


def test_a_certificate_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = write_certificate(GOOD, tmp_path)
    assert read_certificate(tmp_path) == GOOD
    assert json.loads(path.read_text())["passed"] is True
    assert [found.name for found in tmp_path.iterdir()] == [CERTIFICATE_NAME]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1, "passed": true, "failures": []}'])
def test_a_damaged_certificate_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / CERTIFICATE_NAME).write_text(text)
    with pytest.raises(ExportError):
        read_certificate(tmp_path)


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
def test_a_box_without_a_counterpart_makes_the_image_differ(other: _Seen) -> None:
    same = seen((1, 1, 9, 9, 0.5, 0))
    assert agreement([(same, other), (same, same)]).images_differing == 1


def test_whole_boxes_touch_no_edge_and_have_an_area() -> None:
    whole = (1, 1, 9, 9, 0.5, 0)
    clipped = [(0, 1, 9, 9, 0.5, 0), (1, 0, 9, 9, 0.5, 0), (1, 1, 200, 9, 0.5, 0), (1, 1, 9, 100, 0.5, 0)]
    assert _whole(seen(whole, *clipped, (1, 1, 2, 2, 0.5, 0))) == 1
    assert _whole(seen()) == 0


def test_no_images_or_an_unreadable_one_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no images"):
        compare(checkpoint, tmp_path, [])
    folder = export_onnx(checkpoint, tmp_path / "export", imgsz=64).folder
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    with pytest.raises(DatasetError, match=r"broken\.jpg"):
        compare(checkpoint, folder, [tmp_path / "broken.jpg"])
