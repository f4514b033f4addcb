"""Pictures of any origin as the bytes of a file: arrays, PIL images, matplotlib figures and files.

What lives here: refusing what is no picture, and encoding what is. What does not: where the file lies (``keep``).
"""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt
from PIL import Image

from workbench import fonts
from workbench.errors import ParameterError
from workbench.pillow import opener

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
PLOT_SUFFIXES = (*IMAGE_SUFFIXES, ".svg", ".pdf")
_DPI = 150
_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16"})


@runtime_checkable
class Figure(Protocol):
    """What of a matplotlib figure is needed."""

    def savefig(self, fname: Any, *, dpi: float, format: str) -> None:  # noqa: A002  matplotlib's own name
        """Draw it into a file."""
        ...


Picture: TypeAlias = "npt.NDArray[np.uint8] | Image.Image | Figure | str | os.PathLike[str]"


def to_bytes(picture: Picture) -> tuple[bytes, str]:
    """Return the bytes of a picture and their suffix; a file's own bytes are taken as they are, all else becomes a PNG.

    Args:
        picture: uint8, shape (height, width), (height, width, 3) in the order red, green, blue, or (height, width, 4)
            with opacity; or a PIL image, a matplotlib figure, or the path of a picture.

    Raises:
        ParameterError: when it is none of these, or the file is missing or holds something else.
    """
    if isinstance(picture, str | os.PathLike):
        return _file(Path(picture))
    drawn = BytesIO()
    if isinstance(picture, Figure):
        _mend(picture)
        picture.savefig(drawn, dpi=_DPI, format="png")
    elif isinstance(picture, Image.Image):
        known = picture.mode in _PNG_MODES
        (picture if known else picture.convert("RGB")).save(drawn, format="PNG")
    else:
        Image.fromarray(_pixels(picture)).save(drawn, format="PNG")
    return drawn.getvalue(), ".png"


def _mend(picture: Figure) -> None:
    """Let a figure of matplotlib show names in any letters; its like of other libraries is left alone."""
    from matplotlib import figure

    if isinstance(picture, figure.Figure):
        fonts.mend(picture)


def _pixels(picture: Any) -> npt.NDArray[np.uint8]:
    if not isinstance(picture, np.ndarray):
        raise ParameterError(
            f"A picture is of type {type(picture).__name__}.",
            "A numpy array, a PIL image, a matplotlib figure or the path of a picture.",
            "Convert it first; a torch tensor with `tensor.permute(1, 2, 0).cpu().numpy()`.",
        )
    if picture.dtype != np.uint8:
        raise ParameterError(
            f"A picture has the dtype {picture.dtype}.",
            "uint8, from 0 to 255.",
            "Convert it first; values from 0 to 1 with `(picture * 255).astype('uint8')`.",
        )
    if picture.ndim not in {2, 3} or not picture.size or (picture.ndim == 3 and picture.shape[2] not in {3, 4}):
        raise ParameterError(
            f"A picture has the shape {picture.shape}.",
            "(height, width), (height, width, 3) or (height, width, 4), with at least one pixel.",
            "Move the channels last with `numpy.moveaxis(picture, 0, -1)`, and log a batch one by one.",
        )
    return np.ascontiguousarray(picture)


def _file(path: Path) -> tuple[bytes, str]:
    suffix = path.suffix.lower()
    if suffix not in PLOT_SUFFIXES:
        raise ParameterError(
            f"'{path}' is no picture by its name.",
            f"A file that ends in {', '.join(PLOT_SUFFIXES)}.",
            "Keep it as a file instead, with `media.file(...)`.",
        )
    data = read_bytes(path)
    if suffix in IMAGE_SUFFIXES:
        try:
            opener()(BytesIO(data)).verify()
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise ParameterError(
                f"'{path}' holds no picture: {error}.",
                f"A {suffix[1:]} file that can be opened.",
                "Was it cut while it was written? Write it anew.",
            ) from error
    return data, suffix


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file that somebody named.

    Raises:
        ParameterError: when it is missing or cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ParameterError(
            f"Could not read '{path}': {error.strerror}.",
            "A file that is there, and that this user may read.",
            "Check the path; a relative one begins in the working directory.",
            path=str(path),
        ) from error
