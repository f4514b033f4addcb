"""Pictures of what a checkpoint and its export see in the same images, side by side.

What lives here: choosing the images in which the answers differ most, and drawing both answers. What does not: the
comparison (``matching``), the page that shows them (``page``).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from workbench import storage
from workbench.datasets.pictures import overlays
from workbench.datasets.pictures.shrink import UnseenError, shrink
from workbench.exports.certificate import Certificate, Proof, Shown
from workbench.exports.checks_answers import alike
from workbench.exports.matching import Agreement, Seen, agreement
from workbench.exports.tolerances import tolerances
from workbench.pillow import opener

SIZE_PX: Final = 480
MOST: Final = 6
EXAMPLES: Final = 2
FOLDER: Final = "pictures"
_GAP_PX: Final = 8
_VISIBLE: Final = 0.5


@dataclass(frozen=True)
class Picture:
    """What both see in one image.

    Attributes:
        name: of the image's file.
        checkpoint: the image with the checkpoint's answer, as WebP.
        export: the image with the export's answer, as WebP.
        differs: whether they are further apart than they may be.
        found: how alike they are in this image.
    """

    name: str
    checkpoint: bytes
    export: bytes
    differs: bool
    found: Agreement


def pictures(proof: Proof) -> list[Picture]:
    """Return the images in which the answers differ, the worst first; two examples when none does."""
    ranked, drawn = _ranked(proof), list[Picture]()
    differing = [each for each in ranked if each[4]]
    most = MOST if differing else EXAMPLES
    for path, reference, other, found, differs in differing or ranked:
        if len(drawn) == most:
            break
        try:
            plain = shrink(path, SIZE_PX)
        except UnseenError:  # the page says the same without it
            continue
        sides = [overlays.draw(plain, shapes(seen, plain, proof)) for seen in (reference, other)]
        drawn.append(Picture(path.name, sides[0], sides[1], differs, found))
    return drawn


def keep(drawn: list[Picture], folder: Path) -> tuple[Shown, ...]:
    """Write each picture as one file, the checkpoint on the left, and return what the certificate says of them.

    Raises:
        StorageError: when they cannot be written.
    """
    kept = []
    for number, picture in enumerate(drawn, start=1):
        path = f"{FOLDER}/{number}.webp"
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        storage.put(folder / path, _beside(picture.checkpoint, picture.export))
        kept.append(Shown(path, f"{picture.name}: checkpoint | export; {picture.found}"))
    return tuple(kept)


def shapes(seen: Seen, plain: bytes, proof: Proof) -> list[dict[str, Any]]:
    """Return what was seen in an image as shapes on a smaller picture of it, see ``overlays``."""
    with opener()(io.BytesIO(plain)) as opened:
        width, height = opened.size
    scale = np.array([width / seen.shape[1], height / seen.shape[0]])
    if seen.scores is not None:
        likeliest = int(seen.scores.argmax())
        return [_shape(proof, likeliest, float(seen.scores[likeliest]), [0.0, 0.0, float(width), float(height)])]
    found = []
    for number, row in enumerate(seen.rows):
        low, high = row[:2] * scale, row[2:4] * scale
        shape = _shape(proof, int(row[5]), float(row[4]), [*low.tolist(), *(high - low).tolist()])
        if seen.corners is not None:
            shape["rings"] = [(seen.corners[number] * scale).ravel().tolist()]
        if seen.masks is not None:
            shape["rings"] = [(ring * scale).ravel().tolist() for ring in outlines(seen, number, proof.imgsz)]
        if seen.keypoints is not None:
            points = seen.keypoints[number]
            places, shown = points[:, :2] * scale, np.where(points[:, 2] > _VISIBLE, 2, 0)
            shape["keypoints"] = [[*place, int(v)] for place, v in zip(places.tolist(), shown, strict=True)]
        found.append(shape)
    return found


def outlines(seen: Seen, number: int, imgsz: tuple[int, int]) -> Iterator[npt.NDArray[np.float64]]:
    """Yield the outlines of a mask in pixels of the image: shape (points, 2)."""
    import cv2

    if seen.masks is None:
        return
    height, width = imgsz
    bits = np.unpackbits(seen.masks[number])[: height * width].reshape(height, width)
    gain = min(height / seen.shape[0], width / seen.shape[1])
    border = (np.array([width, height]) - np.round(np.array(seen.shape[::-1]) * gain)) / 2
    for ring in cv2.findContours(bits, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]:
        yield ((ring.reshape(-1, 2) + 0.5 - border) / gain).clip(0, None)


def _ranked(proof: Proof) -> list[tuple[Path, Seen, Seen, Agreement, bool]]:
    told = proof.certificate
    found = [(*sight, *_judged(told, sight[1], sight[2])) for sight in proof.sights]
    return sorted(found, key=lambda each: _worse(each[3], differs=each[4]), reverse=True)


def _judged(certificate: Certificate, reference: Seen, other: Seen) -> tuple[Agreement, bool]:
    tolerated = tolerances(certificate.format, certificate.precision)
    scored = reference.scores is not None
    slack = tolerated.scores if scored else tolerated.confidence
    found = agreement([(reference, other)], conf=certificate.conf, slack=slack, px=tolerated.px)
    if scored:
        return found, bool(found.images_differing) or (found.scores or 0.0) > tolerated.scores
    return found, not alike(found, tolerated)


def _worse(found: Agreement, *, differs: bool) -> tuple[float, ...]:
    """Return what sorts images: those that differ, then by how many objects, how far, and how many there are."""
    lost = found.differing + found.images_differing
    return float(differs), lost, found.box_px, found.scores or 0.0, found.boxes


def _shape(proof: Proof, label: int, confidence: float, box: list[float]) -> dict[str, Any]:
    name = proof.names[label] if label < len(proof.names) else f"#{label}"
    said = f"{name[:18]} {confidence:.2f}"
    return {"cls": label, "name": said, "color": overlays.color_of(label), "crowd": False, "box": box}


def _beside(left: bytes, right: bytes) -> bytes:
    from PIL import Image

    with opener()(io.BytesIO(left)) as first, opener()(io.BytesIO(right)) as second:
        both = Image.new("RGB", (first.width + _GAP_PX + second.width, first.height), "white")
        both.paste(first, (0, 0))
        both.paste(second, (first.width + _GAP_PX, 0))
    target = io.BytesIO()
    both.save(target, "WEBP", quality=85, method=2)
    return target.getvalue()
