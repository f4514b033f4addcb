"""What a run measured and kept, as a board's details draw it: curves, pictures, the confusion matrix.

What lives here: requests for numbers and pictures of one run. What does not: facts, config and log (``board_detail``).

Arrays travel as bytes beside the answer: of a series, float64 steps and float64 values; of a curve, float32 x, shape
(n,), and float32 ys, shape (k, n); of a matrix, float64, row by row, ``[predicted, true]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from pydantic import Field

from workbench.errors import StorageError, UnknownNameError
from workbench.metrics.media.pictures import IMAGE_SUFFIXES
from workbench.pillow import opener
from workbench.runs.media import RunMedia
from workbench.widgets.state.board import BoardState
from workbench.widgets.state.messages import Reply, Request, answers

SERIES: Final = 60  # of a run, drawn side by side
POINTS: Final = 240
CURVE_POINTS: Final = 200
PICTURES: Final = 300
_QUALITY: Final = 85


class OfRun(Request):
    """A question about one run."""

    run: str = Field(max_length=80)


class OfScope(OfRun):
    """A question about what a run measured: itself, or its machine."""

    of: Literal["run", "system"] = "run"


class OfPicture(OfRun):
    """A question for a picture that a run kept, at most ``side`` pixels wide and high."""

    path: str = Field(max_length=1000)
    side: int = Field(320, ge=32, le=4096)


class BoardMedia(BoardState):
    """A board that knows what its runs measured and kept."""

    @answers("series")
    def series(self, request: OfScope) -> Reply:
        """Answer with all series of a scope in few points each; two buffers a series.

        Raises:
            UnknownNameError: when there is no such run.
        """
        with self._lock:
            metrics = self._open(self.known(request.run))
        keys = metrics.keys()
        scopes = ("system",) if request.of == "system" else ("epoch", "batch", "step")
        scope = next((scope for scope in scopes if any(key.scope == scope for key in keys)), scopes[0])
        names = [key.name for key in keys if key.scope == scope]
        told, buffers = [], list[bytes]()
        for name in names[:SERIES]:
            found = metrics.series(name, scope, points=POINTS)
            told.append({"name": name, "points": len(found.steps), "total": found.total})
            buffers += [found.steps.astype(np.float64).tobytes(), found.values.astype(np.float64).tobytes()]
        line = f'ws.run("{request.run}").history.table(scope="{scope}")'
        return Reply({"scope": scope, "series": told, "left_out": len(names) - len(told)}, buffers, python=line)

    @answers("matrix")
    def matrix(self, request: OfRun) -> Reply:
        """Answer with the confusion matrix; ``{"names": null}`` when the run has none.

        Raises:
            StorageError: when its file is missing or damaged.
        """
        found = self._media(request.run).confusion_matrix()
        if found is None:
            return Reply({"names": None})
        data = {"names": found.names, "background": found.has_background, "side": len(found.matrix)}
        line = f'ws.run("{request.run}").media.confusion_matrix()'
        return Reply(data, [np.ascontiguousarray(found.matrix, dtype=np.float64).tobytes()], python=line)

    @answers("lines")
    def lines(self, request: OfRun) -> Reply:
        """Answer with the curves, e.g. precision over recall; two buffers a curve.

        Raises:
            StorageError: when a file is missing or damaged.
        """
        told, buffers = [], list[bytes]()
        for curve in self._media(request.run).curves().values():
            at = _thinned(len(curve.x))
            x, ys = curve.x[at].astype(np.float32), curve.ys[:, at].astype(np.float32)
            labels = {"x_label": curve.x_label, "y_label": curve.y_label}
            told.append({"name": curve.name, **labels, "names": curve.names, "points": len(at), "count": len(ys)})
            buffers += [x.tobytes(), np.ascontiguousarray(ys).tobytes()]
        return Reply({"curves": told}, buffers, python=f'ws.run("{request.run}").media.curves()' if told else "")

    @answers("pictures")
    def pictures(self, request: OfRun) -> Reply:
        """Answer with the pictures that can be shown, the newest step first."""
        found = [kept for kept in self._media(request.run).files() if _is_picture(kept.kind, kept.path)]
        found.sort(key=lambda kept: (kept.kind != "image", -(kept.step or 0), kept.name))
        told = [
            {"path": kept.path, "name": kept.name, "kind": kept.kind, "step": kept.step} for kept in found[:PICTURES]
        ]
        line = f'ws.run("{request.run}").media.files()' if told else ""
        return Reply({"pictures": told, "left_out": len(found) - len(told)}, python=line)

    @answers("picture")
    def picture(self, request: OfPicture) -> Reply:
        """Answer with one picture as JPEG.

        Raises:
            UnknownNameError: when the run kept no such picture.
            StorageError: when its file is missing or damaged.
        """
        media = self._media(request.run)
        for kept in media.files():
            if kept.path == request.path and _is_picture(kept.kind, kept.path):
                data, size = shrunk(media.path(kept), request.side)
                return Reply({"path": kept.path, "width": size[0], "height": size[1]}, [data])
        raise UnknownNameError(
            f"Run '{request.run}' kept no picture '{request.path}'.", "A picture of the run.", "Open the run again."
        )

    def _media(self, run_id: str) -> RunMedia:
        with self._lock:
            return RunMedia(self.workspace.paths.run(self.known(run_id).id))


def shrunk(path: Path, side: int) -> tuple[bytes, tuple[int, int]]:
    """Return a picture as JPEG within ``side`` pixels, and its own width and height.

    Raises:
        StorageError: when the file is missing or damaged.
    """
    from PIL import Image

    try:
        with opener()(path) as picture:
            size = picture.size
            picture.thumbnail((side, side))
            made = BytesIO()
            _on_white(picture).save(made, "JPEG", quality=_QUALITY)
            return made.getvalue(), size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise StorageError(
            f"'{path}' cannot be shown: {error}.", "A picture that the run kept.", "Was the file changed or removed?"
        ) from error


def _on_white(picture: Any) -> Any:
    if picture.mode not in {"RGBA", "LA", "P"}:
        return picture.convert("RGB")
    from PIL import Image

    seen = picture.convert("RGBA")
    ground = Image.new("RGB", seen.size, "white")
    ground.paste(seen, mask=seen.getchannel("A"))
    return ground


def _is_picture(kind: str, path: str) -> bool:
    return kind in {"image", "plot"} and path.lower().endswith(IMAGE_SUFFIXES)


def _thinned(count: int) -> Sequence[int]:
    if count <= CURVE_POINTS:
        return range(count)
    places: list[int] = np.unique(np.linspace(0, count - 1, CURVE_POINTS).round().astype(int)).tolist()
    return places
