"""What a mask marks on its image, as shapes like those of objects.

What lives here: from the pixels of a mask to outlines by class. What does not: whether training takes the mask
(``scan.maps``), shapes of rows (``overlays``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.datasets.scan.maps import IGNORED, class_of_values, mask_values
from workbench.datasets.scan.opening import FAILURES

_SMALLEST_PX = 3.0  # of area: less is a speck of the shrinking


class Masks:
    """Reads the masks of a dataset.

    Args:
        mapping: the data.yaml's ``label_mapping``; None without one.

    Raises:
        DatasetError: when the mapping cannot be understood.
    """

    def __init__(self, mapping: Any = None) -> None:
        self._classes = class_of_values(mapping)

    def shapes(self, file: str, shown: tuple[int, int]) -> list[dict[str, Any]]:
        """Return a shape for each class of a mask, in pixels of a picture of ``shown`` (width, height).

        A shape is ``c`` the class, ``b`` its box [x, y, w, h], and ``r`` its rings, of which each second one that lies
        in another is a hole. There is none of a mask that is not there or cannot be read: a rule says so.
        """
        import cv2

        try:
            values = mask_values(file)
        except FAILURES:
            return []
        small = cv2.resize(values, shown, interpolation=cv2.INTER_NEAREST)
        known = small < len(self._classes)
        classes = np.where(known, self._classes[np.where(known, small, 0)], IGNORED)
        return [
            shape
            for value in np.unique(classes)
            if value != IGNORED and (shape := _outlined(classes == value, int(value)))
        ]


def _outlined(pixels: np.ndarray, value: int) -> dict[str, Any] | None:
    import cv2

    marked = pixels.astype(np.uint8)
    found, _ = cv2.findContours(marked, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    rings = [(ring.reshape(-1, 2) + 0.5).ravel().tolist() for ring in found if cv2.contourArea(ring) >= _SMALLEST_PX]
    if not rings:
        return None
    return {"c": value, "b": list(cv2.boundingRect(marked)), "r": rings}
