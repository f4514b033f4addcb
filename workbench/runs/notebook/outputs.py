"""What is kept of what a notebook prints: enough to read, never enough to fill the memory or the disk.

What lives here: one cell's outputs in the executed notebook, and the attempt's log, both with a limit. What does not:
where outputs come from (``notebook``).

The beginning says what was set up and the end says what went wrong, so of text that is too long both are kept.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from nbformat import NotebookNode

from workbench.errors import storage_error

TEXT_CHARS: Final = 512 * 1024  # of a cell's text, at the beginning and again at the end
RICH_CHARS: Final = 16 << 20  # of a cell's images, tables, ...
ERROR_CHARS: Final = 64 * 1024  # of an error's message, and again of its traceback
LOG_BYTES: Final = 64 << 20
LOG_END_BYTES: Final = 256 * 1024  # kept in memory once the log is full, and written when it is closed
_OUTPUT_CHARS = 1000  # what an output costs beside its data
_PIECE_CHARS = 4096
_BLOCK_CHARS = 64 * 1024
_REFRESH_S = 5.0
_BAR_S = 10.0


def overwrite(text: str) -> str:
    """Return ``text`` as a terminal ends up showing it, without what a carriage return has written over."""
    if "\r" not in text:
        return text
    return "\n".join(_shown(line) for line in text.split("\n"))


def _shown(line: str) -> str:
    body = line.rstrip("\r")
    # A return at the end writes over nothing yet: it belongs to a Windows line end, or to a bar that will go on.
    return body.rpartition("\r")[2] + ("\r" if len(body) < len(line) else "")


class KeptOutputs:
    """The outputs of one cell, within the limits.

    Args:
        outputs: the list in the notebook, empty; text is added to it here alone.
    """

    def __init__(self, outputs: list[NotebookNode]) -> None:
        self.outputs = outputs
        self.clear()

    def clear(self) -> None:
        """Forget everything: the cell cleared its output."""
        self.outputs.clear()
        self._head = self._rich = 0
        self._middle: NotebookNode | None = None  # stands where text was left out, and holds the last of it
        self._end: deque[str] = deque()
        self._end_chars = self._dropped = 0
        self._left_out: NotebookNode | None = None
        self._left_out_chars = self._left_out_count = 0
        self._refreshed = time.monotonic()

    def text(self, name: str, text: str) -> None:
        """Add what the cell wrote to the stream ``name`` (stdout or stderr)."""
        if self._middle is None:
            text = self._add_to_head(name, text)
            if not text:
                return
            self._middle = _stream(name, "")
            self.outputs.append(self._middle)
        self._add_to_end(text)
        if time.monotonic() - self._refreshed > _REFRESH_S:
            self.refresh()

    def admit(self, chars: int) -> bool:
        """Return whether an image, a table or a value of ``chars`` fits beside those before it."""
        fits = self.has_room(_OUTPUT_CHARS + chars)
        self._rich += _OUTPUT_CHARS + chars if fits else 0
        return fits

    def has_room(self, chars: int) -> bool:
        """Return whether ``chars`` more of rich output fit, and say in the notebook when they do not."""
        if self._rich + chars <= RICH_CHARS:
            return True
        self._left_out_count += 1
        self._left_out_chars += chars
        if self._left_out is None:
            self._left_out = _stream("stderr", "")
            self.outputs.append(self._left_out)
        self._left_out["text"] = (
            f"... {self._left_out_count} outputs ({self._left_out_chars / 1e6:.1f} MB) were left out: "
            f"a cell keeps {RICH_CHARS / 1e6:.0f} MB ...\n"
        )
        return False

    def refresh(self) -> None:
        """Put the last of the text into the notebook, which is about to be saved."""
        self._refreshed = time.monotonic()
        if self._middle is None:
            return
        last = "".join(self._end)[-TEXT_CHARS:]
        dropped = self._dropped + self._end_chars - len(last)
        said = f"\n... {dropped / 1e6:.2f} MB more are in log.txt ...\n" if dropped else ""
        self._middle["text"] = said + last

    def _add_to_head(self, name: str, text: str) -> str:
        """Add what fits to the beginning, and return the rest."""
        last = self._last_of(name, text)
        kept = str(last["text"]) if last else ""
        text = overwrite(text) if not last else _join(kept, text)
        used = len(kept)
        room = TEXT_CHARS - self._head + used
        fits, rest = text[:room], text[room:]
        if last:
            last["text"] = fits
        elif fits:
            self.outputs.append(_stream(name, fits))
        self._head += len(fits) - used
        return rest

    def _last_of(self, name: str, text: str) -> NotebookNode | None:
        """Return the output that ``text`` continues; long ones are closed at a line end, since strings are copied."""
        last = self.outputs[-1] if self.outputs else None
        if last is None or last.get("name") != name or last is self._left_out:
            return None
        closed = last["text"].endswith("\n") and len(last["text"]) + len(text) > _BLOCK_CHARS
        return None if closed else last

    def _add_to_end(self, text: str) -> None:
        if self._end and (len(self._end[-1]) < _PIECE_CHARS or "\r" in text):
            last = self._end.pop()
            self._end_chars -= len(last)
            text = _join(last, text)
        else:
            text = overwrite(text)
        if len(text) > TEXT_CHARS:
            self._dropped += len(text) - TEXT_CHARS
            text = text[-TEXT_CHARS:]
        self._end.append(text)
        self._end_chars += len(text)
        while self._end_chars - len(self._end[0]) >= TEXT_CHARS:
            gone = len(self._end.popleft())
            self._end_chars -= gone
            self._dropped += gone


def _stream(name: str, text: str) -> NotebookNode:
    output: NotebookNode = NotebookNode(output_type="stream", name=name, text=text)  # type: ignore[no-untyped-call]
    return output


def _join(before: str, text: str) -> str:
    """Return both as one text, in which ``text`` may write over the last line of ``before``."""
    if "\r" not in text and not before.endswith("\r"):
        return before + text
    lines, newline, line = before.rpartition("\n")
    return lines + newline + overwrite(line + text)


def size_of(value: Any) -> int:
    """Return about how many characters ``value`` takes as JSON."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(len(str(key)) + size_of(found) for key, found in value.items())
    if isinstance(value, list | tuple):
        return sum(size_of(found) for found in value)
    return 8


def shorten(text: str, chars: int = ERROR_CHARS) -> str:
    """Return ``text``, or its beginning and its end when it is longer than ``chars``."""
    if len(text) <= chars:
        return text
    half = chars // 2
    return f"{text[:half]}\n... {(len(text) - 2 * half) / 1e6:.2f} MB were left out ...\n{text[-half:]}"


class Log:
    """The attempt's log: text as it comes, until it is full; then only its last words, when it is closed.

    A log that cannot be written ends no run: what follows is lost, and the run goes on.

    Raises:
        StorageError: when the file cannot be made.
    """

    def __init__(self, path: Path, limit: int = LOG_BYTES) -> None:
        try:
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise storage_error(error, path) from error
        self._room = max(limit - path.stat().st_size, 0)
        self._end, self._over, self._broken = bytearray(), 0, False
        self._bar: str | None = None  # a line that is still written over
        self._bar_since, self._line_open = 0.0, False

    def write(self, text: str) -> None:
        """Write ``text``; a line that is written over again and again is written when it is done, or every 10 s."""
        if self._bar is not None or "\r" in text:
            text = self._without_bar(text)
        if text:
            self._put(text)

    def note(self, text: str) -> None:
        """Write a line of the workbench's own."""
        self._end_line()
        self._put(f"[workbench] {text}\n")

    def close(self) -> None:
        """Write what was held back, and close the file."""
        self._end_line()
        if self._over:
            kept = bytes(self._end[-LOG_END_BYTES:])
            self._raw(f"\n[workbench] ... {(self._over - len(kept)) / 1e6:.1f} MB were left out ...\n".encode())
            self._raw(kept)
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _without_bar(self, text: str) -> str:
        """Return the lines that are done, and hold the last one back."""
        lines, newline, line = overwrite((self._bar or "") + text).rpartition("\n")
        now = time.monotonic()
        if newline or self._bar is None:
            self._bar_since = now
        elif now - self._bar_since > _BAR_S:
            lines, newline, line = line.rstrip("\r"), "\n", ""
        self._bar = line or None
        return lines + newline

    def _end_line(self) -> None:
        bar, self._bar = self._bar, None
        if bar is not None:
            self._put(bar.rstrip("\r"))
        if self._line_open:
            self._put("\n")

    def _put(self, text: str) -> None:
        self._line_open = not text.endswith("\n")
        data = text.encode("utf-8", "backslashreplace")
        if not self._over:
            fits = data[: self._room]
            self._room -= len(fits)
            self._raw(fits)
            data = data[len(fits) :]
            if data:
                self._raw(b"\n[workbench] The log is full: only its last words follow, when the notebook has ended.\n")
        self._over += len(data)
        self._end += data[-LOG_END_BYTES:]
        if len(self._end) > 2 * LOG_END_BYTES:
            del self._end[:-LOG_END_BYTES]

    def _raw(self, data: bytes) -> None:
        left = memoryview(data)
        while left and not self._broken:
            try:
                left = left[self._file.write(left) :]
            except OSError:  # the disk is full
                self._broken = True
