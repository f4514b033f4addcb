"""What a run shows besides numbers is kept as files with events, under any name, and read back as it was."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from matplotlib.figure import Figure
from PIL import Image

from workbench.errors import ParameterError, StorageError
from workbench.metrics.media.curves import ConfusionMatrix, Curve, read_confusion_matrix, read_curve
from workbench.metrics.media.keep import Media, files, slug, texts
from workbench.metrics.tail import Event, read_events
from workbench.metrics.writer import Writer
from workbench.paths import RunPaths

PIXELS = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
NAMES = ["images/val/0001", "가" * 300, "../../etc/passwd", "a b\nc\0d", ".hidden", "///", "CON", "x" * 300, "é"]


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    return RunPaths(tmp_path / "run")


@pytest.fixture
def writer(run: RunPaths) -> Iterator[Writer]:
    with Writer(run.events, "train-1") as opened:
        yield opened


@pytest.fixture
def media(run: RunPaths, writer: Writer) -> Media:
    return Media(run, writer)


@pytest.fixture
def events(run: RunPaths, writer: Writer) -> Callable[[], list[Event]]:
    def read() -> list[Event]:
        writer.flush()
        return read_events(run.events)

    return read


@pytest.mark.parametrize("name", NAMES)
def test_any_name_gives_a_file_of_the_runs_media_folder_and_is_kept_as_it_is(
    media: Media, run: RunPaths, events: Callable[[], list[Event]], name: str
) -> None:
    path = media.image(name, PIXELS, step=3)
    assert path.parent == run.media
    assert not path.name.startswith(".")
    assert len(path.name.encode()) <= 128
    [kept] = files(events(), "image")
    assert (kept.name, kept.step, run.root / kept.path) == (name, 3, path)


def test_a_name_stays_readable_in_the_files_name() -> None:
    assert slug("images/검증 1.png") == "images_검증_1.png"
    assert slug("///") == "unnamed"


def test_the_event_tells_the_digest_and_the_size_of_the_file(
    media: Media, run: RunPaths, events: Callable[[], list[Event]]
) -> None:
    path = media.image("a", PIXELS)
    [kept] = files(events())
    assert kept.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (kept.kind, kept.bytes, kept.step) == ("image", path.stat().st_size, None)
    assert list(run.media.iterdir()) == [path]


def test_names_that_look_alike_as_files_are_different_files(media: Media) -> None:
    paths = {media.image(name, PIXELS, step=step) for name in ("a/b", "a?b") for step in (None, 1, 2)}
    assert len(paths) == 6


def test_a_later_picture_of_the_same_name_and_step_counts_and_the_earlier_file_stays_true(
    media: Media, run: RunPaths, events: Callable[[], list[Event]]
) -> None:
    first = media.image("a", PIXELS, step=1)
    second = media.image("a", PIXELS[::-1], step=1)
    assert first != second
    assert (np.asarray(Image.open(first)) == PIXELS).all()
    assert [run.root / kept.path for kept in files(events())] == [second]


@pytest.mark.parametrize("channels", [(), (3,), (4,)])
def test_an_array_is_kept_pixel_by_pixel(media: Media, channels: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 7, *channels), dtype=np.uint8)
    assert (np.asarray(Image.open(media.image("a", pixels))) == pixels).all()


def test_a_pil_image_is_kept_whatever_its_mode(media: Media) -> None:
    for mode in ("RGB", "L", "P", "CMYK", "F", "YCbCr"):
        assert Image.open(media.image(mode, Image.new(mode, (3, 2)))).size == (3, 2)


def test_a_figure_and_a_drawn_file_are_kept_as_plots(
    media: Media, tmp_path: Path, events: Callable[[], list[Event]]
) -> None:
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([1, 2])
    assert Image.open(media.plot("loss", figure)).size == (300, 150)
    svg = tmp_path / "drawn.SVG"
    svg.write_text("<svg/>", encoding="utf-8")
    copied = media.plot("drawn", svg)
    assert (copied.suffix, copied.read_text(encoding="utf-8")) == (".svg", "<svg/>")
    assert [kept.name for kept in files(events(), "plot")] == ["loss", "drawn"]
    assert files(events(), "image") == []


def test_any_other_file_is_copied(media: Media, tmp_path: Path, events: Callable[[], list[Event]]) -> None:
    source = tmp_path / "args.yaml"
    source.write_bytes(b"epochs: 1\n")
    assert media.file("args", source).read_bytes() == b"epochs: 1\n"
    assert [kept.kind for kept in files(events())] == ["file"]


def test_texts_are_read_back_and_the_last_of_a_name_and_step_counts(
    media: Media, events: Callable[[], list[Event]]
) -> None:
    media.text("note", "eins\n둘", step=1)
    media.text("note", "zwei", step=2)
    media.text("note", "deux", step=2)
    assert [(note.step, note.text) for note in texts(events())] == [(1, "eins\n둘"), (2, "deux")]


@pytest.mark.parametrize("background", [0, 1])
def test_a_confusion_matrix_reads_back_as_it_was(
    media: Media, run: RunPaths, events: Callable[[], list[Event]], background: int
) -> None:
    counts = np.arange((2 + background) ** 2).reshape(2 + background, -1) * 10**12
    path = media.confusion_matrix(ConfusionMatrix(("빨강", "green"), counts.astype(float)))
    found = read_confusion_matrix(path)
    assert found.names == ("빨강", "green")
    assert found.matrix.dtype == np.int64
    assert (found.matrix == counts).all()
    assert found.has_background is bool(background)
    assert [kept.name for kept in files(events(), "confusion_matrix")] == ["confusion_matrix"]


def test_a_curve_reads_back_with_its_non_finite_points(media: Media) -> None:
    ys = np.array([[0.5, math.nan, 0.25], [math.inf, 1.0, -math.inf]])
    path = media.curve(Curve("P/R", "Recall", "Precision", np.array([0.0, 0.5, 1.0]), ys, ("a", "b")), step=2)
    found = read_curve(path)
    assert (found.name, found.x_label, found.y_label, found.names) == ("P/R", "Recall", "Precision", ("a", "b"))
    np.testing.assert_array_equal(found.ys, ys)
    np.testing.assert_array_equal(found.x, [0.0, 0.5, 1.0])
    assert b"null" not in path.read_bytes()


def test_a_single_line_needs_no_name() -> None:
    assert Curve("c", "x", "y", np.arange(3.0), np.arange(3.0)).ys.shape == (1, 3)


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        (PIXELS.astype(np.float32), "dtype float32"),
        (PIXELS.transpose(2, 0, 1), r"shape \(3, 4, 5\)"),
        (PIXELS[None], r"shape \(1, 4, 5, 3\)"),
        (PIXELS[:0], r"shape \(0, 5, 3\)"),
        ([[1, 2]], "type list"),
        (None, "type NoneType"),
        ("missing.png", "Could not read 'missing.png': No such file"),
        (Path(__file__), "is no picture by its name"),
    ],
)
def test_what_is_no_picture_is_refused_in_three_beats(media: Media, run: RunPaths, picture: Any, told: str) -> None:
    with pytest.raises(ParameterError, match=told) as caught:
        media.image("a", picture)
    assert caught.value.expected
    assert caught.value.todo
    assert not run.media.exists()


def test_a_picture_that_was_cut_is_refused(media: Media, tmp_path: Path) -> None:
    cut = tmp_path / "cut.png"
    cut.write_bytes(media.image("a", PIXELS).read_bytes()[:40])
    with pytest.raises(ParameterError, match=r"cut\.png' holds no picture"):
        media.image("b", cut)


@pytest.mark.parametrize("name", ["", "  ", None, "\ud800"])
def test_a_name_that_nobody_can_see_is_refused(media: Media, name: Any) -> None:
    with pytest.raises(ParameterError, match="is named"):
        media.image(name, PIXELS)
    with pytest.raises(ParameterError, match="is named"):
        media.text(name, "text")


@pytest.mark.parametrize(
    ("matrix", "told"),
    [
        (np.zeros((2, 3)), r"shape \(2, 3\) for 2 classes"),
        (np.zeros((4, 4)), r"shape \(4, 4\) for 2 classes"),
        ([[1, 2], [0.5, 3]], r"holds 0\.5"),
        ([[1, 2], [-1, 3]], r"holds -1"),
        ([[1, 2], [math.nan, 3]], "holds nan"),
        ([[1, 2], [3]], "no table of numbers"),
    ],
)
def test_a_wrong_matrix_is_refused(matrix: Any, told: str) -> None:
    with pytest.raises(ParameterError, match=told):
        ConfusionMatrix(("a", "b"), matrix)


def test_a_wrong_curve_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"x of the shape \(3,\) and ys of the shape \(3, 2\)"):
        Curve("c", "x", "y", np.zeros(3), np.zeros((3, 2)))
    with pytest.raises(ParameterError, match="2 lines and 1 names"):
        Curve("c", "x", "y", np.zeros(3), np.zeros((2, 3)), ("a",))


@pytest.mark.parametrize("change", [{"version": 2}, {"type": "curve"}, {"matrix": [["x"]]}, {"names": None}])
def test_a_damaged_or_newer_file_is_told_with_its_path(media: Media, change: dict[str, Any]) -> None:
    path = media.confusion_matrix(ConfusionMatrix(("a",), np.ones((1, 1))))
    path.write_bytes(orjson.dumps({**orjson.loads(path.read_bytes()), **change}))
    with pytest.raises(StorageError, match="cannot be read as confusion matrix") as caught:
        read_confusion_matrix(path)
    assert caught.value.fields["path"] == str(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="Could not read"):
        read_curve(tmp_path / "gone.json")
