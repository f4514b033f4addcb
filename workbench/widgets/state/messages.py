"""What a widget's script asks and what it is answered, as plain typed data.

What lives here: requests, replies, and how a state model answers for them; nothing here knows a browser. What does
not: carrying the messages (``base``).

A request is ``{"v": 1, "id": str, "kind": str, "view": str, ...}``; its answer is ``{"v": 1, "id": str, "kind": "ok",
"data": ..., "python": str}`` or ``{"kind": "error", "data": {"happened", "expected", "todo"}}``. Arrays travel beside
it as bytes. Every request is answered.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, ClassVar, Final, TypeVar, get_type_hints

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from workbench.errors import RequestError, WorkbenchError

VERSION: Final = 1
_LOG = logging.getLogger(__name__)
_ENVELOPE: Final = frozenset({"v", "id", "kind", "view"})
_Method = TypeVar("_Method", bound=Callable[..., Any])


class Request(BaseModel):
    """What a script asks; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(Request):
    """A request that says all by its kind."""


@dataclass(frozen=True)
class Reply:
    """What is answered.

    Attributes:
        data: anything that ``plain`` takes.
        buffers: arrays as bytes, in the order that the request's documentation gives.
        python: the line that does the same; empty when there is none.
    """

    data: Any = None
    buffers: Sequence[bytes | memoryview] = ()
    python: str = ""


@dataclass(frozen=True)
class Sent:
    """A message on its way to the script: JSON and the bytes beside it."""

    content: dict[str, Any]
    buffers: Sequence[bytes | memoryview] = field(default=())


def answers(kind: str, *, acts: bool = False) -> Callable[[_Method], _Method]:
    """Mark a method of a state model as what answers requests of a kind; its argument's type says what they hold.

    Args:
        kind: of the requests.
        acts: whether something is changed by it; a read-only model does not have it at all.
    """

    def mark(method: _Method) -> _Method:
        method.__dict__["_answers"] = (kind, acts)
        return method

    return mark


class StateModel:
    """The state behind a widget, and what it answers; plain Python, safe to share between threads.

    A subclass marks its methods with ``answers``; each takes one ``Request`` and returns a ``Reply``.

    Args:
        readonly: leaves out every answer that acts.
    """

    _marked: ClassVar[dict[str, tuple[str, bool, type[Request]]]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        methods = [(name, method) for base in cls.__mro__ for name, method in vars(base).items()]
        cls._marked = {}
        for name, method in reversed(methods):
            if "_answers" in getattr(method, "__dict__", {}):
                kind, acts = method.__dict__["_answers"]
                hints = get_type_hints(method)
                hints.pop("return", None)
                cls._marked[kind] = (name, acts, next(iter(hints.values())))

    def __init__(self, *, readonly: bool = False) -> None:
        self.readonly = readonly
        self._kinds = {kind: mark for kind, mark in self._marked.items() if not (readonly and mark[1])}

    @property
    def kinds(self) -> list[str]:
        """The kinds of requests that are answered, sorted."""
        return sorted(self._kinds)

    @answers("hello")
    def hello(self, _request: Nothing) -> Reply:
        """Answer the first message of a view: what it needs to draw itself."""
        return Reply()

    def answer(self, message: Any) -> Sent:
        """Answer one message, whatever it is."""
        envelope = message if isinstance(message, Mapping) else {}
        id_ = str(envelope.get("id", ""))
        try:
            reply = self._reply(envelope)
            content = {"v": VERSION, "id": id_, "kind": "ok", "data": plain(reply.data), "python": reply.python}
            return Sent(content, reply.buffers)
        except WorkbenchError as error:
            told = {"happened": error.happened, "expected": error.expected, "todo": error.todo}
        except Exception as error:  # noqa: BLE001  else the widget would wait for ever, and nobody would know
            _LOG.exception("A widget's request %r failed.", envelope.get("kind"))
            told = {"happened": f"{type(error).__name__}: {error}", "expected": "", "todo": ""}
        return Sent({"v": VERSION, "id": id_, "kind": "error", "data": told})

    def _reply(self, envelope: Mapping[str, Any]) -> Reply:
        kind = str(envelope.get("kind"))
        if envelope.get("v") != VERSION or kind not in self._kinds:
            raise RequestError(
                f"The widget asked for '{kind}' of version {envelope.get('v')}.",
                f"One of {', '.join(self.kinds)}, version {VERSION}.",
                "This widget only shows." if kind in self._marked else "Run the cell again.",
            )
        name, _, of = self._kinds[kind]
        try:
            request = of.model_validate({key: value for key, value in envelope.items() if key not in _ENVELOPE})
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            raise RequestError(f"The request '{kind}' is wrong: {wrong}.", f"The fields of {of.__name__}.") from error
        found: Reply = getattr(self, name)(request)
        return found


def plain(value: Any) -> Any:
    """Return ``value`` as what strict JSON can say: NaN and the infinities are null, numpy's scalars numbers.

    Raises:
        TypeError: when it is something that JSON has no word for.
    """
    if isinstance(value, Enum | np.generic | Decimal):
        return plain(_scalar(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    return _written(value)


def _scalar(value: Enum | np.generic | Decimal) -> Any:
    if isinstance(value, Enum):
        return value.value
    return float(value) if isinstance(value, Decimal) else value.item()


def _written(value: Any) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be sent to a widget")
