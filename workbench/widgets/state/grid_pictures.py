"""The pictures of a grid: made beside the questions, so that a slow disk holds up no answer.

What lives here: which pictures are being made, and waiting a moment for them. What does not: making them
(``datasets.pictures``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from workbench.datasets.filenames import to_name
from workbench.datasets.index.browse import Page
from workbench.datasets.pictures.masks import Masks
from workbench.datasets.pictures.shrink import UnseenError, fit, shrink
from workbench.datasets.pictures.thumbs import Picture, Thumb, Thumbs

WAIT_S: Final = 0.12  # for the pictures of one answer; those that are late are asked for again
_THREADS: Final = 3
_KEPT: Final = 256  # thumbnails that were made and not fetched yet
Key = tuple[int, int]  # image_id, size in pixels


@dataclass(frozen=True)
class Wanted:
    """A picture that is wanted: of an image, at most ``size`` pixels wide and high.

    Attributes:
        mask: the file that marks its pixels, and the (width, height) of the picture; None without one.
    """

    image_id: int
    picture: Picture
    size: int
    mask: tuple[str, tuple[int, int]] | None = None

    @property
    def key(self) -> Key:
        """What it is known by."""
        return self.image_id, self.size


@dataclass(frozen=True)
class Made:
    """A picture that was made.

    Attributes:
        data: WebP; nothing when it could not be made.
        problem: why not, one clause.
        marks: what a mask marks on it; None without a mask.
    """

    data: bytes
    problem: str = ""
    marks: list[dict[str, Any]] | None = None


class Pictures:
    """Makes pictures in threads of its own: three for thumbnails, and one for large pictures, which wait for none.

    Args:
        thumbs: where thumbnails are kept.
        masks: reads what masks mark on them.
        wait_s: seconds that an answer waits for them.
    """

    def __init__(self, thumbs: Thumbs, masks: Masks | None = None, wait_s: float = WAIT_S) -> None:
        self.masks = masks or Masks()
        self._small = _Line(_THREADS, lambda one: self._marked(thumbs.get(one.picture, one.size), one), wait_s)
        self._large = _Line(1, lambda one: self._marked(_rendition(one), one), wait_s)

    def thumbs(self, wanted: Sequence[Wanted]) -> Mapping[int, Made]:
        """Return those thumbnails that are there within a moment, by image; what was wanted before is given up."""
        return self._small.get(wanted)

    def whole(self, wanted: Wanted) -> Made | None:
        """Return a picture of any size that is kept nowhere; None while it is being made."""
        return self._large.get([wanted]).get(wanted.image_id)

    def close(self) -> None:
        """Make no more."""
        self._small.close()
        self._large.close()

    def _marked(self, thumb: Thumb, wanted: Wanted) -> Made:
        marks = self.masks.shapes(*wanted.mask) if wanted.mask and not thumb.problem else None
        return Made(thumb.data, thumb.problem, marks)


def wanted_of(page: Page, size: int, *, masked: bool) -> list[Wanted]:
    """Return the pictures of a page's images; with ``masked``, their labels are masks."""
    names = ("image_id", "file", "sha256", "bytes", "mtime_ns", "label", "width", "height")
    columns = (page.images[name].to_pylist() for name in names)
    return [
        Wanted(
            id_,
            Picture(to_name(file), *rest),
            size,
            (to_name(label), fit(width, height, size)) if masked and label and width and height else None,
        )
        for id_, file, *rest, label, width, height in zip(*columns, strict=True)
    ]


class _Line:
    """Pictures that are being made."""

    def __init__(self, threads: int, make: Callable[[Wanted], Made], wait_s: float) -> None:
        self._make, self._wait_s = make, wait_s
        self._pool = ThreadPoolExecutor(threads, "grid-pictures")
        self._lock = threading.Lock()
        self._under_way: dict[Key, Future[Made]] = {}

    def get(self, wanted: Sequence[Wanted]) -> Mapping[int, Made]:
        with self._lock:
            self._give_up({one.key for one in wanted})
            for one in wanted:
                if one.key not in self._under_way:
                    self._under_way[one.key] = self._pool.submit(self._make, one)
            futures = {one: self._under_way[one.key] for one in wanted}
        wait(futures.values(), timeout=self._wait_s)
        done = {one: future for one, future in futures.items() if future.done() and not future.cancelled()}
        with self._lock:
            for one in done:
                self._under_way.pop(one.key, None)
        return {one.image_id: _result(future) for one, future in done.items()}

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _give_up(self, still: set[Key]) -> None:
        """Cancel what nobody waits for; what is being made already is kept for a while."""
        for key in [key for key in self._under_way if key not in still]:
            if self._under_way[key].cancel() or len(self._under_way) > _KEPT:
                del self._under_way[key]


def _result(future: Future[Made]) -> Made:
    """Return a picture; one that could not be made says why, and the others are shown."""
    problem = future.exception()
    return future.result() if problem is None else Made(b"", f"{type(problem).__name__}: {problem}")


def _rendition(wanted: Wanted) -> Thumb:
    try:
        return Thumb(shrink(Path(wanted.picture.file), wanted.size))
    except UnseenError as error:
        return Thumb(b"", str(error))
