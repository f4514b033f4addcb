"""The kinds of rule that a config value is held against.

What lives here: booleans, numbers, choices, text, lists, and "one of these". What does not: which key has which rule
(``limits``). A rule checks without coercion: a bool is no number, ``'5'`` is no 5, 16.0 is no int. It only brings a
value that was written in another way into one form: an int where a float is meant, a list into a tuple, the case of a
choice. ``read`` is for the one place where everything is text: a command line.
"""

from __future__ import annotations

import ast
import difflib
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Union, cast

from pydantic import Field


class Refusal(Exception):  # noqa: N818  it says no; the error is raised by check.py
    """A value does not fit its rule.

    Args:
        reason: completes the sentence "key=value …".
        nearest: the nearest legal value, or ``None``.
    """

    def __init__(self, reason: str, nearest: Any = None) -> None:
        super().__init__(reason)
        self.reason, self.nearest = reason, nearest


@dataclass(frozen=True, kw_only=True)
class Rule(ABC):
    """What one key may be.

    Attributes:
        optional: whether ``None`` is legal too.
    """

    optional: bool = False

    @property
    @abstractmethod
    def expected(self) -> str:
        """What is legal, in words, to stand after "expected"."""

    @property
    @abstractmethod
    def plain(self) -> Any:
        """The type for pydantic and for JSON schema, without ``None``."""

    @property
    def annotation(self) -> Any:
        """The type for pydantic and for JSON schema."""
        return self.plain | None if self.optional else self.plain

    @abstractmethod
    def accept(self, value: Any) -> Any:
        """Return the value in its one form, or raise ``Refusal``; ``None`` never comes here."""

    def check(self, value: Any) -> Any:
        """Return the value in its one form, or raise ``Refusal``."""
        if value is None:
            if self.optional:
                return None
            raise Refusal("is not a value here")
        return self.accept(value)

    def read(self, text: str) -> Any:
        """Return what a command line means by ``text``; not checked yet."""
        return literal(text)


def literal(text: str) -> Any:
    """Return ``text`` as None, bool, number or list where it reads as one, else the text itself."""
    word = text.strip().lower()
    if word in ("none", "null"):
        return None
    if len(word) > 4096:
        return text
    if word in ("true", "false"):
        return word == "true"
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, (int, float, list, tuple)) else text


@dataclass(frozen=True, kw_only=True)
class Flag(Rule):
    """A boolean."""

    expected = "True or False"
    plain = bool

    def accept(self, value: Any) -> bool:
        """Refuse everything but the two booleans: 1 is no True."""
        if not isinstance(value, bool):
            raise Refusal(f"is {_kind(value)}, not a boolean")
        return value


@dataclass(frozen=True, kw_only=True)
class Integer(Rule):
    """An int from ``low`` to ``high``, both included."""

    low: int
    high: int

    @property
    def expected(self) -> str:
        """The range in words."""
        return f"an integer from {self.low} to {self.high}"

    @property
    def plain(self) -> Any:
        """A bounded int."""
        return Annotated[int, Field(ge=self.low, le=self.high)]

    def accept(self, value: Any) -> int:
        """Refuse bools, floats and text; name the nearest int for a number."""
        if isinstance(value, bool) or not isinstance(value, int):
            whole = isinstance(value, float) and math.isfinite(value)
            raise Refusal(f"is {_kind(value)}, not an integer", self._clamp(round(value)) if whole else None)
        if not self.low <= value <= self.high:
            raise Refusal("is out of range", self._clamp(value))
        return int(value)

    def _clamp(self, value: int) -> int:
        return min(max(value, self.low), self.high)


@dataclass(frozen=True, kw_only=True)
class Real(Rule):
    """A finite float from ``low`` to ``high``, both included; an int stands for the float of that value.

    Attributes:
        above: whether ``low`` itself is too low.
    """

    low: float
    high: float
    above: bool = False

    @property
    def expected(self) -> str:
        """The range in words."""
        low, high = f"{self.low:g}", f"{self.high:g}"
        return f"a number above {low} up to {high}" if self.above else f"a number from {low} to {high}"

    @property
    def plain(self) -> Any:
        """A bounded float."""
        low = Field(gt=self.low) if self.above else Field(ge=self.low)
        return Annotated[float, low, Field(le=self.high, allow_inf_nan=False)]

    def accept(self, value: Any) -> float:
        """Refuse bools, text, NaN and infinities; name the nearest float for a number."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Refusal(f"is {_kind(value)}, not a number")
        if value != value:  # noqa: PLR0124 - NaN; math.isnan fails on an int beyond float
            raise Refusal("is not a number")
        if value > self.high:
            raise Refusal("is out of range", self.high)
        if value < self.low or (self.above and value == self.low):
            raise Refusal("is out of range", None if self.above else self.low)
        return float(value)


@dataclass(frozen=True, kw_only=True)
class Choice(Rule):
    """One of some words (in any case; the listed spelling is kept) or, with ``flags``, a boolean."""

    words: tuple[str, ...]
    flags: bool = False

    @property
    def expected(self) -> str:
        """The list in words."""
        flags = ["True", "False"] if self.flags else []
        return "one of " + ", ".join([*flags, *(repr(word) for word in self.words)])

    @property
    def plain(self) -> Any:
        """A Literal of the words."""
        words = cast("Any", Literal)[self.words]
        return bool | words if self.flags else words

    def accept(self, value: Any) -> bool | str:
        """Refuse unknown words, naming the closest."""
        if self.flags and isinstance(value, bool):
            return value
        if not isinstance(value, str):
            raise Refusal(f"is {_kind(value)}")
        spelling = {word.lower(): word for word in self.words}
        if value.lower() in spelling:
            return spelling[value.lower()]
        close = difflib.get_close_matches(value.lower(), spelling, n=1)
        raise Refusal("is not known", spelling[close[0]] if close else None)


@dataclass(frozen=True, kw_only=True)
class Text(Rule):
    """A line of text.

    Attributes:
        meaning: what the text says, to stand after "expected".
        suffixes: when given, the text must end in one of them; an empty one allows a bare name.
        pattern: when given, the whole text must match, in any case; the lower case is kept.
        also: returns why a matching text is wrong all the same, or an empty string.
    """

    meaning: str
    suffixes: tuple[str, ...] = ()
    pattern: str = ""
    also: Callable[[str], str] | None = None

    @property
    def expected(self) -> str:
        """What the text means."""
        return self.meaning

    plain = str

    def accept(self, value: Any) -> str:
        """Refuse what is no line of text, or does not have the form."""
        if not isinstance(value, str):
            raise Refusal(f"is {_kind(value)}, not text", str(value) if hasattr(value, "__fspath__") else None)
        if not value.isprintable() or len(value) > 4096 or value != value.strip():
            raise Refusal("holds control characters, blanks at an end, or is too long")
        if self.suffixes and not self._suffixed(value):
            raise Refusal(f"does not end in {' or '.join(filter(None, self.suffixes))}" if value else "is empty")
        if not self.pattern:
            return str(value)
        if not re.fullmatch(self.pattern, value.lower()):
            raise Refusal("is not known")
        if self.also and (wrong := self.also(value.lower())):
            raise Refusal(wrong)
        return value.lower()

    def _suffixed(self, value: str) -> bool:
        name = value.replace("\\", "/").rsplit("/", 1)[-1]
        ending = re.search(r"\.[A-Za-z]\w*$", name)
        return bool(name) and (ending.group().lower() if ending else "") in self.suffixes

    def read(self, text: str) -> Any:
        """Keep the text: a project may be called 2024. Only ``none`` means nothing, where nothing is legal."""
        return None if self.optional and text.strip().lower() in ("none", "null") else text


@dataclass(frozen=True, kw_only=True)
class Items(Rule):
    """A list of ``low`` to ``high`` values that fit ``rule``; kept as a tuple, because a config is frozen.

    Attributes:
        also: returns why a list of legal values is wrong all the same, or an empty string.
    """

    rule: Rule
    low: int = 1
    high: int = 10_000
    also: Callable[[Sequence[Any]], str] | None = None

    @property
    def expected(self) -> str:
        """Length and items in words."""
        count = f"{self.low}" if self.low == self.high else f"{self.low} to {self.high}"
        return f"a list of {count} values, each {self.rule.expected}"

    @property
    def plain(self) -> Any:
        """A tuple of any length within bounds."""
        items = cast("Any", tuple)[self.rule.annotation, ...]
        return Annotated[items, Field(min_length=self.low, max_length=self.high)]

    def accept(self, value: Any) -> tuple[Any, ...]:
        """Refuse what is no list or tuple, has another length, or holds an illegal value."""
        if not isinstance(value, (list, tuple)):
            raise Refusal(f"is {_kind(value)}, not a list")
        if not self.low <= len(value) <= self.high:
            raise Refusal(f"has {len(value)} values")
        items = tuple(self.rule.check(item) for item in value)
        if self.also and (wrong := self.also(items)):
            raise Refusal(wrong)
        return items


@dataclass(frozen=True, kw_only=True)
class OneOf(Rule):
    """Whatever one of several rules accepts; the first that does decides the form."""

    rules: tuple[Rule, ...]
    meaning: str = ""
    aliases: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def expected(self) -> str:
        """The alternatives in words."""
        return self.meaning or ", or ".join(rule.expected for rule in self.rules)

    @property
    def plain(self) -> Any:
        """The union of the alternatives."""
        return Union[tuple(rule.plain for rule in self.rules)]  # noqa: UP007  built from a tuple

    def accept(self, value: Any) -> Any:
        """Refuse with the reason of the first rule that knows a nearest legal value, else of the first one."""
        if isinstance(value, str):
            value = self.aliases.get(value.lower(), value)
        refusals = []
        for rule in self.rules:
            try:
                return rule.accept(value)
            except Refusal as refusal:
                refusals.append(refusal)
        best = next((refusal for refusal in refusals if refusal.nearest is not None), None)
        raise best or Refusal("is not valid")


def _kind(value: Any) -> str:
    words = {bool: "a boolean", int: "an integer", float: "a number with decimals", str: "text", dict: "a mapping"}
    words |= {list: "a list", tuple: "a list"}
    return words.get(type(value), f"of type {type(value).__name__}")
