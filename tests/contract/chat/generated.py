"""Conversations made at random, each turn with what it asks for: the same seed makes the same.

What lives here: putting fragments together, and spoiling them as people and pastes do. What does not: the fragments
(``phrases``), what is talked about (``hostile``), and what must hold (``test_unrequested``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from tests.contract.chat import hostile, phrases
from workbench.chat.context import Context
from workbench.config.schema import DEFAULTS

_SLOT = re.compile(r"\{(\w+)\}")
_VALUES: dict[str, Sequence[Any]] = {
    "epochs": (1, 5, 30, 50, 120, 300, 999),
    "batch": (1, 2, 4, 8, 24, 32, 64),
    "imgsz": (320, 416, 512, 768, 1024, 1280),
    "lr0": (0.001, 0.005, 0.02, 0.0003, "1e-3", "5e-4"),
    "optimizer": ("SGD", "Adam", "AdamW", "RMSProp"),
    "patience": (5, 15, 40),
    "seed": (1, 7, 1234),
    "mosaic": (0.0, 0.3, 0.5),
    "mixup": (0.1, 0.2),
    "flipud": (0.1, 0.5),
    "freeze": (3, 10),
    "time": (2, 3, 1.5),
    "weight_decay": (0.001, 0.0001),
    "warmup_epochs": (1, 5),
    "close_mosaic": (5, 20),
    "device": ("cpu", "0", "cuda:0", "7", "0,1"),
    "model": ("yolo11s", "yolo26m", "yolov8n", "yolo26x-seg", "yolo11", "yolo99", "rtdetr-l"),
    "format": ("onnx", "tensorrt", "tflite", "torchscript", "coreml"),
    "bad_epochs": ("-5", "0"),
    "bad_batch": ("0", "-8"),
    "bad_lr": ("5", "-0.1"),
    "bad_imgsz": ("7", "-640"),
}
_QUIET = (
    *((text, "question") for text in phrases.QUESTIONS),
    *((text, "story") for text in phrases.STORIES),
    *((text, "denial") for text in phrases.DENIALS),
    *((text, "chatter") for text in phrases.CHATTER),
    *((text, "quote") for text in phrases.QUOTES),
)
_STARTS: Sequence[dict[str, Any]] = (
    {"epochs": 50, "batch": 8},
    {"data": "helmet-v3", "lr0": 0.02},
    {"data": "other", "mosaic": 0.5, "optimizer": "SGD"},
    {"model": "yolo11m.pt", "imgsz": 320},
    {"batch": -1, "time": 2.0, "freeze": 3},
)


class Piece(NamedTuple):
    """A bit of text; a name is nobody's words."""

    text: str
    name: bool = False


@dataclass(frozen=True)
class Fragment:
    """One thing that is said.

    Attributes:
        kind: wish, order, undo, reset, question, story, denial, chatter, quote, noise, word or number.
        pieces: the text, with its names apart.
        fields: what it may change.
        act: the action that it asks for.
        values: the fields whose new value it says.
    """

    kind: str
    pieces: tuple[Piece, ...]
    fields: frozenset[str] = frozenset()
    act: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Said:
    """One turn.

    Attributes:
        text: as it is typed.
        words: the same without the names in it.
        meant: the words before they were spoilt.
        parts: what it is made of.
        spoilt: whether letters were lost, added or changed.
        parted: whether each part is a sentence of its own.
    """

    text: str
    words: str
    meant: str
    parts: tuple[Fragment, ...]
    spoilt: bool
    parted: bool

    @property
    def clear(self) -> bool:
        """Whether a person would see at once what is meant."""
        return self.parted and not self.spoilt

    @property
    def fields(self) -> frozenset[str]:
        """What it may change; a number without a context may be the answer to anything."""
        if "number" in self.kinds and self.kinds <= {"number", "chatter", "word"}:
            return frozenset(DEFAULTS)
        return frozenset().union(*(part.fields for part in self.parts))

    @property
    def acts(self) -> frozenset[str]:
        """The actions that it asks for."""
        return frozenset(part.act for part in self.parts if part.act)

    @property
    def kinds(self) -> frozenset[str]:
        """What it is made of."""
        return frozenset(part.kind for part in self.parts)


@dataclass(frozen=True)
class Talk:
    """A conversation: what it is about, what the form says before it, and the turns."""

    context: Context
    start: Mapping[str, Any]
    turns: tuple[Said, ...]


def talks(seed: int, turns: int) -> Iterator[Talk]:
    """Yield conversations with ``turns`` turns in all."""
    random, left = Random(seed), turns
    while left > 0:
        context = hostile.context(random)
        count = min(left, random.randint(1, 8))
        start = dict(random.choice(_STARTS)) if random.random() < 0.5 else {}
        yield Talk(context, start, tuple(_said(random, context) for _ in range(count)))
        left -= count


def _said(random: Random, context: Context) -> Said:
    parts = _parts(random, context)
    parted = len(parts) == 1 or random.random() < 0.6
    pieces: list[Piece] = []
    for part in parts:
        if pieces:
            pieces.append(Piece(random.choice(phrases.ENDS if parted else phrases.JOINTS)))
        pieces += part.pieces
    meant = _words(pieces)
    pieces, spoilt = _spoilt(random, pieces)
    return Said("".join(piece.text for piece in pieces), _words(pieces), meant, tuple(parts), spoilt, parted)


def _words(pieces: Sequence[Piece]) -> str:
    return "".join("\u25af" if piece.name else piece.text for piece in pieces)


def _parts(random: Random, context: Context) -> list[Fragment]:
    def some(least: int, most: int, *kinds: str) -> list[Fragment]:
        return [_fragment(random, context, random.choice(kinds)) for _ in range(random.randint(least, most))]

    def shuffled(parts: list[Fragment]) -> list[Fragment]:
        return random.sample(parts, len(parts))

    shapes: tuple[tuple[int, Callable[[], list[Fragment]]], ...] = (
        (30, lambda: some(1, 4, "wish")),
        (8, lambda: some(0, 2, "wish") + some(1, 1, "order")),
        (5, lambda: some(1, 1, "undo", "reset")),
        (20, lambda: some(1, 3, "quiet")),
        (10, lambda: some(1, 3, "noise", "noise", "quiet", "word")),
        (7, lambda: shuffled(some(1, 2, "wish") + some(1, 1, "quiet"))),
        (17, lambda: some(1, 6, "wish", "order", "quiet", "quiet", "noise", "word", "word", "number", "undo")),
        (1, lambda: some(1, 1, "wish", "quiet", "noise", "order") * random.choice((20, 60))),
        (2, lambda: [_odd(random)]),
    )
    return random.choices([make for _, make in shapes], [share for share, _ in shapes])[0]()


def _odd(random: Random) -> Fragment:
    text = random.choice(
        ("", " ", "\n\t", "?", "...", "!" * 300, "\u200b\u202e", "a" * 3000, "가" * 1500, "9" * 2000, "\x00" * 50)
    )
    return Fragment("noise", (Piece(text),))


def _fragment(random: Random, context: Context, kind: str) -> Fragment:
    act, fields = "", ""
    if kind == "wish":
        text, fields = random.choice(phrases.WISHES)
    elif kind == "order":
        text, act = random.choice(phrases.ORDERS)
    elif kind in {"undo", "reset"}:
        text, kind = random.choice([pair for pair in phrases.BACK if pair[1] == kind])
    elif kind == "quiet":
        text, kind = random.choice(_QUIET)
    else:
        text = random.choice({"noise": phrases.NOISE, "word": phrases.WORDS, "number": phrases.NUMBERS}[kind])
    pieces, values = _filled(random, context, text)
    return Fragment(kind, pieces, frozenset(fields.split()), act, values if kind == "wish" else {})


def _filled(random: Random, context: Context, text: str) -> tuple[tuple[Piece, ...], dict[str, Any]]:
    pieces, values = [], {}
    for place, part in enumerate(_SLOT.split(text)):
        if place % 2 == 0:
            pieces.append(Piece(part))
        elif part == "dataset":
            known = [dataset.name for dataset in context.datasets]
            pieces.append(Piece(random.choice([*known, "no-such-data"]), name=True))
        elif part == "run":
            known = [name for run in context.runs for name in (run.id, run.name) if name]
            pieces.append(Piece(random.choice([*known, "run-99"]), name=True))
        else:
            value = random.choice(_VALUES[part])
            pieces.append(Piece(str(value)))
            if part in {"epochs", "batch", "imgsz", "lr0", "patience", "seed", "mosaic", "mixup", "close_mosaic"}:
                values[part] = float(value)
    return tuple(piece for piece in pieces if piece.text), values


def _spoilt(random: Random, pieces: Sequence[Piece]) -> tuple[list[Piece], bool]:
    """Return the pieces as people and pastes spoil them, and whether letters are others now; names stay as they are."""
    ways: tuple[tuple[int, Callable[[str], str], bool], ...] = (
        (65, str, False),
        (10, lambda text: _misspelt(random, text), True),
        (8, lambda text: _sprinkled(random, text), False),
        (8, random.choice((str.upper, str.lower, str.title)), False),
        (3, _wide, False),
        (3, lambda text: unicodedata.normalize("NFD", text), False),
        (3, lambda text: re.sub(r" (?=[가-힣])|(?<=[가-힣]) ", "", text), True),
    )
    _, spoil, spoilt = random.choices(ways, [way[0] for way in ways])[0]
    return [piece if piece.name else Piece(spoil(piece.text)) for piece in pieces], spoilt


def _misspelt(random: Random, text: str) -> str:
    places = [place for place, char in enumerate(text[:-1]) if char.isalpha() and text[place + 1].isalpha()]
    if not places:
        return text
    at = random.choice(places)
    return random.choice(
        (
            text[:at] + text[at + 1] + text[at] + text[at + 2 :],
            text[:at] + text[at + 1 :],
            text[:at] + text[at] + text[at:],
        )
    )


def _sprinkled(random: Random, text: str) -> str:
    chars = list(text)
    for _ in range(random.randint(1, 3)):
        chars.insert(random.randint(0, len(chars)), random.choice(phrases.INVISIBLE))
    return "".join(chars)


def _wide(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)
