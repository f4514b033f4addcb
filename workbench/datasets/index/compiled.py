"""What a view selects in one dataset: its names looked up, its terms as SQL with parameters.

What lives here: from the nodes of a parsed line to conditions on tables. What does not: the language (``views``),
carrying the conditions out (``chosen``).

Every condition gives a set of images; AND, OR and NOT are of sets. So a column without a value is in no condition, and
its image is in what NOT selects.
"""

from __future__ import annotations

import fnmatch
import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from workbench.datasets.index.tables import MEDIUM_AREA, SIZES, SMALL_AREA
from workbench.datasets.index.views import OBJECT_FIELDS, And, Node, Not, Or, Term, Value, parse, wrong
from workbench.errors import did_you_mean

VIEWS_DEEP, VIEWS_MOST = 50, 1000  # views that name views grow faster than their text
KINDS = ("box", "polygon", "rle", "obb", "pose", "class")
EFFECTS = ("drop", "keep", "rewrite", "none")
_SIZE_SQL = {
    "small": f"(area > 0 AND area < {SMALL_AREA})",
    "medium": f"(area >= {SMALL_AREA} AND area < {MEDIUM_AREA})",
    "large": f"(area >= {MEDIUM_AREA} AND NOT isnan(area))",
}
_COLUMNS = {"group": '"group"', "id": "image_id"}
_UNKNOWN_AT_ZERO = ("width", "height")
_SHOWN = 8


@dataclass(frozen=True)
class Condition:
    """Images with a row in ``table`` of which ``sql`` is true."""

    table: Literal["images", "objects", "issues"]
    sql: str
    parameters: tuple[object, ...] = ()


@dataclass(frozen=True)
class Marked:
    """Images with an object of one of ``classes``, and of one of ``sizes`` unless there are none."""

    classes: tuple[int, ...]
    sizes: tuple[str, ...] = ()


@dataclass(frozen=True)
class InSplits:
    """Images of some splits."""

    splits: tuple[str, ...]


@dataclass(frozen=True)
class Every:
    """Images that all parts select; all images when there are none."""

    parts: tuple[Plan, ...] = ()


@dataclass(frozen=True)
class Some:
    """Images that a part selects."""

    parts: tuple[Plan, ...]


@dataclass(frozen=True)
class Without:
    """Images that ``part`` does not select."""

    part: Plan


Plan: TypeAlias = Condition | Marked | InSplits | Every | Some | Without


@dataclass(frozen=True)
class Names:
    """What a dataset has that a view may name.

    Attributes:
        classes: class ids by name; two classes may have one name.
        splits: of its images.
        rules: of its issues, and any other that is known; others are refused unless this is empty.
        views: other views, as text by name.
    """

    classes: Mapping[str, tuple[int, ...]]
    splits: Collection[str]
    rules: Collection[str] = ()
    views: Mapping[str, str] = field(default_factory=dict)


def compile_view(text: str, names: Names) -> Plan:
    """Return what ``text`` selects.

    Raises:
        RequestError: when it cannot be understood, or names what the dataset does not have.
    """
    return _Compiler(text, names, (), itertools.count(1)).whole()


class _Compiler:
    """Compiles one line; a view that it names is compiled by another one, and ``used`` counts all of them."""

    def __init__(self, text: str, names: Names, within: tuple[str, ...], used: Iterator[int]) -> None:
        self._text, self._names, self._within, self._used = text, names, within, used

    def whole(self) -> Plan:
        node = parse(self._text)
        return Every() if node is None else self._plan(node)

    def _plan(self, node: Node) -> Plan:
        match node:
            case Not(part):
                return Without(self._plan(part))
            case Or(parts):
                return Some(tuple(self._plan(part) for part in parts))
            case And(parts):
                return self._every(parts)
            case Term():
                return self._objects([node]) if _about_object(node) else self._image(node)

    def _every(self, parts: tuple[Node, ...]) -> Plan:
        objects = [part for part in parts if isinstance(part, Term) and _about_object(part)]
        others = [self._plan(part) for part in parts if part not in objects]
        kinds = Counter("size" if part.field in SIZES else part.field for part in objects)
        twice = next((kind for kind in ("class", "size") if kinds[kind] > 1), None)
        if twice and len(kinds) > 1:
            extra = next(part for part in objects if (part.field in SIZES) == (twice == "class"))
            raise wrong(
                self._text,
                extra.at,
                f"a {twice} is named {kinds[twice]} times, and this may be about an object of either",
                "Parentheses around the terms that are about one object.",
                "For example: (class:person AND small) AND class:car",
            )
        described = [[part] for part in objects] if twice else [objects] if objects else []
        return Every((*(self._objects(terms) for terms in described), *others))

    def _objects(self, terms: list[Term]) -> Plan:
        """Return the images with one object that all terms are true of."""
        classes = next((self._classes(term) for term in terms if term.field == "class"), None)
        sizes = next((self._sizes(term) for term in terms if term.field in ("size", *SIZES)), ())
        rest = [self._object(term) for term in terms if term.field in ("kind", "crowd", "area")]
        if not rest and classes is not None:
            return Marked(classes, sizes)
        if not rest:
            return Condition("images", " OR ".join(f"{size} > 0" for size in sizes))
        if sizes:
            rest.append(Condition("objects", " OR ".join(_SIZE_SQL[size] for size in sizes)))
        if classes is not None:
            rest.append(_among("objects", "cls", classes))
        sql = " AND ".join(f"({condition.sql})" for condition in rest)
        return Condition("objects", sql, tuple(value for part in rest for value in part.parameters))

    def _object(self, term: Term) -> Condition:
        if term.field == "crowd":
            return Condition("objects", "crowd")
        if term.field == "kind":
            return _among("objects", "kind", self._known(term, KINDS, "kind"))
        return Condition("objects", f"area {term.sign} ? AND area > 0 AND NOT isnan(area)", (term.number,))

    def _image(self, term: Term) -> Plan:
        match term.field:
            case "split":
                return InSplits(self._known(term, self._names.splits, "split"))
            case "issue":
                return self._issue(term)
            case "view":
                return Some(tuple(self._view(value) for value in term.values))
        return self._number(term) if term.sign else self._text_of(term)

    def _text_of(self, term: Term) -> Condition:
        match term.field:
            case "background":
                return Condition("images", "objects = 0")
            case "dropped":
                return Condition("images", "effect = ?", ("drop",))
            case "effect":
                return _among("images", "effect", self._known(term, EFFECTS, "effect"))
            case "path":
                return _any(Condition("images", *_path(value)) for value in term.values)
        column = _COLUMNS.get(term.field, term.field)
        return _any(Condition("images", *_like(column, value)) for value in term.values)

    def _number(self, term: Term) -> Condition:
        column = _COLUMNS.get(term.field, term.field)
        known = f" AND {column} > 0" if term.field in _UNKNOWN_AT_ZERO else ""
        return Condition("images", f"{column} {term.sign} ?{known}", (term.number,))

    def _issue(self, term: Term) -> Plan:
        if self._names.rules:
            return _among("issues", "rule", self._known(term, self._names.rules, "rule"))
        return _any(Condition("issues", *_like("rule", value)) for value in term.values)

    def _view(self, value: Value) -> Plan:
        if value.text not in self._names.views:
            raise self._unknown(value, self._names.views, "view")
        if value.text in self._within:
            chain = " -> ".join((*self._within, value.text))
            raise wrong(self._text, value.at, f"the view names itself: {chain}", "Views that end.")
        if len(self._within) >= VIEWS_DEEP or next(self._used) > VIEWS_MOST:
            expected = f"At most {VIEWS_MOST:,} views, {VIEWS_DEEP} within each other."
            raise wrong(self._text, value.at, "the views that it names name too many others", expected)
        text, within = self._names.views[value.text], (*self._within, value.text)
        return _Compiler(text, self._names, within, self._used).whole()

    def _classes(self, term: Term) -> tuple[int, ...]:
        names = self._known(term, self._names.classes, "class")
        return tuple(sorted({cls for name in names for cls in self._names.classes[name]}))

    def _sizes(self, term: Term) -> tuple[str, ...]:
        return self._known(term, SIZES, "size") if term.field == "size" else (term.field,)

    def _known(self, term: Term, known: Collection[str], what: str) -> tuple[str, ...]:
        """Return the names that the values of a term mean."""
        found: dict[str, None] = {}
        for value in term.values:
            exact = [value.text] if value.text in known else []
            means = exact or [] if _is_plain(value) else [name for name in known if _matches(name, value.text)]
            if not means:
                raise self._unknown(value, known, what)
            found.update(dict.fromkeys(means))
        return tuple(found)

    def _unknown(self, value: Value, known: Collection[str], what: str) -> Exception:
        shown = ", ".join(list(known)[:_SHOWN]) + (", ..." if len(known) > _SHOWN else "")
        expected = f"One of {shown}." if known else f"This dataset has no {what}."
        return wrong(
            self._text, value.at, f"no {what} is called '{value.text}'", expected, did_you_mean(value.text, known)
        )


def _about_object(term: Term) -> bool:
    return term.field in (*OBJECT_FIELDS, *SIZES, "crowd", "area")


def _is_plain(value: Value) -> bool:
    return value.quoted or not set("*?") & set(value.text)


def _matches(name: str, pattern: str) -> bool:
    # Brackets mean nothing here, and in fnmatch they do
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))


def _like(column: str, value: Value) -> tuple[str, tuple[object, ...]]:
    if _is_plain(value):
        return f"{column} = ?", (value.text,)
    return f"{column} LIKE ? ESCAPE '\\'", (_pattern(value.text),)


def _path(value: Value) -> tuple[str, tuple[object, ...]]:
    """Return the condition of a pattern: of the whole path, or without a slash of one of its parts."""
    if "/" in value.text:
        return _like("path", value)
    pattern = _escaped(value.text) if value.quoted else _pattern(value.text)
    return "('/' || path || '/') LIKE ? ESCAPE '\\'", (f"%/{pattern}/%",)


def _pattern(text: str) -> str:
    return _escaped(text).replace("*", "%").replace("?", "_")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _among(table: Literal["images", "objects", "issues"], column: str, values: Iterable[object]) -> Condition:
    given = tuple(values)
    return Condition(table, f"{column} IN ({', '.join('?' * len(given))})", given)


def _any(conditions: Iterable[Condition]) -> Condition:
    found = list(conditions)
    sql = " OR ".join(f"({condition.sql})" for condition in found)
    return Condition(found[0].table, sql, tuple(value for part in found for value in part.parameters))
