"""XML files from people who may mean harm.

What lives here: parsing after a look at what stands before the root. What does not: what the elements mean (``voc``,
``cvat``).

A document type declaration is where entities are defined that grow a thousandfold or read other files. No format here
has one, so a file with one is refused, before anything after it is parsed.

    XmlError    a file that is no XML, or one that is refused
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.parsers import expat

_HEAD_BYTES = 1 << 16


class XmlError(ValueError):
    """A file that is no XML, or one that is refused; the message is a clause for people."""


def root_tag(head: bytes) -> str:
    """Return the tag of the outermost element, given at least what stands before it.

    Raises:
        XmlError: when there is none, or a document type declaration before it.
    """
    seen: list[str] = []
    parser = expat.ParserCreate()

    def declared(*_: object) -> None:
        raise XmlError("it declares a document type, which could hide a bomb")

    def started(tag: str, _: dict[str, str]) -> None:
        seen.append(tag)
        parser.StartElementHandler = None
        raise _RootError

    parser.StartDoctypeDeclHandler = declared
    parser.StartElementHandler = started
    try:
        parser.Parse(head, False)
    except _RootError:
        return seen[0]
    except (expat.ExpatError, ValueError, LookupError) as error:
        if isinstance(error, XmlError):
            raise
        raise XmlError(f"it is not valid XML ({error})") from error
    raise XmlError("it ends before its first element")


class _RootError(Exception):
    """The outermost element was met: nothing behind it is parsed."""


def parse(data: bytes) -> Element:
    """Return the outermost element of a small file.

    Raises:
        XmlError: when it is no XML, or refused.
    """
    root_tag(data)
    try:
        return ElementTree.fromstring(data)  # noqa: S314 - nothing is declared in it
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise XmlError(f"it is not valid XML ({error})") from error


def elements(path: Path, tags: tuple[str, ...]) -> Iterator[Element]:
    """Yield the elements of these tags below the outermost one, each forgotten when the next one is asked for.

    Raises:
        XmlError: when the file is no XML, or refused.
    """
    with path.open("rb") as file:
        root_tag(file.read(_HEAD_BYTES))
        file.seek(0)
        depth = 0
        try:
            for event, element in ElementTree.iterparse(file, ("start", "end")):  # noqa: S314
                depth += 1 if event == "start" else -1
                if event == "start" and depth == 1:
                    root = element
                elif event == "end" and depth == 1:
                    if element.tag in tags:
                        yield element
                    root.clear()
        except (ElementTree.ParseError, ValueError, LookupError) as error:
            raise XmlError(f"it is not valid XML ({error})") from error
