"""Names in a line: of models, datasets and runs.

What lives here: finding them where they stand, letter by letter. What does not: datasets by what is said of them
(``choosing``). A name is data, whatever words it is made of: what stands inside of it means nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from workbench.chat.context import Context
from workbench.chat.rules import patterns
from workbench.chat.rules.mention import Mention
from workbench.chat.rules.scan import scan

_MODEL: Final = re.compile(
    r"(?<![a-z0-9])(?:yolo|욜로)[ _-]?(?P<variant>e|world)?[ _-]?v?[ _-]?(?P<version>\d{1,2})(?![\d.]\d)(?:u(?![a-z]))?"
    r"(?:[ _-]?(?P<size>[nsmlxtceb])(?![a-z0-9]))?"
    r"(?:[ _-](?P<task>seg|cls|pose|obb|sem|depth)(?![a-z]))?(?P<ending>\.pt|\.ya?ml)?"
)
_RTDETR: Final = re.compile(r"(?<![a-z0-9])rt[ _-]?detr(?:[ _-]?(?P<size>[lx])(?![a-z]))?(?P<ending>\.pt|\.ya?ml)?")
# Their numbers count nothing: mAP50-95, and runs that nobody knows.
_NO_NUMBERS: Final = (
    re.compile(r"(?<![a-z])map ?@?\d{2}(?: ?[-:~] ?\d{2})?"),
    re.compile(r"(?<![a-z0-9])(?:run[-_ ]?|(?:exp|job|train|export)[-_])\d{1,9}(?![\d.%])(?:-[\w-]+)?"),
)
_BARE: Final = re.compile(r"(?<![\w.])v?(?P<version>26|11|12|8)(?P<size>[nslx]|(?<=26)m|(?<=v8)m)(?![a-z0-9])")
_LETTER: Final = patterns.read("names", "letter")
_DATA_BEFORE: Final = patterns.alternatives("names", "data_before")
_DATA_AFTER: Final = patterns.alternatives("names", "data_after")
# Plain numbers of the family: yolo26, yolo11 and yolo12 have no v.
_WITHOUT_V: Final = ("26", "11", "12")
_FILE: Final = re.compile(
    r"(?<![\w/.~-])(?:[~.]?(?:/[\w.-]+)+|[a-z]:(?:\\[\w. -]+)+)\.(?:pt|ya?ml)(?![a-z])"
    r"|(?<![\w/\\.-])[\w-]+\.(?:pt|ya?ml)(?![a-z])"
)
_DATA_FILE: Final = re.compile(r"(?:^|[/\\])(?:data|dataset|coco\w*|voc)\.ya?ml$")
_DATA_SAID: Final = patterns.read("names", "data_said")
# Models of others, which nothing here can train.
_FOREIGN: Final = re.compile(
    r"(?<![a-z0-9])(?:resne[xt]t?|vgg|efficientnet|mobilenet|densenet|convnext|retinanet"
    r"|(?:faster|mask|cascade)[- ]?r-?cnn|u-?net|deeplab|segformer|yolox|yolo-?nas|swin|detectron)"
    r"(?:[-_ ]?v?\d[\w-]*)?(?![a-z0-9])"
)
_BLANKS: Final = re.compile(r"[-_ .]+")
_POINTED: Final = "(?<=on the )"
_ORDERS: Final = frozenset({"action", "field", "undo", "reset", "cue"})
_SHORTEST: Final = 3  # characters of the name of a run


def find(text: str, original: str, context: Context) -> list[Mention]:
    """Return the names in ``text``: kinds ``dataset``, ``run``, ``model`` and ``size``.

    What is registered goes first: a dataset may be called ``yolo11-fails``.
    """
    found: list[Mention] = []
    for mention in (*_known(text, context), *_numbered(text), *_models(text, original), *_letters(text)):
        if not any(mention.overlaps(other) for other in found):
            found.append(mention)
    return found


def _known(text: str, context: Context) -> list[Mention]:
    named = [("dataset", dataset.name, dataset.name) for dataset in context.datasets]
    named += [("run", name, run.id) for run in context.runs for name in {run.id, run.name} if len(name) >= _SHORTEST]
    found = [
        Mention(kind, value, *match.span("name"))
        for kind, name, value in named
        for match in _pattern(name, kind).finditer(text)
    ]
    return sorted(found, key=lambda mention: mention.start - mention.end)


@lru_cache(maxsize=4096)
def _pattern(name: str, kind: str) -> re.Pattern[str]:
    """Return what a name looks like: with blanks for its hyphens, unless it could then be taken for a request."""
    plain = name.lower()
    parts = [re.escape(part) for part in _BLANKS.split(plain) if part]
    spoken = scan(_BLANKS.sub(" ", plain))
    if kind == "dataset" and len(parts) == 1 and spoken and (plain.isalpha() or plain.isdigit()):
        before = rf"(?:(?:{_DATA_BEFORE})|(?<![\w-])(?={re.escape(plain)} ?(?:{_DATA_AFTER})))"
        return re.compile(rf"{before}(?P<name>{re.escape(plain)})(?![\w-])")
    free = len(parts) > 1 and not any(mention.kind in _ORDERS for mention in spoken)
    spaced = r"[-_ .]?".join(parts)
    body = spaced if free else f"(?:{re.escape(plain)}|{_POINTED}{spaced})"
    before = "(?<![a-z0-9])" if plain[:1].isalnum() else ""
    after = "(?![a-z0-9]|-[a-z0-9])" if plain[-1:].isalnum() else ""
    return re.compile(f"{before}(?P<name>{body}){after}")


def _numbered(text: str) -> Iterator[Mention]:
    for pattern in _NO_NUMBERS:
        for match in pattern.finditer(text):
            yield Mention("word", match[0], *match.span())


def _models(text: str, original: str) -> Iterator[Mention]:
    for match in _FILE.finditer(text):
        if not _MODEL.match(match[0]) and not _RTDETR.match(match[0]):
            value = original[match.start() : match.end()] if len(original) == len(text) else match[0]
            yield Mention("dataset" if _is_data(text, match) else "model", value, match.start(), match.end())
    for match in _FOREIGN.finditer(text):
        yield Mention("model", match[0], *match.span())
    for match in _MODEL.finditer(text):
        family = _family(match["version"], "yoloe-" if match["variant"] == "e" else "yolo")
        task = f"-{match['task']}" if match["task"] else ""
        yield Mention("model", f"{family}{match['size'] or ''}{task}{match['ending'] or ''}", *match.span())
    for match in _RTDETR.finditer(text):
        yield Mention("model", f"rtdetr-{match['size'] or 'l'}{match['ending'] or ''}", *match.span())
    for match in _BARE.finditer(text):
        yield Mention("model", f"{_family(match['version'])}{match['size']}", *match.span())


def _is_data(text: str, match: re.Match[str]) -> bool:
    """Return whether a file is said to be a dataset: by its name, or by "train on ...yaml"."""
    described = match[0].endswith("ml") and _DATA_SAID.search(text, 0, match.start())
    return bool(_DATA_FILE.search(match[0]) or described)


def _family(version: str, head: str = "yolo") -> str:
    return f"{head}{'' if version in _WITHOUT_V else 'v'}{version}"


def _letters(text: str) -> Iterator[Mention]:
    """Yield sizes that are one letter: "the m model", "모델은 s로"."""
    for match in _LETTER.finditer(text):
        group = next(name for name in ("after", "before", "alone") if match[name])
        yield Mention("size", match[group], match.start(group), match.end(group))
