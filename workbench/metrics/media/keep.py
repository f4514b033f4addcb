"""Texts, pictures, confusion matrices and curves of a run: files in its folder, and events that name them.

What lives here: putting the files and finding them again. What does not: encoding pictures (``pictures``), the data of
matrices and curves (``curves``), checkpoints and notebooks, which have places of their own.

A file is never overwritten: its name ends in a digest of what it is and what it holds, so that each event stays true.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from workbench import storage
from workbench.errors import ParameterError
from workbench.metrics import encode
from workbench.metrics.media.curves import ConfusionMatrix, Curve, confusion_matrix_json, curve_json
from workbench.metrics.media.pictures import Picture, read_bytes, to_bytes
from workbench.metrics.media.records import Kept, Text
from workbench.metrics.tail import Event
from workbench.metrics.writer import Writer
from workbench.paths import RunPaths

_SLUG_BYTES = 80
_UNSAFE = re.compile(r"[^\w.-]+")


class Media:
    """Keeps what a run shows besides numbers.

    Args:
        run: the run's folder.
        writer: where the events go; it stays open.
    """

    def __init__(self, run: RunPaths, writer: Writer) -> None:
        self._run, self._writer = run, writer

    def text(self, name: str, text: str, *, step: int = 0) -> None:
        """Note a text.

        Raises:
            ParameterError: when it is none, or has no name.
        """
        if not isinstance(text, str):
            raise ParameterError(
                f"Text '{name}' is of type {type(text).__name__}.", "A str.", "Convert it first, e.g. with `str(...)`."
            )
        self._writer.append("text", name=_name(name), text=text, step=encode.whole(step))

    def image(self, name: str, image: Picture, *, step: int | None = None) -> Path:
        """Keep an image and return its file.

        Args:
            name: any text; the file's name is made from it.
            image: see ``pictures.to_bytes``.
            step: the step it belongs to; None for the run as a whole.

        Raises:
            ParameterError: when it is no picture, or has no name.
            StorageError: when the disk is full.
        """
        data, suffix = to_bytes(image)
        return self._keep("image", name, data, suffix, step)

    def plot(self, name: str, plot: Picture, *, step: int | None = None) -> Path:
        """Keep a plot, a matplotlib figure or a file that somebody drew, and return its file.

        Args, errors: as ``image``.
        """
        data, suffix = to_bytes(plot)
        return self._keep("plot", name, data, suffix, step)

    def confusion_matrix(
        self, matrix: ConfusionMatrix, *, name: str = "confusion_matrix", step: int | None = None
    ) -> Path:
        """Keep a confusion matrix as data and return its file.

        Raises:
            StorageError: when the disk is full.
        """
        data = orjson.dumps(confusion_matrix_json(matrix))
        return self._keep("confusion_matrix", name, data, ".json", step)

    def curve(self, curve: Curve, *, step: int | None = None) -> Path:
        """Keep a curve as data, under its own name, and return its file.

        Raises:
            StorageError: when the disk is full.
        """
        return self._keep("curve", curve.name, orjson.dumps(curve_json(curve)), ".json", step)

    def file(self, name: str, path: Path, *, step: int | None = None) -> Path:
        """Keep a copy of any other file and return it.

        Raises:
            ParameterError: when it is missing, or has no name.
            StorageError: when the disk is full.
        """
        return self._keep("file", name, read_bytes(path), path.suffix[:16], step)

    def _keep(self, kind: str, name: str, data: bytes, suffix: str, step: int | None) -> Path:
        step = None if step is None else encode.whole(step)
        sha256 = hashlib.sha256(data).hexdigest()
        mark = hashlib.sha256("\0".join((kind, _name(name), str(step), sha256)).encode()).hexdigest()[:10]
        at_step = "" if step is None else f"-{step}"
        path = self._run.media / f"{slug(name)}{at_step}-{mark}{_UNSAFE.sub('', suffix)}"
        storage.put(path, data)
        relative = path.relative_to(self._run.root).as_posix()
        self._writer.append("file", file_kind=kind, name=name, path=relative, step=step, sha256=sha256, bytes=len(data))
        return path


def slug(name: str) -> str:
    """Return the part of a file's name that a reader knows ``name`` by: letters of any script, at most 80 bytes."""
    plain = _UNSAFE.sub("_", unicodedata.normalize("NFC", name)).strip("._")
    return plain.encode()[:_SLUG_BYTES].decode(errors="ignore") or "unnamed"


def texts(events: Iterable[Event]) -> list[Text]:
    """Return the texts of a run, oldest first; of a name and step, the last one counts."""
    found = {
        (event["name"], event["step"]): Text(event["name"], event["text"], event["step"], event["at"])
        for event in events
        if event["kind"] == "text"
    }
    return sorted(found.values(), key=lambda note: note.at)


def files(events: Iterable[Event], kind: str | None = None) -> list[Kept]:
    """Return the files of a run, oldest first; of a kind, name and step, the last one counts.

    Args:
        events: of the run.
        kind: e.g. ``image``; all when left out.
    """
    found: dict[tuple[Any, ...], Kept] = {}
    for event in events:
        if event["kind"] == "file" and kind in {None, event["file_kind"]}:
            names = ("name", "path", "step", "sha256", "bytes", "at")
            kept = Kept(event["file_kind"], **{name: event[name] for name in names})
            found[kept.kind, kept.name, kept.step] = kept
    return sorted(found.values(), key=lambda kept: kept.at)


def _name(name: str) -> str:
    try:
        if name.strip():
            name.encode()
            return name
    except (AttributeError, UnicodeEncodeError):
        pass
    raise ParameterError(
        f"A text or file is named {name!r}.", "Any text with at least one visible character.", "Give it another name."
    )
