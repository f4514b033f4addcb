"""A real training goes through the images that lint says, and through no others; or it stops where lint says so."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.datasets import faulty, faulty_images, faulty_labels, predicted
from tests.contract.datasets.faulty import Family
from tests.contract.datasets.scanned import ask

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("faulty")]
# Of these the scan says nothing, and the training stops when their turn comes
UNDECODABLE = ("garbage inside", "nearly too many pixels", "bmp cut", "tiff cut", "jpeg 2000 cut", "float tiff")


def _chosen(root: Path) -> dict[str, Family]:
    families = {family.name: family for family in faulty.build(root)}
    chosen = {name: families.pop(name) for name in ("detect", "segment", "classes", "images")}
    for name in families:
        shutil.rmtree(root / name)
    for name in ("classes", "images"):
        for case in UNDECODABLE:
            (root / name / chosen[name].images[case]).unlink()
    return {**chosen, "stops": _stops(root, "garbage inside", faulty_images.IMAGES["garbage inside"][1])}


def _stops(root: Path, case: str, make: Callable[[], bytes]) -> Family:
    """Write a dataset of fine images and one of ``case``."""
    family = Family("stops", "detect")
    for number in range(8):
        shown = make() if not number else faulty_images.saved("JPEG")
        family.images[case if not number else f"fine {number}"] = f"images/train/{number}.jpg"
        faulty.write(root / "stops" / f"images/train/{number}.jpg", shown)
        faulty.write(root / "stops" / f"labels/train/{number}.txt", faulty_labels.GOOD)
    return faulty.finish(root, family, {"labels/val/fine.txt": faulty_labels.GOOD})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path, dict[str, Family]]:
    root = tmp_path_factory.mktemp("trained")
    families = _chosen(root / "theirs")
    _chosen(root / "ours")
    return ask("trained_on", root / "theirs", root / "home"), root / "ours", families


@pytest.mark.parametrize("name", ["detect", "segment", "classes", "images"])
def test_a_training_goes_through_what_lint_says_it_keeps(trained: Any, name: str) -> None:
    """All of it in one epoch, and nothing that lint says is dropped."""
    done, ours, families = trained
    assert done[name]["error"] is None
    said = predicted.fates(ours / name, *predicted.look(ours / name, families[name].task))
    assert set(done[name]["trained"]) == set(said)
    assert len(said) < len(families[name].images)


def test_an_image_that_passes_the_scan_and_cannot_be_decoded_stops_the_training(trained: Any) -> None:
    """Why the rule image-undecodable is an error, though no image is dropped."""
    done, *_ = trained
    assert "Image Not Found" in done["stops"]["error"]
