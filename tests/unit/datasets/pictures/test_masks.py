"""What a mask marks on its image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench.datasets.pictures.masks import Masks
from workbench.errors import DatasetError


def write(path: Path, values: np.ndarray) -> str:
    Image.fromarray(values.astype(np.uint8)).save(path)
    return str(path)


@pytest.fixture
def ring(tmp_path: Path) -> str:
    """Class 2 with a hole of class 0 in it, ignored pixels around."""
    values = np.full((40, 60), 255)
    values[10:30, 10:50] = 2
    values[15:25, 20:40] = 0
    return write(tmp_path / "mask.png", values)


def test_each_class_has_its_outline_and_a_hole_is_a_ring_of_its_own(ring: str) -> None:
    inner, outer = Masks().shapes(ring, (60, 40))
    assert (inner["c"], inner["b"], len(inner["r"])) == (0, [20, 15, 20, 10], 1)
    assert (outer["c"], outer["b"], len(outer["r"])) == (2, [10, 10, 40, 20], 2)
    assert {round(x) for x in outer["r"][0][::2]} <= {10, 11, 49, 50}


def test_shapes_are_in_pixels_of_the_picture(ring: str) -> None:
    inner, outer = Masks().shapes(ring, (30, 20))
    assert (inner["b"], outer["b"]) == ([10, 8, 10, 5], [5, 5, 20, 10])


def test_values_mean_what_the_mapping_says(ring: str) -> None:
    (only,) = Masks({0: 255, 2: 7}).shapes(ring, (60, 40))
    assert (only["c"], len(only["r"])) == (7, 2)


def test_specks_and_values_that_are_no_classes_are_left_out(tmp_path: Path) -> None:
    values = np.full((40, 60), 255)
    values[3, 3] = 1
    assert Masks().shapes(write(tmp_path / "speck.png", values), (60, 40)) == []
    deep = np.full((40, 60), 3000, np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert Masks().shapes(str(tmp_path / "deep.png"), (60, 40)) == []


def test_a_mask_that_is_missing_or_torn_marks_nothing(ring: str, tmp_path: Path) -> None:
    assert Masks().shapes(str(tmp_path / "none.png"), (60, 40)) == []
    torn = tmp_path / "torn.png"
    torn.write_bytes(Path(ring).read_bytes()[:50])
    assert Masks().shapes(str(torn), (60, 40)) == []


def test_a_mapping_that_cannot_be_understood_is_refused() -> None:
    with pytest.raises(DatasetError, match="label_mapping"):
        Masks({"road": "grey"})
