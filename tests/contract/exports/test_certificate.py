"""The certificate says for each thing that was looked at whether the export is like its checkpoint."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.exports.conftest import SIDE
from workbench.errors import DatasetError, ExportError, RequestError
from workbench.exports.certificate import (
    CERTIFICATE_NAME,
    Certificate,
    certify,
    read_certificate,
    write_certificate,
)
from workbench.exports.checks_answers import ROWS, Terms
from workbench.exports.exporter import export_model
from workbench.exports.latency import measure
from workbench.exports.matching import Agreement
from workbench.exports.memory import extra_mb
from workbench.exports.request import ExportRequest
from workbench.serving.spec import read_spec


@pytest.fixture(scope="module")
def exported(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_model(checkpoint, tmp_path_factory.mktemp("exported") / "export", ExportRequest(imgsz=SIDE)).folder


@pytest.fixture(scope="module")
def good(checkpoint: Path, exported: Path, images: list[Path]) -> Certificate:
    return certify(checkpoint, exported, images, imgsz=SIDE)


def failing(certificate: Certificate) -> set[str]:
    """Return the rows that failed, but for those about the untrained model's boxes, which fill their images."""
    return {row.name for row in certificate.checks if row.verdict == "fail"} - {"whole boxes"}


def test_an_export_answers_like_its_checkpoint_and_the_endpoint_like_ultralytics(
    good: Certificate, exported: Path
) -> None:
    assert failing(good) == set()
    assert not good.differs
    assert good.images == 16
    assert good.boxes_mean > 2
    assert good.suppressed
    assert good.latency is not None
    assert good.latency.runs == 100
    assert 0 < good.latency.p50_ms <= good.latency.p95_ms
    assert good.latency.per_s > 1
    assert good.memory_mb is not None
    assert 1 < good.memory_mb < 500
    assert good.size_bytes == (exported / "model.onnx").stat().st_size
    assert [row.found for row in good.checks if row.verdict == "unverified"] == ["no labels"]
    assert good.export is not None
    assert good.serving == Agreement(good.export.boxes, good.export.boxes, 0, 0.0, 0.0)
    assert [row.name for row in good.checks] == [
        *("file", "task", "class names", "image size", "stride", "preprocessing", "postprocessing", "licence", "paths"),
        *("raw output", "detections", "endpoint", "accuracy", "images", "boxes", "whole boxes"),
    ]


def test_too_few_or_clipped_images_prove_nothing_though_nothing_differs(
    checkpoint: Path, exported: Path, images: list[Path]
) -> None:
    certificate = certify(checkpoint, exported, images[:15], imgsz=SIDE)
    assert not certificate.passed
    assert not certificate.differs
    assert any("images: 15 were compared" in failure for failure in certificate.failures)


def test_a_certificate_is_read_as_it_was_written(good: Certificate, tmp_path: Path) -> None:
    path = write_certificate(good, tmp_path)
    assert read_certificate(tmp_path) == good
    assert json.loads(path.read_text())["passed"] is good.passed
    assert [found.name for found in tmp_path.iterdir()] == [CERTIFICATE_NAME]
    without = replace(good, export=None, serving=None, latency=None, memory_mb=None)
    write_certificate(without, tmp_path)
    assert read_certificate(tmp_path) == without


def test_a_row_that_was_accepted_keeps_its_verdict_and_does_not_count(
    checkpoint: Path, exported: Path, images: list[Path]
) -> None:
    terms = Terms(accept=("images", "whole boxes"))
    certificate = certify(checkpoint, exported, images[:3], imgsz=SIDE, terms=terms)
    assert {row.name for row in certificate.checks if row.verdict == "fail"} == {"images", "whole boxes"}
    assert certificate.accepted == ("images", "whole boxes")
    assert certificate.passed


def test_a_row_that_does_not_exist_cannot_be_accepted(checkpoint: Path, exported: Path, images: list[Path]) -> None:
    with pytest.raises(RequestError, match=r"no row 'detection'.*detections"):
        certify(checkpoint, exported, images, imgsz=SIDE, terms=Terms(accept=("detection",)))


def test_every_row_of_a_certificate_can_be_accepted(good: Certificate) -> None:
    assert {row.name for row in good.checks} <= set(ROWS)


def test_what_cannot_run_here_is_not_asked_and_the_reason_is_told(
    checkpoint: Path, exported: Path, images: list[Path]
) -> None:
    terms = Terms(format="coreml", unrunnable="Core ML models run on macOS only")
    certificate = certify(checkpoint, exported, images, imgsz=SIDE, terms=terms)
    open_rows = {row.name: row.found for row in certificate.checks if row.verdict == "unverified"}
    assert open_rows == dict.fromkeys(("raw output", "detections", "endpoint", "accuracy"), terms.unrunnable)
    assert (certificate.latency, certificate.memory_mb, certificate.export) == (None, None, None)
    assert failing(certificate) == set()


def test_an_export_with_fewer_bits_is_judged_by_its_accuracy_on_enough_images(
    checkpoint: Path, exported: Path, images: list[Path]
) -> None:
    certificate = certify(checkpoint, exported, images, imgsz=SIDE, terms=Terms(precision="int8"))
    rows = {row.name: row for row in certificate.checks}
    for name in ("raw output", "detections"):
        assert rows[name].verdict == "unverified"
        assert "judged by its accuracy" in rows[name].found
    assert (rows["accuracy images"].verdict, rows["accuracy images"].found) == ("fail", "0 have labels")
    assert not certificate.passed
    assert not certificate.differs


def test_what_a_model_needs_is_measured_beside_its_libraries(exported: Path) -> None:
    needed = extra_mb(exported / "model.onnx", read_spec(exported))
    assert (exported / "model.onnx").stat().st_size / 1e6 < needed < 80  # onnxruntime alone takes more


def test_a_model_that_does_not_run_has_no_latency_and_no_need(exported: Path, tmp_path: Path) -> None:
    torn = tmp_path / "model.onnx"
    torn.write_bytes((exported / "model.onnx").read_bytes()[:50_000])
    for look in (extra_mb, measure):
        with pytest.raises(ExportError, match="does not run"):
            look(torn, read_spec(exported))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1, "passed": true, "failures": []}'])
def test_a_damaged_certificate_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / CERTIFICATE_NAME).write_text(text)
    with pytest.raises(ExportError):
        read_certificate(tmp_path)


def test_no_images_or_an_unreadable_one_is_refused(checkpoint: Path, exported: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no images"):
        certify(checkpoint, exported, [], imgsz=SIDE)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    with pytest.raises(DatasetError, match=r"broken\.jpg"):
        certify(checkpoint, exported, [tmp_path / "broken.jpg"], imgsz=SIDE)
