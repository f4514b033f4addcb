"""The sample dataset: digit scenes, built on this machine from what the dependencies bring.

What lives here: the folder of a sample, whole or absent. What does not: its pixels (``digits``).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from workbench.datasets import Progress
from workbench.datasets.snapshots.manifest import take
from workbench.datasets.tree import plan
from workbench.errors import ConflictError, DatasetError, StorageError, storage_error
from workbench.storage import empty_folder, put_text, swap_folder

DIGEST = "b226904d444a00055a61d8057495a2452f98bf826bca54ff7a6df18087417d47"
"""Root digest of the default sample under the project's constraints file. Other versions of Pillow, numpy or
scikit-learn may encode the same scenes in other bytes; such a folder is as valid, it only has another digest."""

MARKER = "sample.json"
_RECIPE = 1  # raise it when the drawing changes, so that folders of an older release are rebuilt
_JPEG_QUALITY = 92


def build_digit_scenes(
    folder: Path, *, scenes: int = 400, size: int = 192, seed: int = 0, progress: Progress | None = None
) -> Path:
    """Build the digit scenes in ``folder``, or return at once when they are there.

    Real handwritten digits lie on crops of real photographs; train, val and test share no digit and no part of a
    photograph. The same arguments give the same files.

    Args:
        folder: where ``images/``, ``labels/`` and ``data.yaml`` go; it may be moved afterwards.
        scenes: training images, >= 8; val has 4/25 and test 2/25 of it.
        size: side of an image in pixels, >= 64.
        seed: of the random generator, >= 0.
        progress: called with (scenes drawn, scenes in all).

    Returns:
        The path of ``data.yaml``.

    Raises:
        DatasetError: when an argument is out of its range.
        ConflictError: when ``folder`` holds something else.
        StorageError: when the disk is full or the folder may not be written.
    """
    from filelock import FileLock

    recipe = _recipe(scenes, size, seed)
    folder = folder.absolute()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock")):
            if not _complete(folder, recipe):
                _build(folder, recipe, progress)
    except OSError as error:
        raise storage_error(error, folder) from error
    return folder / "data.yaml"


def _recipe(scenes: int, size: int, seed: int) -> dict[str, int]:
    for name, value, least in (("scenes", scenes, 8), ("size", size, 64), ("seed", seed, 0)):
        if value < least:
            raise DatasetError(f"{name}={value} is too small.", f"A whole number >= {least}.", "Choose a larger one.")
    return {"recipe": _RECIPE, "scenes": scenes, "size": size, "seed": seed}


def _complete(folder: Path, recipe: dict[str, int]) -> bool:
    """Return whether ``folder`` holds the sample, bytes checked; a sample that is damaged or other is rebuilt."""
    if not folder.exists() or not any(folder.iterdir()):
        return False
    try:
        marker = json.loads((folder / MARKER).read_text("utf-8"))
    except (FileNotFoundError, ValueError) as error:
        raise ConflictError(
            f"'{folder}' is not empty, and the workbench did not build it.",
            f"A new folder, or a sample with its {MARKER}.",
            "Choose another folder, or delete this one if nobody needs it.",
            path=str(folder),
        ) from error
    try:
        return bool(marker == {**recipe, "digest": _digest(folder)})
    except (DatasetError, StorageError):
        return False


def _digest(folder: Path) -> str:
    from workbench.datasets.formats import yolo

    return take(plan(yolo.read(folder / "data.yaml", task="detect"))).digest


def _build(folder: Path, recipe: dict[str, int], progress: Progress | None) -> None:
    draft = empty_folder(folder.with_name(f".{folder.name}.building"))
    try:
        _draw(draft, recipe, progress)
        put_text(draft / MARKER, json.dumps({**recipe, "digest": _digest(draft)}, indent=2) + "\n")
        swap_folder(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _draw(folder: Path, recipe: dict[str, int], progress: Progress | None) -> None:
    import numpy as np
    from PIL import Image

    from workbench.datasets import digits

    scenes, size = recipe["scenes"], recipe["size"]
    counts = {"train": scenes, "val": max(8, scenes * 4 // 25), "test": max(4, scenes * 2 // 25)}
    done, total = 0, sum(counts.values())
    for number, (split, count) in enumerate(counts.items()):
        images, labels = empty_folder(folder / "images" / split), empty_folder(folder / "labels" / split)
        rng = np.random.default_rng([recipe["seed"], number])
        for index, (pixels, boxes) in enumerate(digits.scenes(digits.material(split), count, size, rng)):
            # JPEG, not PNG: deflate may differ with the processor, libjpeg-turbo's integer DCT does not
            Image.fromarray(pixels).save(images / f"{split}_{index:04d}.jpg", quality=_JPEG_QUALITY, subsampling=0)
            rows = "".join(box.yolo(size) + "\n" for box in boxes)
            (labels / f"{split}_{index:04d}.txt").write_text(rows, "utf-8")
            done += 1
            if progress:
                progress(done, total)
    # No `path:` key: ultralytics resolves a relative one against the working directory, a missing one beside the file
    lines = [*(f"{split}: images/{split}" for split in counts), "names:", *(f"  {n}: '{n}'" for n in digits.CLASSES)]
    put_text(folder / "data.yaml", "\n".join(lines) + "\n")
