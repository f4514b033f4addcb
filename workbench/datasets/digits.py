"""Scenes of real handwritten digits on crops of real photographs, drawn in integer arithmetic.

What lives here: the pixels and the boxes of one scene, and which digits and which parts of the photographs belong to
which split. What does not: files and folders (``samples``).

Every random choice is an integer from one seeded generator and every blend is an integer division, so that two machines
with the same library versions draw the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workbench.errors import DatasetError
from workbench.pillow import opener

Pixels = NDArray[np.uint8]

CLASSES = tuple(str(digit) for digit in range(10))
# Parts of a hundred of the digits and of each photograph's longer side
SHARES = {"train": (0, 60), "val": (60, 80), "test": (80, 100)}
DIGITS_PER_SCENE = (4, 6)
IOU_MAX = 0.05
TILT_MAX_DEGREES = 15  # more, and a 6 begins to be a 9
_INK = 128  # a pixel belongs to the digit when at least half covered
_ONE = 1 << 16


@dataclass(frozen=True)
class Box:
    """A labelled digit: class 0..9 and pixel edges, right and bottom exclusive."""

    label: int
    left: int
    top: int
    right: int
    bottom: int

    def overlap(self, other: Box) -> float:
        """Return the intersection over union with ``other``, 0..1."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        shared = max(0, width) * max(0, height)
        return shared / (self.area + other.area - shared)

    @property
    def area(self) -> int:
        """Pixels inside the box."""
        return (self.right - self.left) * (self.bottom - self.top)

    def yolo(self, size: int) -> str:
        """Return the label row ``class cx cy w h``, normalised to 0..1 of a square of ``size`` pixels."""
        values = (self.left + self.right, self.top + self.bottom)
        centre = " ".join(f"{value / 2 / size:.6f}" for value in values)
        return f"{self.label} {centre} {(self.right - self.left) / size:.6f} {(self.bottom - self.top) / size:.6f}"


@dataclass(frozen=True)
class Material:
    """What one split may use: nothing of it is in another split.

    Attributes:
        digits: uint8, shape (N, 8, 8), ink 0..255.
        labels: int, shape (N,), 0..9.
        photographs: RGB crops, uint8, shape (H, W, 3) each.
    """

    digits: Pixels
    labels: NDArray[np.int64]
    photographs: tuple[Pixels, ...]


def material(split: str) -> Material:
    """Return the digits and the parts of the photographs that belong to ``split`` (train, val or test)."""
    from sklearn.datasets import load_digits

    first, last = SHARES[split]
    bunch = load_digits()
    count = len(bunch.target)
    # In the order of the file, so that the splits differ in writers too, not only in drawings
    chosen = slice(count * first // 100, count * last // 100)
    ink = (bunch.images[chosen].astype(np.int64) * 255 // 16).astype(np.uint8)
    return Material(ink, bunch.target[chosen].astype(np.int64), tuple(part(p, split) for p in photographs()))


def photographs() -> tuple[Pixels, ...]:
    """Return the four photographs, RGB uint8 of shape (H, W, 3).

    Raises:
        DatasetError: when ultralytics, which brings two of them, is not installed.
    """
    from sklearn.datasets import load_sample_image

    spec = find_spec("ultralytics")  # found, not imported: that would load torch
    if spec is None or not spec.submodule_search_locations:
        raise DatasetError(
            "The package 'ultralytics' is not installed.",
            "Its photographs bus.jpg and zidane.jpg are backgrounds of the sample dataset.",
            "Install the workbench with its dependencies (`make setup`).",
        )
    assets = Path(next(iter(spec.submodule_search_locations))) / "assets"
    own = [np.asarray(load_sample_image(name)) for name in ("china.jpg", "flower.jpg")]
    return (*own, *(_read(assets / name) for name in ("bus.jpg", "zidane.jpg")))


def _read(path: Path) -> Pixels:
    with opener()(path) as image:
        return np.asarray(image.convert("RGB"))


def part(photograph: Pixels, split: str) -> Pixels:
    """Return the strip of ``photograph`` that belongs to ``split``, cut across its longer side."""
    first, last = SHARES[split]
    axis = int(photograph.shape[1] >= photograph.shape[0])
    length = photograph.shape[axis]
    strip = slice(length * first // 100, length * last // 100)
    return photograph[strip] if axis == 0 else photograph[:, strip]


def scenes(material: Material, count: int, size: int, rng: np.random.Generator) -> Iterator[tuple[Pixels, list[Box]]]:
    """Draw ``count`` scenes of ``size`` x ``size`` pixels.

    Yields:
        RGB uint8 of shape (size, size, 3), and the boxes of its digits.
    """
    for _ in range(count):
        pixels = background(material, size, rng)
        boxes: list[Box] = []
        for _ in range(int(rng.integers(*DIGITS_PER_SCENE, endpoint=True))):
            index = int(rng.integers(len(material.digits)))
            mask = stamp(material.digits[index], _side(size, rng), _tilt(rng))
            place(pixels, mask, int(material.labels[index]), boxes, rng)
        yield pixels, boxes


def _side(size: int, rng: np.random.Generator) -> int:
    return int(rng.integers(size // 4, size * 3 // 8, endpoint=True))


def _tilt(rng: np.random.Generator) -> int:
    return int(rng.integers(-TILT_MAX_DEGREES, TILT_MAX_DEGREES, endpoint=True))


def background(material: Material, size: int, rng: np.random.Generator) -> Pixels:
    """Cut a random square from one of the photographs and scale it to ``size`` pixels; half of them are mirrored."""
    photograph = material.photographs[int(rng.integers(len(material.photographs)))]
    height, width = photograph.shape[:2]
    longest = min(height, width, size)
    side = int(rng.integers(min(size // 2, longest), longest, endpoint=True))
    top, left = (int(rng.integers(0, room - side, endpoint=True)) for room in (height, width))
    square = Image.fromarray(np.ascontiguousarray(photograph[top : top + side, left : left + side]))
    scaled = np.array(square.resize((size, size), Image.Resampling.BICUBIC))
    return scaled[:, ::-1].copy() if rng.integers(2) else scaled


def stamp(digit: Pixels, side: int, degrees: int) -> Pixels:
    """Scale an 8x8 digit smoothly to about ``side`` pixels, turn it, and crop it to its ink.

    Returns:
        Coverage 0..255, uint8 of shape (h, w); every border row and column has a pixel of at least half coverage.
    """
    framed = Image.fromarray(np.pad(digit, 1)).resize((side, side), Image.Resampling.BICUBIC)
    # The scan is blurred: stretch the middle tones so that a stroke has an edge
    crisp = np.clip((np.asarray(framed).astype(np.int64) - 64) * 2, 0, 255)
    turned = _turn(crisp, degrees)
    rows, columns = np.flatnonzero((turned >= _INK).any(1)), np.flatnonzero((turned >= _INK).any(0))
    return turned[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.uint8)


def _turn(mask: NDArray[np.int64], degrees: int) -> NDArray[np.int64]:
    """Turn a square about its centre, bilinear in 16.16 fixed point: floats may differ in the last bit by machine."""
    side = len(mask)
    cosine, sine = (round(f(math.radians(degrees)) * _ONE) for f in (math.cos, math.sin))
    ramp = 2 * np.arange(side, dtype=np.int64) - (side - 1)
    down, right = ramp[:, None], ramp[None, :]
    centre = (side - 1) * _ONE
    y, x = ((cosine * down - sine * right + centre) // 2, (sine * down + cosine * right + centre) // 2)
    padded = np.pad(mask, 2)
    row, column = np.clip(y >> 16, -2, side) + 2, np.clip(x >> 16, -2, side) + 2
    fy, fx = (y & (_ONE - 1)) >> 8, (x & (_ONE - 1)) >> 8
    above = padded[row, column] * (256 - fx) + padded[row, column + 1] * fx
    below = padded[row + 1, column] * (256 - fx) + padded[row + 1, column + 1] * fx
    turned: NDArray[np.int64] = (above * (256 - fy) + below * fy) >> 16
    return turned


def place(pixels: Pixels, mask: Pixels, label: int, boxes: list[Box], rng: np.random.Generator) -> None:
    """Blend a digit into ``pixels`` where it overlaps no other by more than ``IOU_MAX``, and add its box to ``boxes``.

    A digit that finds no place in 60 tries is left out.
    """
    (size, _, _), (height, width) = pixels.shape, mask.shape
    for _ in range(60):
        top = int(rng.integers(0, size - height, endpoint=True))
        left = int(rng.integers(0, size - width, endpoint=True))
        box = Box(label, left, top, left + width, top + height)
        if all(box.overlap(other) <= IOU_MAX for other in boxes):
            blend(pixels[top : top + height, left : left + width], mask, rng)
            boxes.append(box)
            return


def blend(patch: Pixels, mask: Pixels, rng: np.random.Generator) -> None:
    """Ink ``patch`` (h, w, 3) in place through ``mask`` (h, w): lighter or darker than it by 90 to 180 levels."""
    ground = int(patch.astype(np.int64).mean())
    contrast = int(rng.integers(90, 180, endpoint=True))
    lighter = bool(rng.integers(2)) if 90 <= ground <= 165 else ground < 128
    tint = rng.integers(-20, 20, size=3, endpoint=True)
    ink = np.clip(ground + (contrast if lighter else -contrast) + tint, 0, 255)
    cover = mask.astype(np.int64)[:, :, None]
    patch[:] = ((patch.astype(np.int64) * (255 - cover) + ink * cover + 127) // 255).astype(np.uint8)
