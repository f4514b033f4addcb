"""Lint says before a training what ultralytics will do with each image: keep it, drop it, or rewrite it.

Two copies of the same faulty files: the installed ultralytics reads one as a training does, the workbench the other.
The first 37 cases of the tables in ``faulty_labels`` and ``faulty_images`` are those that the design was made for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tests.contract.datasets import faulty, faulty_random, predicted
from tests.contract.datasets.faulty import Family
from tests.contract.datasets.scanned import ask

pytestmark = pytest.mark.xdist_group("faulty")
_CASES = [(family, case) for family, cases in faulty.CASES.items() for case in cases]


@dataclass(frozen=True)
class Both:
    """What ultralytics did and what lint said and why, by family and image; and what it said of no image."""

    families: dict[str, Family]
    done: dict[str, dict[str, Any]]
    said: dict[str, dict[str, dict[str, Any]]]
    why: dict[str, dict[str, set[tuple[str, int]]]]
    beside: dict[str, set[tuple[str, str]]]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    root = tmp_path_factory.mktemp("faulty")
    theirs, ours = root / "theirs", root / "ours"
    families = {family.name: family for family in (*faulty.build(theirs), *faulty_random.build(theirs))}
    for build in (faulty.build, faulty_random.build):
        build(ours)
    looks = {name: (ours / name, *predicted.look(ours / name, family.task)) for name, family in families.items()}
    return Both(
        families,
        done=ask("scanned", theirs, root / "home"),
        said={name: predicted.fates(*look) for name, look in looks.items()},
        why={name: predicted.reasons(*look) for name, look in looks.items()},
        beside={name: predicted.beside(report) for name, (_, _, report) in looks.items()},
    )


@pytest.mark.parametrize(("family", "case"), _CASES, ids=[f"{family}: {case}" for family, case in _CASES])
def test_lint_says_what_ultralytics_does(both: Both, family: str, case: str) -> None:
    """Kept or dropped, rewritten or not, of which size, and with which rows."""
    _compare(both, family, case)


@pytest.mark.parametrize("task", ["detect", "segment", "pose", "obb"])
def test_lint_says_what_ultralytics_does_with_files_drawn_at_random(both: Both, task: str) -> None:
    """Three hundred a task, of which both keep some and drop some."""
    family = both.families[f"random-{task}"]
    for case in family.images:
        _compare(both, family.name, case)
    assert 60 < len(both.said[family.name]) < 240


def test_every_case_that_is_built_is_compared(both: Both) -> None:
    """The list of cases and what is written are kept apart, for the sake of time."""
    built = {name: tuple(family.images) for name, family in both.families.items() if not name.startswith("random")}
    assert {name: sorted(cases) for name, cases in built.items()} == {
        name: sorted(cases) for name, cases in faulty.CASES.items()
    }
    assert sum(map(len, built.values())) == len(_CASES) > 450


def _compare(both: Both, family: str, case: str) -> None:
    image = ascii(both.families[family].images[case])
    done, said = both.done[family]["kept"].get(image), both.said[family].get(image)
    assert (said is not None) == (done is not None), f"{case}: {'kept' if done else 'dropped'}"
    if done and said:
        assert said["rewritten"] == done["rewritten"]
        assert said["size"] == done["size"]
        assert len(said["rows"]) == len(done["rows"]), case
        np.testing.assert_allclose(_ordered(said), _ordered(done), rtol=1e-5, atol=1e-6, err_msg=case)


def _ordered(fate: dict[str, Any]) -> list[list[float]]:
    return sorted(fate["rows"], key=lambda row: [round(value, 4) for value in row])


def test_no_image_is_kept_that_ultralytics_does_not_see(both: Both) -> None:
    """What it lists and what the workbench lists are the same files."""
    for name in both.families:
        assert set(both.said[name]) == set(both.done[name]["kept"]), name


# Which rule it is, and in which line: each case of old, and what is easily taken for something else
_RULES = {
    "class beyond names": ("label-class-unknown", 1),
    "class beyond names in the second row": ("label-class-unknown", 2),
    "class equal to the number of names": ("label-class-unknown", 1),
    "x above 1.01": ("label-outside", 1),
    "pixels": ("label-outside", 1),
    "x below -0.01": ("label-negative", 1),
    "class a half": ("label-class-fraction", 1),
    "four columns": ("label-columns", 1),
    "six columns": ("label-columns", 1),
    "ragged": ("label-columns", 2),
    "text": ("label-number", 1),
    "comma": ("label-number", 1),
    "nan": ("label-not-finite", 1),
    "box and polygon": ("label-mixed", 1),
    "utf-16": ("label-encoding", 0),
    "missing": ("label-missing", 0),
    "empty": ("label-empty", 0),
    "zero size": ("box-zero", 1),
    "tiny": ("box-tiny", 1),
    "leaves the image": ("box-outside", 1),
    "nearly twice": ("box-near-twice", 2),
    "row twice": ("label-row-twice", 2),
    "byte-order mark": ("label-bom", 0),
    "one bad polygon of two": ("label-outside", 2),
    "truncated jpeg": ("image-truncated", 0),
    "0 bytes": ("image-empty", 0),
    "html": ("image-unreadable", 0),
    "8 x 8": ("image-too-small", 0),
    "truncated png": ("image-truncated", 0),
    "png named jpg": ("image-suffix", 0),
    "gray": ("image-gray", 0),
    "two bytes after the end": ("image-jpeg-tail", 0),
    "bomb": ("image-bomb", 0),
    "gif named png": ("image-format", 0),
    "bmp cut": ("image-undecodable", 0),
    "float tiff": ("image-undecodable", 0),
    "cmyk": ("image-cmyk", 0),
    "16 bit png": ("image-16bit", 0),
    "exif 6": ("image-exif-rotated", 0),
    "an id that is no class": ("mask-class", 0),
    "of another size": ("mask-size", 0),
    "turned image, unturned mask": ("mask-size", 0),
    "8 bits": ("depth-unreadable", 0),
    "turned": ("depth-size", 0),
    "image of a dangling link": ("image-missing", 0),
}


@pytest.mark.parametrize("case", _RULES)
def test_lint_says_why(both: Both, case: str) -> None:
    """The rule that fits, at the line where it is."""
    family = next(name for name, cases in both.families.items() if case in cases.images)
    assert _RULES[case] in both.why[family][ascii(both.families[family].images[case])]


def test_a_dropped_image_is_never_dropped_without_a_reason(both: Both) -> None:
    """Each has an issue that says so, at a file that is there to be looked at."""
    for name, why in both.why.items():
        listed = {ascii(path) for path in both.families[name].images.values()} & set(why)
        gone = [image for image in listed - set(both.said[name]) if not why[image]]
        assert gone == [], name


@pytest.mark.parametrize(("rule", "path"), [("image-ignored", "a.gif"), ("label-orphan", "orphan.txt")])
def test_files_that_nobody_looks_at_are_told(both: Both, rule: str, path: str) -> None:
    """ultralytics ignores them without a message."""
    assert any(told == rule and place.endswith(path) for told, place in both.beside["names"])
