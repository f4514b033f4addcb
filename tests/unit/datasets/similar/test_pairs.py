"""Images that are there twice are found: the same bytes, the same pixels, nearly the same picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from workbench.datasets import similar
from workbench.datasets.similar import hashes

pytestmark = pytest.mark.slow

Make = Callable[..., Path]


def told(found: similar.Pairs) -> list[tuple[int, int, str]]:
    return [(row["a"], row["b"], row["kind"]) for row in found.table.to_pylist()]


def test_each_kind_of_copy_is_told_apart(written: Make, listed, scene) -> None:
    files = [
        written("a.png", scene(1)),
        written("b.png", scene(1)),
        written("c.bmp", scene(1)),
        written("d.jpg", scene(1), 40),
        written("e.jpg", scene(2)),
    ]
    found = similar.find(listed(files))
    assert told(found) == [(0, 1, "bytes"), (0, 2, "pixels"), (0, 3, "near"), (2, 3, "near")]
    assert [round(row["likeness"], 1) for row in found.table.to_pylist()[:2]] == [1.0, 1.0]
    assert (found.flat, found.unread, found.sampled) == (0, 0, False)


def test_half_size_brighter_and_cropped_copies_are_near(written: Make, listed, scene) -> None:
    files = []
    for seed in range(8):
        pixels = scene(seed)
        files += [
            written(f"{seed}.jpg", pixels),
            written(f"{seed}-half.jpg", cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)),
            written(f"{seed}-bright.jpg", cv2.convertScaleAbs(pixels, alpha=1.3)),
            written(f"{seed}-crop.jpg", pixels[2:157, 3:158]),
        ]
    pairs = {(a, b) for a, b, _ in told(similar.find(listed(files)))}
    assert {(a, b) for a, b in pairs if a % 4 == 0} == {(4 * n, 4 * n + m) for n in range(8) for m in (1, 2, 3)}
    assert all(a // 4 == b // 4 for a, b in pairs)


def test_black_frames_are_one_set_of_copies_and_never_near(written: Make, listed) -> None:
    black = np.zeros((64, 64, 3), np.uint8)
    files = [written(f"{n}.png", black) for n in range(40)]
    dark = [written(f"dark{n}.png", np.full_like(black, n)) for n in range(1, 6)]
    found = similar.find(listed([*files, *dark]))
    assert told(found) == [(0, n, "bytes") for n in range(1, 40)]
    assert found.flat == 45


def test_only_the_same_bytes_are_looked_for_when_asked(written: Make, listed, scene) -> None:
    files = [written("a.jpg", scene(1)), written("b.jpg", scene(1), 50), written("c.jpg", scene(1))]
    assert told(similar.find(listed(files), near=False)) == [(0, 2, "bytes")]


def test_known_hashes_give_the_same_pairs(written: Make, listed, scene) -> None:
    files = [written(f"{n}.jpg", scene(n // 2), 90 - 40 * (n % 2)) for n in range(6)]
    first = similar.find(listed(files))
    seen: list[int] = []
    again = similar.find(first.images, progress=lambda done, total: seen.append(done))
    assert told(first) == [(0, 1, "near"), (2, 3, "near"), (4, 5, "near")]
    assert again.table.equals(first.table)
    assert seen == []


def test_more_pictures_than_are_kept_in_memory_are_drawn_again(written: Make, listed, scene, monkeypatch) -> None:
    files = [written(f"{n}.jpg", scene(n // 2), 90 - 40 * (n % 2)) for n in range(6)]
    whole = similar.find(listed(files))
    monkeypatch.setattr(hashes, "_THUMBS_KEPT", 2)
    assert similar.find(listed(files)).table.equals(whole.table)


def test_dropped_and_unreadable_images_have_no_pairs(written: Make, listed, scene, tmp_path: Path) -> None:
    (tmp_path / "page.jpg").write_text("<html>", "utf-8")
    files = [written("a.jpg", scene(1)), written("b.jpg", scene(1)), tmp_path / "page.jpg", tmp_path / "gone.jpg"]
    found = similar.find(listed(files, effect=["keep", "drop", "keep", "keep"]))
    assert told(found) == []
    assert found.unread == 2


def test_pairs_name_image_ids_not_rows(written: Make, listed, scene) -> None:
    files = [written("a.jpg", scene(1)), written("b.jpg", scene(1))]
    assert told(similar.find(listed(files, image_id=[10, 20]))) == [(10, 20, "bytes")]


def test_no_images_have_no_pairs(listed) -> None:
    assert told(similar.find(listed([]))) == []
