"""A widget without a browser: what it takes, whom it answers, and who watches it."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from workbench.errors import ParameterError
from workbench.widgets.base import Widget
from workbench.widgets.state.messages import Nothing, Reply, StateModel, answers


class Model(StateModel):
    @answers("where")
    def where(self, _request: Nothing) -> Reply:
        return Reply({"thread": threading.current_thread().name}, [b"xy"])


class Shown(Widget):
    """Keeps what it would send to a browser."""

    _esm = "export default {}"
    shows = "nothing"

    def __init__(self, **traits: Any) -> None:
        self.sent: list[tuple[Any, Any]] = []
        self.watchers: list[int] = []
        super().__init__(Model(), **traits)

    def send(self, content: Any, buffers: Any = None) -> None:
        self.sent.append((content, buffers))

    def watched(self, by: int) -> None:
        self.watchers.append(by)

    def hear(self, kind: str, view: str = "a") -> None:
        self._handle_custom_msg({"v": 1, "id": f"{view}:1", "kind": kind, "view": view}, [])


def test_an_unknown_keyword_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(ParameterError, match="takes no 'lnag'") as caught:
        Shown(lnag="ko")
    assert caught.value.todo == "Did you mean 'lang'?"


def test_its_text_is_the_same_in_every_notebook() -> None:
    assert repr(Shown()) == "<Shown of nothing>"


def test_every_request_is_answered_with_its_bytes() -> None:
    widget = Shown()
    widget.hear("where")
    ((content, buffers),) = widget.sent
    assert (content["kind"], content["id"], buffers) == ("ok", "a:1", [b"xy"])


def test_it_knows_how_many_views_there_are() -> None:
    widget = Shown()
    for kind, view in (("hello", "a"), ("hello", "b"), ("hello", "a"), ("bye", "a"), ("bye", "a"), ("bye", "b")):
        widget.hear(kind, view)
    assert widget.watchers == [1, 2, 1, 0]


def test_closing_it_ends_what_it_does_beside() -> None:
    widget = Shown()
    widget.hear("hello")
    widget.close()
    assert widget.watchers == [1, 0]


def test_pushes_are_numbered_in_the_order_in_which_they_go_out() -> None:
    widget = Shown()
    threads = [threading.Thread(target=widget.push, args=("rows", {"n": float("nan")})) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [content["seq"] for content, _ in widget.sent] == list(range(1, 21))
    assert widget.sent[0][0]["data"] == {"n": None}
