"""Views: selections of images as a line of text.

What lives here: the language and its parser. What does not: what a line selects in a dataset (``compiled``).

    class:person AND small                 images with a small person
    split:val AND NOT class:dog,cat        images of val without a dog or a cat
    (class:person AND large) AND class:car images with a large person, and a car of any size
    objects>5 OR width<640                 numbers: objects, width, height, bytes, orientation, id, area (of an object)
    path:night* AND issue:image-*          names with * and ?; a pattern without a slash is of a file or a folder
    class:"traffic light" OR view:hard     names in quotes; another view by its name

AND binds before OR, and NOT before both. Terms about objects that AND joins directly are about one object; a term in
parentheses, or behind NOT, is about another, and so are two classes (or two sizes) with nothing else beside them. A
comma is an OR between the values of a term.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from workbench.errors import RequestError, did_you_mean

OBJECT_FIELDS = ("class", "size", "kind")
TEXT_FIELDS = (*OBJECT_FIELDS, "split", "path", "group", "issue", "effect", "format", "mode", "view")
NUMBER_FIELDS = ("objects", "width", "height", "bytes", "orientation", "id", "area")
WORDS = ("small", "medium", "large", "crowd", "background", "dropped")
LENGTH, DEPTH, TERMS = 10_000, 50, 200
_NAME = re.compile(r"""(?P<name>[^\s()",:<>=!]+)(?P<sign>:|<=|>=|!=|<|>|=)?""")
_VALUE = re.compile(r'"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s()",]+)')
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?(?=[\s()]|$)", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class Value:
    """A name in a view.

    Attributes:
        text: without its quotes.
        at: place of its first character in the line, from 0.
        quoted: whether ``*`` and ``?`` in it mean themselves.
    """

    text: str
    at: int
    quoted: bool = False


@dataclass(frozen=True)
class Term:
    """``field:value,value``, ``field<number``, or a word of its own.

    Attributes:
        field: of TEXT_FIELDS, NUMBER_FIELDS or WORDS.
        values: of a text field.
        sign: of a number field: < <= > >= = !=.
        number: what the field is compared with.
        at: place of its first character in the line, from 0.
    """

    field: str
    values: tuple[Value, ...] = ()
    sign: str = ""
    number: float = 0.0
    at: int = 0


@dataclass(frozen=True)
class Not:
    """The images that ``part`` does not select."""

    part: Node


@dataclass(frozen=True)
class And:
    """The images that every part selects."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Or:
    """The images that some part selects."""

    parts: tuple[Node, ...]


Node: TypeAlias = Term | Not | And | Or


def parse(text: str) -> Node | None:
    """Return what a line says; None for an empty one, which selects every image.

    Raises:
        RequestError: when it cannot be understood; field ``position`` says where, from 0.
    """
    if len(text) > LENGTH:
        raise wrong(text[:40] + "...", LENGTH, f"it has {len(text)} characters", f"At most {LENGTH}.")
    return _Parser(text).whole() if text.strip() else None


def wrong(text: str, at: int, happened: str, expected: str, todo: str = "") -> RequestError:
    """Return the error of a line that cannot be understood at ``at``."""
    return RequestError(
        f"The view '{text}' is wrong at character {at + 1}: {happened}.",
        expected,
        todo or "For example: class:person AND small",
        view=text,
        position=at,
    )


class _Parser:
    """Reads a line from left to right."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self._depth, self._terms = text, 0, 0, 0

    def whole(self) -> Node:
        found = self._either()
        if self._rest():
            raise self._wrong(f"'{self._rest()[:20]}' follows", "AND or OR between two terms, or the end.")
        return found

    def _either(self) -> Node:
        parts = [self._both()]
        while self._joint("OR"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _both(self) -> Node:
        parts = [self._one()]
        while self._joint("AND"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self) -> Node:
        self._depth += 1
        if self._depth > DEPTH:
            raise self._wrong(f"it is nested more than {DEPTH} deep", "A shorter view.")
        found = Not(self._one()) if self._joint("NOT") else self._bracketed() if self._take("(") else self._term()
        self._depth -= 1
        return found

    def _bracketed(self) -> Node:
        opened = self._at - 1
        found = self._either()
        if not self._take(")"):
            raise wrong(self._text, opened, "this parenthesis is not closed", "A ) for every (.")
        # A term alone stays in brackets: it is about an object of its own
        return found if isinstance(found, And) else And((found,))

    def _term(self) -> Term:
        rest = self._rest()
        start, named = self._at, _NAME.match(rest)
        if named is None:
            met = f"'{rest[0]}' stands where a term should" if rest else "it ends where a term should follow"
            raise self._wrong(met, "A term such as class:person, small, width<640.")
        self._terms += 1
        if self._terms > TERMS:
            raise self._wrong(f"it has more than {TERMS} terms", "A shorter view.")
        self._at += named.end()
        name, sign = named["name"].lower(), named["sign"] or ""
        known = {":": TEXT_FIELDS, "": WORDS}.get(sign, NUMBER_FIELDS)
        if name not in known:
            raise self._unknown(name, sign, start)
        if sign == ":":
            return Term(name, self._values(), at=start)
        return Term(name, sign=sign, number=self._number(), at=start) if sign else Term(name, at=start)

    def _values(self) -> tuple[Value, ...]:
        values: list[Value] = []
        while not values or self._text.startswith(",", self._at):
            self._at += bool(values)
            values.append(self._value())
        return tuple(values)

    def _value(self) -> Value:
        at = self._at
        found = _VALUE.match(self._text, at)
        if found is None:
            unclosed = self._text.startswith('"', at)
            raise self._wrong("this quote is not closed" if unclosed else "a name is missing", 'A name, or "a name".')
        self._at = found.end()
        quoted = found["quoted"] is not None
        return Value(re.sub(r"\\(.)", r"\1", found["quoted"]) if quoted else found["bare"], at, quoted)

    def _number(self) -> float:
        found = _NUMBER.match(self._text, self._at)
        if found is None:
            raise self._wrong("a number is missing", "A number, such as 640 or 1e6.")
        self._at = found.end()
        return float(found[0])

    def _joint(self, word: str) -> bool:
        found = re.match(rf"{word}(?=[\s()]|$)", self._rest(), re.IGNORECASE)
        self._at += found.end() if found else 0
        return found is not None

    def _take(self, character: str) -> bool:
        found = self._rest().startswith(character)
        self._at += found
        return found

    def _rest(self) -> str:
        """Return what is left, without the spaces before it."""
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1
        return self._text[self._at :]

    def _wrong(self, happened: str, expected: str) -> RequestError:
        return wrong(self._text, self._at, happened, expected)

    def _unknown(self, name: str, sign: str, at: int) -> RequestError:
        if sign == "":
            happened, expected = f"'{name}' is no word that stands alone", f"One of {', '.join(WORDS)}, or field:name."
            known: tuple[str, ...] = WORDS
            form = "{}"
        elif name in (*TEXT_FIELDS, *NUMBER_FIELDS):
            numbers = name in NUMBER_FIELDS
            happened = f"'{name}' takes {'< <= > >= = or != and a number' if numbers else ': and a name'}, not '{sign}'"
            return wrong(self._text, at, happened, f"For example {name}{'>100' if numbers else ':name'}.")
        else:
            known, form = (TEXT_FIELDS, "{}:") if sign == ":" else (NUMBER_FIELDS, "{}" + sign)
            happened, expected = f"there is no field '{name}'", f"Fields with '{sign}': {', '.join(known)}."
        return wrong(self._text, at, happened, expected, did_you_mean(form.format(name), map(form.format, known)))
