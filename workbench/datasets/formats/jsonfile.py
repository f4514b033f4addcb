"""Large JSON files, read a piece at a time.

What lives here: the elements of the arrays in a JSON file, in batches, and what is wrong with a file that is no JSON.
What does not: what the elements mean (``coco``, ``labelstudio``, ``ndjson``).

A parser that builds the whole document needs ten times its size. Here brackets are counted over blocks of bytes with
numpy, and orjson parses the complete elements of a block at a time: memory is that of one block, whatever the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import orjson

from workbench.datasets import Progress
from workbench.errors import DatasetError

BLOCK_BYTES = 2 << 20
ROOT = ""  # the key of a file whose outermost value is an array

_ESCAPES = re.compile(rb"\\.", re.DOTALL)
_KEY = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:\s*$')
_KEY_BYTES = 4096  # longer keys are not looked for: the search may start at every quote
_STEP = np.zeros(256, np.int8)
_STEP[[ord(b"{"), ord(b"[")]] = 1
_STEP[[ord(b"}"), ord(b"]")]] = -1
_QUOTE = ord(b'"')
_STEP[_QUOTE] = 2
_SPACE = b" \t\r\n"


@dataclass(frozen=True)
class Batch:
    """Some elements of one array of a JSON file.

    Attributes:
        key: the key of the array in the outermost object; ``ROOT`` when the outermost value is the array.
        elements: parsed values.
        position: byte of the file where the first one starts.
    """

    key: str
    elements: list[Any]
    position: int


def elements(
    path: Path, wanted: Collection[str] | None = None, progress: Progress | None = None, block_bytes: int = BLOCK_BYTES
) -> Iterator[Batch]:
    """Yield what stands in the arrays of a JSON file, in the order of the file.

    Args:
        path: of a file whose outermost value is an object of arrays, or an array.
        wanted: keys of the outermost object whose arrays are read; all when left out.
        progress: called with (bytes read, bytes in all).
        block_bytes: how much is read at a time.

    Raises:
        DatasetError: when the file is no JSON, ends early or cannot be read; says the byte.
    """
    try:
        with path.open("rb") as file:
            total = path.stat().st_size
            reader = _Reader(path, wanted)
            for block in _blocks(file, block_bytes):
                yield from reader.feed(block)
                if progress:
                    progress(min(reader.position, total), total)
            reader.close()
    except OSError as error:
        raise DatasetError(
            f"'{path.name}' cannot be read: {error.strerror}.", "A readable file.", "Check its rights.", path=str(path)
        ) from error


def first_keys(path: Path, window_bytes: int = 1 << 20) -> tuple[str, set[str]] | None:
    """Return how a JSON file starts: ``{`` or ``[``, and the keys met in its outermost object or in its first element.

    Only the first ``window_bytes`` are looked at. None when it does not start as JSON.
    """
    with path.open("rb") as file:
        head = file.read(window_bytes).removeprefix(b"\xef\xbb\xbf").lstrip(_SPACE)
    if head[:1] not in (b"{", b"["):
        return None
    start = head[:1].decode()
    level = 1 if start == "{" else 2
    plain = _ESCAPES.sub(b"__", head)
    places, steps, depth = _scan(plain, 0, in_string=False)[:3]
    keys = set()
    quotes = np.flatnonzero(steps == 2)
    at_level = quotes[depth[quotes] == level]
    for opening, closing in zip(at_level[::2], at_level[1::2], strict=False):
        begin, end = int(places[opening]) + 1, int(places[closing])
        if plain[end + 1 : end + 40].lstrip(_SPACE)[:1] == b":":
            keys.add(head[begin:end].decode("utf-8", "replace"))
    return start, keys


def _blocks(file: IO[bytes], size: int) -> Iterator[bytes]:
    """Yield the file in blocks none of which ends inside an escape."""
    while block := file.read(size):
        while (len(block) - len(block.rstrip(b"\\"))) % 2 and (more := file.read(1)):
            block += more
        yield block


def _scan(
    block: bytes, depth: int, *, in_string: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int8], npt.NDArray[np.int64], bool]:
    """Return the places of quotes and of brackets outside strings, +1, -1 or 2 (quote) for each, and the depth after.

    Args:
        block: bytes without escapes.
        depth: brackets open before it.
        in_string: whether it starts inside a string.
    """
    marks = _STEP[np.frombuffer(block, np.uint8)]
    places = np.flatnonzero(marks)
    steps = marks[places]
    quotes = np.cumsum(steps == 2) + in_string
    outside = (quotes % 2 == 0) | (steps == 2)
    places, steps = places[outside], steps[outside]
    after = depth + np.cumsum(np.where(steps == 2, 0, steps), dtype=np.int64)
    return places, steps, after, bool((int(quotes[-1]) if len(quotes) else in_string) % 2)


@dataclass
class _Reader:
    """Cuts blocks of one file into elements. ``kept`` are the bytes from the end of what was yielded on."""

    path: Path
    wanted: Collection[str] | None
    position: int = 0  # of the file, after what was fed
    kept: bytes = b""
    depth: int = 0
    in_string: bool = False
    level: int = 0  # depth inside the arrays: 1 when the outermost value is one, else 2
    key: str | None = None  # of the array that is open
    ended: bool = False

    def feed(self, block: bytes) -> Iterator[Batch]:
        if not self.level:
            block = self._start(block)
            if not self.level:
                return
        base = len(self.kept)
        plain = _ESCAPES.sub(b"__", block) if b"\\" in block else block
        places, steps, after, self.in_string = _scan(plain, self.depth, in_string=self.in_string)
        data = self.kept + block
        offset = self.position - base  # of data in the file
        self.position += len(block)
        self.depth = int(after[-1]) if len(after) else self.depth
        yield from self._cut(data, offset, (places + base)[steps != 2], steps[steps != 2], after[steps != 2])

    def _start(self, block: bytes) -> bytes:
        """Skip what stands before the outermost value, and tell what that is."""
        bare = (block.removeprefix(b"\xef\xbb\xbf") if self.position == 0 else block).lstrip(_SPACE)
        self.position += len(block) - len(bare)
        if bare:
            if bare[:1] not in (b"{", b"["):
                raise self._fault(f"it starts with {bare[:12]!r}", self.position)
            self.level = 2 if bare[:1] == b"{" else 1
        return bare

    def _cut(
        self,
        data: bytes,
        offset: int,
        places: npt.NDArray[np.int64],
        steps: npt.NDArray[np.int8],
        after: npt.NDArray[np.int64],
    ) -> Iterator[Batch]:
        opening = (steps > 0) & (after == self.level)
        closing = (steps < 0) & (after == self.level - 1)
        done = (steps < 0) & (after == self.level)
        begin = 0
        for event in np.flatnonzero(opening | closing):
            place = int(places[event])
            if opening[event]:
                self.key = self._key(data[begin:place], data[place : place + 1])
                begin = place + 1
            else:
                if self.key is not None:
                    yield from self._parse(data[begin:place], offset + begin)
                self.key, begin = None, place + 1
                self._check_end(data, begin, offset, ended=self.level == 1)
        if self.key is not None:
            ends = places[done]
            if len(ends) and (end := int(ends[-1]) + 1) > begin:
                yield from self._parse(data[begin:end], offset + begin)
                begin = end
        elif self.depth >= self.level:  # inside a value that nobody wants
            begin = len(data)
        self._check_end(data, int(places[-1]) + 1 if len(places) else begin, offset, ended=self.depth == 0)
        self.kept = data[begin:]

    def _check_end(self, data: bytes, end: int, offset: int, *, ended: bool) -> None:
        if (self.ended or (ended and self.depth <= 0)) and (rest := data[end:].strip(_SPACE)):
            raise self._fault(f"{rest[:12]!r} follows its end", offset + end)
        self.ended = self.ended or (ended and self.depth <= 0)

    def _key(self, before: bytes, bracket: bytes) -> str | None:
        if self.level == 1:
            return ROOT
        found = _KEY.search(before[-_KEY_BYTES:])
        key = found[1].decode("utf-8", "replace") if found else None
        return key if bracket == b"[" and key is not None and (self.wanted is None or key in self.wanted) else None

    def _parse(self, piece: bytes, position: int) -> Iterator[Batch]:
        bare = piece.lstrip(_SPACE)
        if bare[:1] == b",":
            bare = bare[1:].lstrip(_SPACE)
        start = position + len(piece) - len(bare)
        bare = bare.rstrip(_SPACE)
        if bare:
            yield Batch(str(self.key), self._values(bare, start), start)

    def _values(self, piece: bytes, position: int) -> list[Any]:
        try:
            return list(orjson.loads(b"[" + piece + b"]"))
        except orjson.JSONDecodeError:
            pass
        try:  # Python writes NaN and Infinity, which are no JSON, and numbers of any size
            return list(json.loads(b"[" + piece + b"]"))
        except UnicodeDecodeError as error:
            raise self._fault("it is not UTF-8", position + error.start - 1) from error
        except json.JSONDecodeError as error:
            where = position + len(error.doc[: error.pos].encode()) - 1
            raise self._fault(error.msg, where) from error
        except (ValueError, RecursionError) as error:  # a number of thousands of digits, or as many brackets
            raise self._fault(str(error), position) from error

    def close(self) -> None:
        if self.depth > 0 or self.in_string or not self.level:
            raise DatasetError(
                f"'{self.path.name}' ends early, at byte {self.position:,}"
                + (f", with {self.depth} brackets open." if self.level else ": it is empty."),
                "A complete JSON file.",
                "Download or export it again.",
                path=str(self.path),
                byte=self.position,
            )

    def _fault(self, reason: str, position: int) -> DatasetError:
        return DatasetError(
            f"'{self.path.name}' is not valid JSON at byte {position:,}: {reason}.",
            "A JSON file in UTF-8.",
            "Correct it there, or export it again.",
            path=str(self.path),
            byte=position,
        )
