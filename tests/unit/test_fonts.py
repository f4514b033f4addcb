"""Names in any letters are drawn with their letters; where no font has them, as codes, and never as empty boxes."""

from __future__ import annotations

import logging
import shutil
import sys
import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from matplotlib import font_manager, rc_context
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from workbench import fonts
from workbench.datasets.pictures import overlays
from workbench.metrics.media.pictures import to_bytes
from workbench.runs.record import curves
from workbench.runs.training import offline

UNASSIGNED = "\u0378"


def forget() -> None:
    for found in (fonts.files, fonts._font_of, fonts._warn_once):
        found.cache_clear()


@pytest.fixture(autouse=True)
def plain() -> Iterator[None]:
    """Matplotlib as it is before anybody helps it, and no traces of the help afterwards."""
    with rc_context({"font.family": ["sans-serif"], "text.parse_math": True}):
        yield


@pytest.fixture
def korean() -> Path:
    """The file of a Korean font of this machine."""
    return fonts.best(fonts.HANGUL)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without fonts: there is only what matplotlib and Pillow bring."""
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    monkeypatch.setattr(fonts, "_PACKAGED", {})
    forget()
    yield
    monkeypatch.undo()
    forget()


def inked(font: object, text: str) -> bytes:
    image = Image.new("L", (60, 40))
    ImageDraw.Draw(image).text((2, 2), text, fill=255, font=font)
    return image.tobytes()


def pixels(figure: Figure) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stream = BytesIO()
        figure.savefig(stream, format="png", dpi=60)
    return np.asarray(Image.open(stream))


def titled(text: str) -> Figure:
    figure = Figure(figsize=(2, 1))
    figure.suptitle(text)
    return figure


def drawn(name: str, cls: int = 0) -> np.ndarray:
    """Return a thumbnail with a box that bears ``name``."""
    stream = BytesIO()
    Image.new("RGB", (128, 64)).save(stream, "PNG")
    shape = {"cls": cls, "name": name, "color": "#2040ff", "crowd": False, "box": [10.0, 30.0, 100.0, 20.0]}
    return np.asarray(Image.open(BytesIO(overlays.draw(stream.getvalue(), [shape]))).convert("RGB"))


@pytest.mark.parametrize("text", ["고양이", "cat 고양이", "кот", "Kätzchen", "ねこ"])
def test_pillow_writes_each_letter_as_no_other_and_never_as_a_box(text: str) -> None:
    letters = [(font, letter) for font, piece in fonts.line(text).pieces for letter in piece if letter.strip()]
    assert "".join(letter for _, letter in letters) == text.replace(" ", "")
    pictures = [inked(font, letter) for font, letter in letters]
    assert len(set(pictures)) == len({letter for _, letter in letters})
    assert not {inked(font, UNASSIGNED) for font, _ in letters} & set(pictures)


def test_letters_of_several_fonts_stand_beside_each_other_on_one_line() -> None:
    line = fonts.line("고양이 \u2d30\u2d31")  # Hangul and Tifinagh, which DejaVu Sans has
    assert line.text == "고양이 \u2d30\u2d31"
    assert len({font.getname() for font, _ in line.pieces}) == 2
    image = Image.new("L", (200, 40))
    line.write(ImageDraw.Draw(image), (0, 0), "#ffffff")
    columns = np.flatnonzero(np.asarray(image).any(axis=0))
    assert 0.8 * line.width < columns[-1] <= line.width + 1
    assert np.flatnonzero(np.asarray(image).any(axis=1))[-1] < line.height


def test_matplotlib_draws_boxes_by_itself_and_letters_when_it_is_helped() -> None:
    """Boxes of two syllables are the same picture: that is how a box is told from a letter."""
    assert (pixels(titled("고")) == pixels(titled("양"))).all()
    helped = [titled("고"), titled("양")]
    for figure in helped:
        fonts.mend(figure)
    assert (pixels(helped[0]) != pixels(helped[1])).any()


def test_curves_show_korean_names_of_runs_and_metrics() -> None:
    event = {"kind": "metrics", "scope": "epoch", "step": 1, "values": {"train/손실": 2.0, "metrics/정확도": 0.1}}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of each glyph that is missing
        assert curves([event], "안전모 학습")._repr_png_().startswith(b"\x89PNG")


def test_a_name_with_dollar_signs_is_no_formula() -> None:
    assert curves([], r"$\frac$")._repr_png_().startswith(b"\x89PNG")


def test_a_figure_that_somebody_logs_keeps_its_formulas_and_gets_the_letters_that_it_lacks() -> None:
    figure = Figure(figsize=(3, 2))
    axes = figure.subplots()
    axes.bar(["고양이", "강아지"], [1, 2])
    axes.set_title(r"$\alpha$")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        to_bytes(figure)
    assert axes.title.get_parse_math()
    assert axes.title.get_fontfamily() == ["sans-serif"]


def test_class_names_stand_on_thumbnails_in_their_own_letters() -> None:
    assert (drawn("고양이") != drawn("강아지")).any()
    assert (drawn("고양이") != drawn("#0")).any()


def test_decomposed_letters_are_the_same_as_composed_ones() -> None:
    assert fonts.line("\u1100\u1161").text == "가"
    assert (drawn("\u1100\u1161") == drawn("가")).all()


def test_what_steers_a_screen_is_not_drawn() -> None:
    assert fonts.visible("a\u202eb\u200b\nc\x00\ufe0f\ud800") == "ab c  "
    assert fonts.visible("고양이 cat") == "고양이 cat"


def test_without_a_font_letters_are_codes_and_one_warning_says_what_to_install(
    bare: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert fonts.shown("고 ok") == "<U+ACE0> ok"
        assert fonts.lacking("고양고") == "고양"
        assert fonts.line("кот").text == "кот"
    assert len(caplog.records) == 1
    assert "pip install" in caplog.text


def test_without_a_font_a_class_is_its_number_and_what_is_left_of_its_name(bare: None) -> None:
    assert (drawn("고양이", 3) == drawn("#3")).all()
    assert (drawn("고양이 cat", 3) == drawn("#3 cat")).all()
    assert (drawn("\u200b", 3) == drawn("#3")).all()


def test_without_a_font_curves_have_codes_in_their_title(bare: None) -> None:
    picture = curves([], "고")
    assert [text.get_text() for text in picture.figure.texts] == ["<U+ACE0>"]
    assert picture._repr_png_()


def test_a_font_that_a_package_brings_is_found_without_importing_the_package(
    korean: Path, bare: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "pylopdf_fonts_ko"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError", encoding="utf-8")
    shutil.copyfile(korean, package / "NotoSansKR-Regular.otf")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(fonts, "_PACKAGED", {"pylopdf_fonts_ko": "NotoSansKR-Regular.otf", "absent_package": "x.ttf"})
    forget()
    assert fonts.lacking("고양이") == ""
    assert fonts.best("고양이").parent == package
    assert "pylopdf_fonts_ko" not in sys.modules


def test_ultralytics_finds_fonts_for_its_class_names_where_it_looks_before_it_downloads(tmp_path: Path) -> None:
    assert offline.write_names(tmp_path, ["고양이", "cat"]) == ""
    for name in ("Arial.ttf", "Arial.Unicode.ttf"):
        assert all(fonts._has(tmp_path / "Ultralytics" / name, letter) for letter in "고양이cat")
    assert (pixels(titled("고")) != pixels(titled("양"))).any()
    assert pixels(titled(r"$\frac$")).any()


def test_without_a_font_ultralytics_gets_one_all_the_same_and_the_lacking_letters_are_told(
    bare: None, tmp_path: Path
) -> None:
    assert offline.write_names(tmp_path, ["고양이", "cat"]) == "고양이"
    assert (tmp_path / "Ultralytics" / "Arial.Unicode.ttf").stat().st_size > 100_000


def test_damaged_fonts_and_fonts_that_claim_every_letter_are_passed_over(
    bare: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "NanumGothic.ttf").write_bytes(b"no font")
    shutil.copyfile(fonts._latin().with_name("LastResortHE-Regular.ttf"), tmp_path / "LastResort.ttf")
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [str(path) for path in tmp_path.iterdir()])
    forget()
    assert fonts.lacking("고양이") == "고양이"
