"""Small datasets made of faulty files, a family for each way of reading them: one image is one case.

``build`` writes them all; it writes the same bytes each time, so that one copy can be given to ultralytics, which
changes files, and another to the workbench.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from tests.contract.datasets import faulty_labels
from tests.contract.datasets.faulty_images import IMAGES, SIDE, pixels, saved, turned

_JPEG, _PNG = saved("JPEG"), saved("PNG")
_TRAIN = "images/train"


@dataclass
class Family:
    """A dataset of cases.

    Attributes:
        name: of its folder.
        task: that ultralytics reads it for.
        options: keys of its data.yaml beside the usual ones.
        classes: number of classes.
        images: path of the image, relative to the folder, by the name of the case.
    """

    name: str
    task: str
    options: dict[str, Any] = field(default_factory=dict)
    classes: int = 2
    images: dict[str, str] = field(default_factory=dict)


def build(root: Path) -> list[Family]:
    """Write every family below ``root``."""
    return [made for make in _MAKERS for made in make(root)]


def write(path: Path, content: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def _stem(case: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", case.lower().replace("-", "m").replace("+", "p")).strip("-")


def labelled(root: Path, family: Family, cases: dict[str, str | bytes | None]) -> Family:
    folder = root / family.name
    for number, (case, label) in enumerate(cases.items()):
        stem = f"{number:03}-{_stem(case)}"
        family.images[case] = f"{_TRAIN}/{stem}.jpg"
        write(folder / family.images[case], _JPEG)
        if label is not None:
            write(folder / f"labels/train/{stem}.txt", label)
    good = next(label for label in cases.values() if label)
    return finish(root, family, {"labels/val/fine.txt": good})


def finish(root: Path, family: Family, companions: dict[str, bytes | str]) -> Family:
    """Add a val split that nothing is wrong with, and the data.yaml."""
    folder = root / family.name
    write(folder / "images/val/fine.jpg", _JPEG)
    for path, content in companions.items():
        write(folder / path, content)
    names = {at: f"class {at}" for at in range(family.classes)}
    content = {"path": str(folder), "train": "images/train", "val": "images/val", "names": names, **family.options}
    write(folder / "data.yaml", yaml.safe_dump(content))
    write(folder / "family.json", json.dumps({"task": family.task}))
    return family


def _labels(root: Path) -> Iterator[Family]:
    yield labelled(root, Family("detect", "detect"), faulty_labels.DETECT)
    yield labelled(root, Family("segment", "segment"), faulty_labels.SEGMENT)
    yield labelled(root, Family("polygons", "semantic"), faulty_labels.SEGMENT)
    yield labelled(root, Family("pose", "pose", {"kpt_shape": [2, 3]}), faulty_labels.POSE)
    yield labelled(root, Family("flat-pose", "pose", {"kpt_shape": [2, 2]}), faulty_labels.FLAT_POSE)
    yield labelled(root, Family("boxes-of-pose", "detect", {"kpt_shape": [2, 3]}), faulty_labels.BOXES_OF_POSE)
    yield labelled(root, Family("obb", "obb"), faulty_labels.OBB)


def _images(root: Path) -> Iterator[Family]:
    family = Family("images", "detect")
    for number, (case, (suffix, make)) in enumerate(IMAGES.items()):
        stem = f"{number:03}-{_stem(case)}"
        family.images[case] = f"{_TRAIN}/{stem}.{suffix}"
        write(root / family.name / family.images[case], make())
        write(root / family.name / f"labels/train/{stem}.txt", faulty_labels.GOOD)
    yield finish(root, family, {"labels/val/fine.txt": faulty_labels.GOOD})


_NAMES = {
    "a hash": "photo#1.jpg",
    "blanks": "my photo 1.jpg",
    "korean": "사진.jpg",
    "korean, decomposed": "사진.jpg",
    "quotes": 'it\'s "one".jpg',
    "percent": "50%20.jpg",
    "brackets": "a[1]{2}*?.jpg",
    "markup": "<img src=x onerror=alert(1)>.jpg",
    "two suffixes": "a.b.c.jpg",
    "suffix within": "a.jpg.png",
    "a leading dash": "-a.jpg",
    "a trailing blank": "a .jpg",
    "escape character": "a\x1b[31m.jpg",
    "a line break": "a\nb.jpg",
    "a folder deeper": "deeper/still/a.jpg",
    "a folder called images": "images/a.jpg",
    "a folder called labels": "labels/a.jpg",
    "a folder with a dot": "v1.2/a.jpg",
    "a long name": "n" * 200 + ".jpg",
    "not utf-8": "caf" + b"\xe9".decode("utf-8", "surrogateescape") + ".jpg",
}


_UNSEEN = {
    "gif": "a.gif",
    "jfif": "a.jfif",
    "no suffix": "plain",
    "hidden": ".hidden.jpg",
    "in a hidden folder": ".hidden/a.jpg",
    "backup": "a.jpg~",
}
_LINKED = {
    "linked image": "linked.jpg",
    "linked label": "linked-label.jpg",
    "label of a dangling link": "dangling-label.jpg",
    "label that is a folder": "folder-label.jpg",
    "label of an upper-case suffix": "upper.jpg",
    "stem shared, jpg": "shared.jpg",
    "stem shared, png": "shared.png",
}
_ODD_FILES = {
    "image of a dangling link": "dangling.jpg",
    "in a linked folder": "linked-folder/inside.jpg",
    "a folder named like an image": "folder.jpg",
}


def _names(root: Path) -> Iterator[Family]:
    family = Family("names", "detect")
    folder = root / family.name
    for case, name in _NAMES.items():
        _put(folder, family, case, f"{_TRAIN}/{name}")
    for case, name in _UNSEEN.items():
        _put(folder, family, case, f"{_TRAIN}/{name}", saved("GIF") if name.endswith("gif") else _JPEG)
    _links(folder, family)
    yield finish(root, family, {"labels/val/fine.txt": faulty_labels.GOOD, "labels/train/orphan.txt": "0 9 9 9 9\n"})


def _put(folder: Path, family: Family, case: str, path: str, content: bytes = _JPEG) -> None:
    family.images[case] = path
    write(folder / path, content)
    here, there = "/images/", "/labels/"
    label = there.join(f"/{path}".rsplit(here, 1)).rpartition(".")[0]
    write(folder / f"{label or there + case}.txt".lstrip("/"), faulty_labels.GOOD)


def _links(folder: Path, family: Family) -> None:
    """Links of images, labels and folders, and things that are not files."""
    store = folder / "store"
    write(store / "blob", _JPEG)
    write(store / "label", "1 0.3 0.3 0.1 0.1\n")
    write(store / "folder/inside.jpg", _JPEG)
    images, labels = folder / _TRAIN, folder / "labels/train"
    for case, path in _LINKED.items():
        family.images[case] = f"{_TRAIN}/{path}"
        write(images / path, _PNG if path.endswith("png") else _JPEG)
    (images / "linked.jpg").unlink()
    (images / "linked.jpg").symlink_to(store / "blob")
    write(labels / "linked.txt", faulty_labels.GOOD)
    (labels / "linked-label.txt").symlink_to(store / "label")
    (labels / "dangling-label.txt").symlink_to(store / "nothing")
    (labels / "folder-label.txt").mkdir()
    write(labels / "upper.TXT", faulty_labels.GOOD)
    write(labels / "shared.txt", faulty_labels.GOOD)
    (images / "dangling.jpg").symlink_to(store / "nothing")
    (images / "linked-folder").symlink_to(store / "folder")
    write(labels / "linked-folder/inside.txt", faulty_labels.GOOD)
    (images / "folder.jpg").mkdir()
    family.images |= {case: f"{_TRAIN}/{path}" for case, path in _ODD_FILES.items()}


def mask(values: Any, mode: str = "L", size: tuple[int, int] = SIDE) -> Image.Image:
    """Return a mask of ``size`` whose upper half is 0 and whose lower half is ``values``."""
    array = np.zeros(size[::-1], np.uint16 if mode == "I;16" else np.uint8)
    array[size[1] // 2 :] = values
    picture = Image.fromarray(array)
    if mode == "P":
        picture.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0])
    return picture if mode in ("L", "P", "I;16") else picture.convert(mode)


def _gray_palette(index: int, level: int) -> Image.Image:
    """Return a mask of a palette of grays, in which the lower half's ``index`` shows as ``level``."""
    picture = mask(index, "P")
    picture.putpalette([level if at == index else 0 for at in range(256) for _ in range(3)])
    return picture


_MASKS: dict[str, tuple[str, Callable[[], bytes] | None]] = {
    "fine": ("png", lambda: saved("PNG", mask(1))),
    "missing": ("png", None),
    "ids to ignore": ("png", lambda: saved("PNG", mask(255))),
    "an id that is no class": ("png", lambda: saved("PNG", mask(2))),
    "of another size": ("png", lambda: saved("PNG", mask(1, size=(32, 24)))),
    "a pixel wider": ("png", lambda: saved("PNG", mask(1, size=(65, 48)))),
    "of colours in a palette": ("png", lambda: saved("PNG", mask(1, "P"))),
    "of a gray in a palette that is a class": ("png", lambda: saved("PNG", _gray_palette(7, 1))),
    "of a gray in a palette that is none": ("png", lambda: saved("PNG", _gray_palette(1, 7))),
    "of 1 bit": ("png", lambda: saved("PNG", mask(255, "1"))),
    "of 16 bits": ("png", lambda: saved("PNG", mask(1, "I;16"))),
    "of 16 bits, an id above 255": ("png", lambda: saved("PNG", mask(300, "I;16"))),
    "rgb": ("png", lambda: saved("PNG", mask(1, "RGB"))),
    "rgb of white": ("png", lambda: saved("PNG", mask(255, "RGB"))),
    "with alpha": ("png", lambda: saved("PNG", mask(1, "LA"))),
    "jpeg": ("jpg", lambda: saved("JPEG", mask(1), quality=100)),
    "bmp": ("bmp", lambda: saved("BMP", mask(1))),
    "gif": ("gif", lambda: saved("GIF", mask(1))),
    "jpeg named png": ("png", lambda: saved("JPEG", mask(1), quality=100)),
    "empty": ("png", lambda: b""),
    "text": ("png", lambda: b"0 0.5 0.5 0.2 0.2\n"),
    "cut": ("png", lambda: saved("PNG", pixels("L"))[:200]),
    "of another channel count": ("tif", lambda: saved("TIFF", mask(1))),
}


_TURNED = {"turned image, upright mask": SIDE[::-1], "turned image, unturned mask": SIDE}


def _masks(root: Path) -> Iterator[Family]:
    family = Family("masks", "semantic", {"masks_dir": "masks"})
    for number, (case, (suffix, make)) in enumerate(_MASKS.items()):
        stem = f"{number:03}-{_stem(case)}"
        family.images[case] = f"{_TRAIN}/{stem}.jpg"
        write(root / family.name / family.images[case], _JPEG)
        if make:
            write(root / family.name / f"masks/train/{stem}.{suffix}", make())
    for case, size in _TURNED.items():
        family.images[case] = f"{_TRAIN}/{_stem(case)}.jpg"
        write(root / family.name / family.images[case], turned("JPEG", 6))
        write(root / family.name / f"masks/train/{_stem(case)}.png", saved("PNG", mask(1, size=size)))
    yield finish(root, family, {"masks/val/fine.png": saved("PNG", mask(1))})


def _array(values: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


def _depth(size: tuple[int, int] = SIDE) -> bytes:
    values = np.full(size[::-1], 1500, np.uint16)
    return saved("PNG", Image.fromarray(values))


_METRES = np.full(SIDE[::-1], 1.5, np.float32)
_DEPTHS: dict[str, dict[str, bytes]] = {
    "fine": {"png": _depth()},
    "missing": {},
    "array": {"npy": _array(_METRES)},
    "array of doubles": {"npy": _array(_METRES.astype(np.float64))},
    "array of halves": {"npy": _array(_METRES.astype(np.float16))},
    "array of whole numbers": {"npy": _array(np.ones(SIDE[::-1], np.int32))},
    "array of three dimensions": {"npy": _array(_METRES[..., None])},
    "array of objects": {"npy": _array(np.array([[{}]], dtype=object))},
    "array cut": {"npy": _array(_METRES)[:200]},
    "array of nothing": {"npy": b""},
    "half size": {"png": _depth((32, 24))},
    "1 % wider": {"png": _depth((640, 475))},
    "3 % wider": {"png": _depth((640, 466))},
    "turned": {"png": _depth(SIDE[::-1])},
    "8 bits": {"png": saved("PNG", pixels("L"))},
    "rgb": {"png": saved("PNG")},
    "jpeg named png": {"png": saved("JPEG", pixels("L"))},
    "tiff": {"tif": saved("TIFF", pixels("I;16"))},
    "cut": {"png": saved("PNG", pixels("I;16"))[:200]},
    "empty": {"png": b""},
    "png and array": {"png": _depth(), "npy": _array(np.ones((3, 3, 3)))},
}


def _depths(root: Path) -> Iterator[Family]:
    family = Family("depth", "depth", {"nc": 1}, classes=1)
    for number, (case, files) in enumerate(_DEPTHS.items()):
        stem = f"{number:03}-{_stem(case)}"
        family.images[case] = f"{_TRAIN}/{stem}.jpg"
        write(root / family.name / family.images[case], _JPEG)
        for suffix, content in files.items():
            write(root / family.name / f"depth/train/{stem}.{suffix}", content)
    yield finish(root, family, {"depth/val/fine.png": _depth()})


_AMONG_CLASSES = {"deeper": "train/cat/deeper/a.jpg", "text": "train/cat/readme.txt", "gif": "train/cat/a.gif"}


def _classes(root: Path) -> Iterator[Family]:
    """One folder a class; the images are the same as for boxes, since other code looks at them."""
    family = Family("classes", "classify")
    folder = root / family.name
    for number, (case, (suffix, make)) in enumerate(IMAGES.items()):
        name = ("cat", "개", "my dog")[number % 3]
        family.images[case] = f"train/{name}/{number:03}-{_stem(case)}.{suffix}"
        write(folder / family.images[case], make())
    for case, path in _AMONG_CLASSES.items():
        family.images[case] = path
        write(folder / path, saved("GIF") if path.endswith("gif") else _JPEG)
    for name in ("cat", "개", "my dog"):
        write(folder / f"val/{name}/fine.jpg", _JPEG)
    write(folder / "family.json", json.dumps({"task": "classify"}))
    yield family


_MAKERS = (_labels, _images, _names, _masks, _depths, _classes)

CASES: dict[str, tuple[str, ...]] = {
    "detect": tuple(faulty_labels.DETECT),
    "segment": tuple(faulty_labels.SEGMENT),
    "polygons": tuple(faulty_labels.SEGMENT),
    "pose": tuple(faulty_labels.POSE),
    "flat-pose": tuple(faulty_labels.FLAT_POSE),
    "boxes-of-pose": tuple(faulty_labels.BOXES_OF_POSE),
    "obb": tuple(faulty_labels.OBB),
    "images": tuple(IMAGES),
    "names": (*_NAMES, *_UNSEEN, *_LINKED, *_ODD_FILES),
    "masks": (*_MASKS, *_TURNED),
    "depth": tuple(_DEPTHS),
    "classes": (*IMAGES, *_AMONG_CLASSES),
}
"""The names of the cases by that of their family, without anything being written."""
