"""A widget in the notebook: a state model behind a script in the browser.

What lives here: carrying messages between the two, and pushes. What does not: what is asked and answered
(``state.messages``, and each widget's model).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import anywidget
import traitlets

from workbench.errors import ParameterError, did_you_mean
from workbench.widgets.state.messages import VERSION, StateModel, plain
from workbench.widgets.state.watching import Look, Watcher

STATIC: Final = Path(__file__).parent / "static"
LANGUAGES: Final = ("auto", "en", "ko")


def script(name: str) -> Path:
    """Return a widget's built script."""
    return STATIC / f"{name}.js"


def stylesheet(name: str) -> Path:
    """Return a widget's built stylesheet."""
    return STATIC / f"{name}.css"


class Widget(anywidget.AnyWidget):
    """What all widgets have in common.

    A handler may run on the kernel's main thread or on another one, so requests are answered one at a time.

    Args:
        model: answers the script's requests.
        traits: small state that a reloaded page keeps, e.g. ``lang="ko"``.

    Raises:
        ParameterError: when there is no such trait.
    """

    shows: ClassVar[str] = "widget"  # what ``repr`` calls it

    readonly = traitlets.Bool(False).tag(sync=True)
    lang = traitlets.Enum(LANGUAGES, "auto").tag(sync=True)

    def __init__(self, model: StateModel, **traits: Any) -> None:
        self.model = model
        self._lock = threading.Lock()  # of what follows; never held while a request is answered
        self._answering = threading.Lock()
        self._watcher = Watcher(self.push, type(self).__name__.lower())
        self._views: frozenset[str] = frozenset()
        self._sequence = 0
        unknown = sorted(set(traits) - set(self.trait_names()))
        if unknown:
            known = sorted(name for name in self.trait_names(sync=True) if not name.startswith("_"))
            raise ParameterError(
                f"{type(self).__name__} takes no '{unknown[0]}'.",
                f"One of {', '.join(known)}.",
                did_you_mean(unknown[0], known) or "Leave it out.",
            )
        super().__init__(**{"readonly": model.readonly, **traits})
        self.on_msg(self._receive)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.shows}>"

    def push(self, topic: str, data: Any, buffers: Sequence[bytes | memoryview] = ()) -> None:
        """Send something that no view asked for to all views; from any thread."""
        with self._lock:
            self._sequence += 1
            content = {"v": VERSION, "kind": "push", "topic": topic, "seq": self._sequence, "data": plain(data)}
            self.send(content, buffers=list(buffers))

    def begin(self) -> Look | None:
        """Return what looks for news and gives the seconds until the next look; None when nothing moves by itself."""
        return None

    def watched(self, by: int) -> None:
        """Look for news while there are views: nobody pays for what nobody sees."""
        if not by:
            self._watcher.stop()
        elif not self._watcher.active and (look := self.begin()):
            self._watcher.start(look)

    def close(self) -> None:
        """End the widget and whatever it does beside."""
        self._see(lambda _views: frozenset())
        super().close()

    def _receive(self, _widget: object, content: Any, buffers: Sequence[memoryview]) -> None:
        del buffers
        view = str(content.get("view", "")) if isinstance(content, Mapping) else ""
        kind = content.get("kind") if isinstance(content, Mapping) else None
        if kind == "bye":
            self._see(lambda views: views - {view})
            return
        if kind == "hello":
            self._see(lambda views: views | {view})
        with self._answering:
            sent = self.model.answer(content)
        self.send(sent.content, buffers=list(sent.buffers))

    def _see(self, change: Callable[[frozenset[str]], frozenset[str]]) -> None:
        with self._lock:
            before, self._views = self._views, change(self._views)
            now = len(self._views)
        if now != len(before):
            self.watched(now)
