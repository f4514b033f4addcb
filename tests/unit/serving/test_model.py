from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from workbench.errors import ModelError
from workbench.serving.model import load_model
from workbench.serving.spec import read_spec


def plain(red: int, green: int, blue: int, shape: tuple[int, int] = (64, 64)) -> np.ndarray:
    return np.full((*shape, 3), (blue, green, red), dtype=np.uint8)


def test_detections_carry_class_confidence_and_pixels_of_the_original_image(model_folder: Path) -> None:
    first, second = load_model(model_folder).predict(plain(255, 0, 0, (128, 128)))
    assert (first.class_id, first.name, first.confidence) == (0, "red", 1.0)
    assert first.box == (12.0, 12.0, 52.0, 52.0)
    assert second.box == (78.0, 50.0, 98.0, 110.0)
    assert second.confidence == pytest.approx(0.8)


def test_boxes_are_clipped_to_an_image_that_was_letterboxed(model_folder: Path) -> None:
    # 64 x 16 lies in rows 24-39 of the input: the box of rows 6-26 ends 2 rows into it, that of 25-55 leaves it
    boxes = [found.box for found in load_model(model_folder).predict(plain(255, 0, 0, (16, 64)))]
    assert boxes == [(6.0, 0.0, 26.0, 2.0), (39.0, 1.0, 49.0, 16.0)]


def test_thresholds_default_to_the_spec_and_zero_is_a_value(make_model_folder: Callable[..., Path]) -> None:
    model = load_model(make_model_folder(conf=0.85, iou=1.0))
    image = plain(255, 0, 0)
    assert [round(found.confidence, 3) for found in model.predict(image)] == [1.0, 0.9]
    assert [round(found.confidence, 3) for found in model.predict(image, iou=0.5)] == [1.0]
    assert len(model.predict(image, conf=0.0)) == 3


def test_a_black_image_gives_no_detections(model_folder: Path) -> None:
    model = load_model(model_folder)
    assert model.predict(plain(0, 0, 0)) == []
    assert model.candidates(plain(0, 0, 0)) == 0
    assert model.candidates(plain(255, 0, 0)) == 3


def test_many_threads_get_what_one_gets(model_folder: Path) -> None:
    model = load_model(model_folder)
    images = [plain(level, 255 - level, 90, (40 + level, 70)) for level in range(0, 250, 10)]
    alone = [model.predict(image) for image in images]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(model.predict, images * 8)) == alone * 8


def test_another_task_than_detect_is_refused(make_model_folder: Callable[..., Path]) -> None:
    with pytest.raises(ModelError, match=r"task 'segment'\. The endpoint answers detect models"):
        load_model(make_model_folder(task="segment"))


def test_a_file_that_is_not_the_one_of_the_spec_is_refused(make_model_folder: Callable[..., Path]) -> None:
    with pytest.raises(ModelError, match="sha256"):
        load_model(make_model_folder(sha256="0" * 64))


@pytest.mark.parametrize("changes", [{"imgsz": (64, 96)}, {"names": ("red", "green")}, {"output": "end2end"}])
def test_a_spec_that_does_not_fit_the_graph_is_refused(
    make_model_folder: Callable[..., Path], changes: dict[str, object]
) -> None:
    with pytest.raises(ModelError, match="Its spec says"):
        load_model(make_model_folder(**changes))


def test_a_file_that_is_no_onnx_model_is_refused(make_model_folder: Callable[..., Path]) -> None:
    folder = make_model_folder(sha256=hashlib.sha256(b"garbage").hexdigest())
    (folder / read_spec(folder).weights).write_bytes(b"garbage")
    with pytest.raises(ModelError, match="does not load"):
        load_model(folder)


def test_a_missing_model_file_is_refused(model_folder: Path) -> None:
    (model_folder / read_spec(model_folder).weights).unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        load_model(model_folder)
