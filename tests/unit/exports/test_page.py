"""The page of a certificate says its verdict in words, shows its rows, and fetches nothing."""

from __future__ import annotations

import html.parser
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from workbench.exports import page_texts
from workbench.exports.accuracy import Accuracy
from workbench.exports.certificate import Certificate, Proof, read_certificate
from workbench.exports.checks import Check
from workbench.exports.checks_answers import ROWS
from workbench.exports.latency import Latency
from workbench.exports.matching import Seen
from workbench.exports.page import PAGE_NAME, page, write_page, write_proof
from workbench.exports.page_pictures import SIZE_PX, outlines, pictures

EVIL = '</span><script>alert("x")</script>\u202e&amp;'
GOOD = (Check("detections", "pass", "all", "all"), Check("images", "pass", "16", "at least 16"))
ACCURACY = Accuracy("mAP50-95", 0.712, 0.709, 0.3, -0.1, 0.6, 200, 912)
LATENCY = Latency(1.5, 2.5, 600.0, 100, 1, "CPUExecutionProvider", "a processor")


def certificate(**fields: Any) -> Certificate:
    usual: dict[str, Any] = {
        "checks": GOOD,
        "accepted": (),
        "format": "onnx",
        "precision": "fp32",
        "task": "detect",
        "images": 16,
        "conf": 0.25,
        "iou": 0.7,
        "export": None,
        "serving": None,
        "accuracy": ACCURACY,
        "boxes_mean": 3.0,
        "non_degenerate": 1.0,
        "latency": LATENCY,
        "memory_mb": 40.0,
        "size_bytes": 9_600_000,
        "suppressed": 5,
        "checkpoint_sha256": "c" * 64,
        "model_sha256": "e" * 64,
        "versions": {"torch": "2"},
    }
    return Certificate(**usual | fields)


def failing(*names: str) -> tuple[Check, ...]:
    return (*GOOD, *(Check(name, "fail", "bad", "good") for name in names))


class Reader(html.parser.HTMLParser):
    """The tags and the words of a page; a tag that is not closed is told."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "input", "line", "circle"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"line", "circle"}:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({}, "yes"),
        ({"checks": failing("detections")}, "no"),
        ({"checks": failing("detections"), "accepted": ("detections",)}, "accepted"),
        ({"checks": failing("detections", "file"), "accepted": ("detections",)}, "no"),
        ({"checks": failing("whole boxes")}, "unproven"),
        ({"checks": failing("detections", "whole boxes")}, "no"),
        ({"checks": (Check("file", "pass", "", ""), Check("detections", "unverified", "off macOS", ""))}, "unverified"),
    ],
)
def test_the_verdict_stands_on_top_in_both_languages(fields: dict[str, Any], verdict: str) -> None:
    made = certificate(**fields)
    assert made.verdict == verdict
    assert made.passed == (verdict in {"yes", "accepted", "unverified"})
    reader = Reader(page(made))
    assert not reader.open
    for language in ("en", "ko"):
        assert page_texts.VERDICTS[verdict].said(language) in reader.words
    assert f'class="verdict {verdict}"' in page(made)


def test_accepted_rows_keep_their_verdict_and_are_named() -> None:
    made = certificate(checks=failing("detections"), accepted=("detections",))
    assert [row.verdict for row in made.checks] == ["pass", "pass", "fail"]
    assert (made.failures, made.differs) == ((), False)
    assert "fails, accepted" in Reader(page(made)).words
    assert "were accepted: detections" in Reader(page(made)).words


def test_every_row_has_a_mark_and_a_word_beside_its_colour() -> None:
    checks = (*failing("file"), Check("endpoint", "unverified", "why", "all"))
    words = Reader(page(certificate(checks=checks))).words
    for mark, text in (page_texts.MARKS[kind] for kind in ("pass", "fail", "unverified")):
        assert mark in words
        assert text.en in words
        assert text.ko in words


def test_what_others_wrote_is_escaped_and_nothing_is_fetched() -> None:
    checks = (Check("class names", "fail", EVIL, EVIL), Check(EVIL, "pass", EVIL, EVIL))
    text = page(certificate(checks=checks, versions={EVIL: EVIL}, task=EVIL, format=EVIL))
    reader = Reader(text)
    assert not reader.open
    assert "script" not in {tag for tag, _ in reader.tags}
    assert "\u202e" not in text
    assert "default-src 'none'" in text
    for _, attributes in reader.tags:
        assert not {"src", "href"} & set(attributes)
    assert not re.search(r"https?://|url\(|@import", text)


def test_what_was_measured_is_told_and_what_was_not_too() -> None:
    words = Reader(page(certificate())).words
    assert "checkpoint 71.2, export 70.9; a drop of 0.3 points, 95 % interval -0.1 to 0.6" in words
    for told in ("p50 1.5 ms", "9.60 MB", "40 MB", "c" * 64, "e" * 64, "torch 2"):
        assert told in words
    without = Reader(page(certificate(accuracy=None, latency=None, memory_mb=None))).words
    assert without.count("not measured") == 3


def test_the_page_opens_in_the_language_that_was_asked_for(tmp_path: Path) -> None:
    path = write_page(certificate(), tmp_path, language="ko")
    assert path == tmp_path / PAGE_NAME
    text = path.read_text(encoding="utf-8")
    assert '<html lang="ko">' in text
    assert 'id="ko" checked' in text
    assert 'id="en" checked' not in text


def test_every_row_that_a_certificate_can_have_has_words_in_both_languages() -> None:
    assert set(page_texts.ROWS) == set(ROWS)
    assert all(text.en and text.ko for text in page_texts.ROWS.values())


def seen(*rows: tuple[float, ...], **extras: Any) -> Seen:
    return Seen(np.array(rows, dtype=np.float64).reshape(-1, 6), (100, 200), **extras)


BOX = (20.0, 20.0, 120.0, 80.0, 0.9, 0.0)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo <b>.png"
    cv2.imencode(".png", np.full((100, 200, 3), 90, np.uint8))[1].tofile(path)
    return path


def proof(*sights: tuple[Path, Seen, Seen], **fields: Any) -> Proof:
    return Proof(certificate(**fields), ("a cat", "dog"), (64, 64), sights)


def test_images_that_differ_come_first_and_at_most_six(photo: Path) -> None:
    second, third = (10, 10, 30, 30, 0.9, 1), (150, 10, 190, 30, 0.9, 1)
    same, other = (photo, seen(BOX), seen(BOX)), (photo, seen(BOX, second, third), seen(BOX, second))
    worse = (photo, seen(BOX, second), seen())
    assert [picture.differs for picture in pictures(proof(same, same, same))] == [False, False]
    found = pictures(proof(same, other, worse, *[other] * 6))
    assert [picture.found.missed for picture in found] == [2, 1, 1, 1, 1, 1]
    assert [picture.differs for picture in pictures(proof(same, other))] == [True]
    assert pictures(proof()) == []


def test_an_image_that_is_gone_is_left_out(photo: Path) -> None:
    gone = (photo.parent / "gone.png", seen(BOX), seen())
    assert [picture.name for picture in pictures(proof(gone, (photo, seen(BOX), seen())))] == [photo.name]


@pytest.mark.parametrize(
    "extras",
    [
        {},
        {"keypoints": np.array([[[30.0, 30.0, 0.9], [50.0, 50.0, 0.1]]])},
        {"corners": np.array([[[60.0, 10.0], [110.0, 60.0], [80.0, 90.0], [30.0, 40.0]]])},
        {"masks": np.packbits(np.tri(64, dtype=bool).reshape(1, -1), axis=1)},
    ],
    ids=["boxes", "keypoints", "rotated boxes", "masks"],
)
def test_what_was_seen_is_drawn(photo: Path, extras: dict[str, Any]) -> None:
    (picture,) = pictures(proof((photo, seen(BOX, **extras), seen())))
    with_box, without = (
        cv2.imdecode(np.frombuffer(side, np.uint8), cv2.IMREAD_COLOR) for side in (picture.checkpoint, picture.export)
    )
    assert with_box is not None
    assert without is not None
    assert with_box.shape == without.shape == (100, 200, 3)
    assert (np.abs(with_box.astype(int) - without) > 40).any(axis=2).mean() > 0.01
    assert max(with_box.shape) <= SIZE_PX


def test_a_class_is_written_on_the_image(photo: Path) -> None:
    scored = [seen(scores=np.array(scores)) for scores in ((0.9, 0.1), (0.2, 0.8))]
    (picture,) = pictures(proof((photo, scored[0], scored[1])))
    assert picture.differs
    assert picture.checkpoint != picture.export


def test_a_mask_lies_where_it_was_seen() -> None:
    bits = np.zeros((64, 64), dtype=bool)
    bits[16:48, :32] = True  # the left half of an image of 200 x 100, which lies between two borders
    (ring,) = outlines(seen(BOX, masks=np.packbits(bits.reshape(1, -1), axis=1)), 0, (64, 64))
    assert ring.min(axis=0) == pytest.approx([0, 0], abs=3.2)
    assert ring.max(axis=0) == pytest.approx([100, 100], abs=3.2)


def test_a_proof_is_written_with_its_pictures_and_its_page(photo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    made = write_proof(proof((photo, seen(BOX), seen())), folder)
    assert [shown.path for shown in made.pictures] == ["pictures/1.webp"]
    assert read_certificate(folder) == made
    assert (folder / "pictures" / "1.webp").is_file()
    text = (folder / PAGE_NAME).read_text(encoding="utf-8")
    sources = [attributes["src"] or "" for tag, attributes in Reader(text).tags if tag == "img"]
    assert len(sources) == 2
    assert all(source.startswith("data:image/webp;base64,") for source in sources)
    assert "photo &lt;b&gt;.png" in text
    assert "1 missed" in text


def test_an_accuracy_that_rose_is_drawn_too() -> None:
    risen = replace(ACCURACY, export=0.72, drop=-0.8, low=-1.5, high=-0.2)
    assert "a drop of -0.8 points" in Reader(page(certificate(accuracy=risen))).words
