"""Fonts that have the letters of a name: every picture shows names of classes, datasets, files and runs.

What lives here: finding fonts among those of the machine and of Python packages, a line of text for Pillow, the fonts
of a matplotlib figure. What does not: the pictures.

A letter is drawn by the first font that has it: matplotlib's own DejaVu Sans (Latin, Greek, Cyrillic), then those of
the machine, then those of packages. What no font has is never drawn as an empty box: it is written as its code.
"""

from __future__ import annotations

import itertools
import logging
import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

HANGUL = "가각힣ㄱㅏ"
"""Asks for a Korean font."""
ADVICE = "Install a font that has them; for Korean: `pip install pylopdf-fonts-ko`, or `apt install fonts-nanum`."
_FAVOURITES = (
    *("notosanscjk", "notosanskr", "nanumgothic.", "nanumbarungothic.", "malgun.", "applesdgothicneo", "applegothic"),
    *("nanum", "undotum", "notosans-", "notosans", "arialunicode", "arial unicode", "unifont"),
)
_PACKAGED = {"pylopdf_fonts_ko": "NotoSansKR-Regular.otf", "koreanize_matplotlib": "fonts/NanumGothic.ttf"}
_EMPTY = re.compile(r"lastresort|adobeblank", re.IGNORECASE)  # they claim every letter and show none
_ODD = re.compile(r"bold|italic|oblique|light|thin|black|medium|condensed|coding|mono|serif|emoji", re.IGNORECASE)
_VARIANTS = re.compile("[\ufe00-\ufe0f]")  # which of its looks the letter before has: fonts need not know them
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Line:
    """One line of text in fonts that have its letters.

    Attributes:
        pieces: fonts and what each of them writes, from left to right.
    """

    pieces: tuple[tuple[FreeTypeFont, str], ...]

    @property
    def text(self) -> str:
        """All that is written."""
        return "".join(text for _, text in self.pieces)

    @property
    def width(self) -> float:
        """In pixels."""
        return sum(font.getlength(text) for font, text in self.pieces)

    @property
    def baseline(self) -> int:
        """From the top of the line to where its letters stand, in pixels."""
        return max((font.getmetrics()[0] for font, _ in self.pieces), default=0)

    @property
    def height(self) -> int:
        """From the top of the line to below its deepest letter, in pixels."""
        return self.baseline + max((font.getmetrics()[1] for font, _ in self.pieces), default=0)

    def write(self, pen: ImageDraw, place: tuple[float, float], fill: str | tuple[int, int, int]) -> None:
        """Write it with its top left corner at ``place``."""
        x, y = place
        for font, text in self.pieces:
            pen.text((x, y + self.baseline), text, fill=fill, font=font, anchor="ls")
            x += font.getlength(text)


def line(text: str, size_px: int = 12) -> Line:
    """Return ``text`` for Pillow; ASCII in Pillow's own font, for which no file is looked for."""
    said = shown(text)
    if said.isascii():
        return Line(((_opened(None, size_px), said),) if said else ())
    return Line(tuple((_opened(path, size_px), piece) for path, piece in _pieces(said)))


def visible(text: str) -> str:
    """Return ``text`` in composed letters, without what steers a screen: control and direction characters."""
    composed = _VARIANTS.sub("", unicodedata.normalize("NFC", text))
    if composed.isprintable():
        return composed
    kept = (letter for letter in composed if unicodedata.category(letter) != "Cf")
    return "".join(letter if letter.isprintable() else " " for letter in kept)


def lacking(text: str) -> str:
    """Return the letters of ``text`` that no font has, each once; the first time a warning says what to install."""
    said = visible(text)
    found = "" if said.isascii() else "".join(letter for letter in dict.fromkeys(said) if _font_of(letter) is None)
    if found:
        _warn(found)
    return found


def shown(text: str) -> str:
    """Return ``text`` as it can be drawn: ``visible``, and letters that no font has as codes, e.g. ``<U+AC00>``."""
    said = visible(text)
    missing = {letter: f"<U+{ord(letter):04X}>" for letter in lacking(said)}
    return "".join(missing.get(letter, letter) for letter in said)


def best(text: str) -> Path:
    """Return the one font file that has the most letters of ``text``, for software that takes a single one."""
    letters = set(visible(text))
    candidates = dict.fromkeys([_latin(), *(font for letter in letters if (font := _font_of(letter)) is not None)])
    return max(candidates, key=lambda path: sum(_has(path, letter) for letter in letters))


def write_everywhere(text: str) -> None:
    """Have every later matplotlib figure of this process draw ``text`` right, and read no text as a formula."""
    import matplotlib

    matplotlib.rcParams["font.family"] = ["sans-serif", *_families(text)]
    matplotlib.rcParams["text.parse_math"] = False


def mend(figure: Figure, *, formulas: bool = True) -> None:
    """Give the texts of a figure the fonts that their letters need.

    Args:
        figure: drawn later; its own fonts stay first.
        formulas: whether what stands between dollar signs is one; not so in names that others gave.
    """
    from matplotlib.text import Text

    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            axis.get_ticklabels()  # they have no text before they are asked for
    for written in figure.findobj(Text):
        if not isinstance(written, Text) or written.get_usetex():
            continue
        if not formulas:
            written.set_parse_math(False)
        said = written.get_text()
        if not said.isascii():
            written.set_text("\n".join(shown(row) for row in said.splitlines()))
            written.set_fontfamily([*written.get_fontfamily(), *_families(said)])


@lru_cache(maxsize=1)
def files() -> tuple[Path, ...]:
    """Return the font files of this machine, in the order in which they are asked; found once a process."""
    from matplotlib import font_manager

    # Not matplotlib's own list: it is kept on disk, and knows nothing of fonts that were installed later
    system = [Path(path) for path in font_manager.findSystemFonts() if not _EMPTY.search(Path(path).name)]
    return (_latin(), *sorted(system, key=_rank), *_packaged())


def _rank(path: Path) -> tuple[int, bool, str]:
    name = path.name.lower()
    place = next((at for at, favourite in enumerate(_FAVOURITES) if name.startswith(favourite)), len(_FAVOURITES))
    return place, _ODD.search(name) is not None, name


def _latin() -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


def _packaged() -> list[Path]:
    """Return the fonts that Python packages bring; the packages are not imported."""
    specs = ((find_spec(package), name) for package, name in _PACKAGED.items())
    paths = [Path(spec.origin).parent / name for spec, name in specs if spec is not None and spec.origin]
    return [path for path in paths if path.is_file()]


@lru_cache(maxsize=65_536)
def _font_of(letter: str) -> Path | None:
    return next((path for path in files() if _has(path, letter)), None)


def _has(path: Path, letter: str) -> bool:
    starts, ends = _letters(path)
    at = bisect_right(starts, ord(letter)) - 1
    return at >= 0 and ord(letter) <= ends[at]


@lru_cache(maxsize=4096)
def _letters(path: Path) -> tuple[list[int], list[int]]:
    """Return the first and the last code of each stretch of letters that a font has; none of a damaged one."""
    from matplotlib import ft2font

    try:
        font = ft2font.FT2Font(str(path))
    except (OSError, RuntimeError, ValueError):
        return [], []
    codes = sorted(font.get_charmap()) if font.scalable else []
    # In a stretch each code is as far from its place in the list as the one before it
    stretches = [list(group) for _, group in itertools.groupby(enumerate(codes), lambda pair: pair[1] - pair[0])]
    return [stretch[0][1] for stretch in stretches], [stretch[-1][1] for stretch in stretches]


def _pieces(text: str) -> list[tuple[Path, str]]:
    """Cut ``text`` where its font changes: nowhere, when one has all of it."""
    whole = best(text)
    if all(_has(whole, letter) for letter in text):
        return [(whole, text)]
    pieces: list[tuple[Path, str]] = []
    for letter in text:
        before = pieces[-1][0] if pieces else None
        if before is not None and _has(before, letter):
            pieces[-1] = (before, pieces[-1][1] + letter)
        else:
            pieces.append((_font_of(letter) or _latin(), letter))
    return pieces


@lru_cache(maxsize=64)
def _opened(path: Path | None, size_px: int) -> FreeTypeFont:
    from PIL import ImageFont

    if path is None:
        return cast("FreeTypeFont", ImageFont.load_default(size_px))  # the other kind is of builds without FreeType
    return ImageFont.truetype(str(path), size_px)


def _families(text: str) -> list[str]:
    """Return the families beyond DejaVu Sans that have the letters of ``text``, known to matplotlib."""
    needed = dict.fromkeys(font for letter in visible(text) if (font := _font_of(letter)) is not None)
    return [_family(path) for path in needed if path != _latin()]


@lru_cache(maxsize=256)
def _family(path: Path) -> str:
    from matplotlib import font_manager, ft2font

    if all(entry.fname != str(path) for entry in font_manager.fontManager.ttflist):
        font_manager.fontManager.addfont(str(path))
    return ft2font.FT2Font(str(path)).family_name


@lru_cache(maxsize=1)
def _warn_once(letters: str) -> None:
    _log.warning("No font of this machine has the letters %s: they are shown as their codes. %s", letters, ADVICE)


def _warn(letters: str) -> None:
    if not _warn_once.cache_info().currsize:
        _warn_once(letters[:20])
