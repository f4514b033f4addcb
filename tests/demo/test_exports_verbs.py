"""Exports on the command line: what is refused, tried, chosen, saved and shown when it failed."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.trained import Trained

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--format", "onx"), "Did you mean 'onnx'"),
        (("--format", "hailo"), "no Hailo exports"),
        (("--format", "onnx", "--format", "litert:fp16"), "LiteRT does not come in the precision 'fp16'"),
        (("--format", "torchscript", "--precision", "half"), "NVIDIA GPU only"),
        (("--imgsz", "100"), "not a multiple of 32"),
        (("--imgsz", "wide"), "image size 'wide' is not valid"),
        (("--nms", "perhaps"), "nms 'perhaps' is not known"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_starts(
    trained: Trained, options: tuple[str, ...], words: str
) -> None:
    before = [made.id for made in trained.open().exports()]
    refused = trained.command("export", trained.report["run"], *options)
    assert (refused.returncode, words in " ".join(refused.stderr.split())) == (2, True), refused.stderr
    assert [made.id for made in trained.open().exports()] == before


def test_a_gpu_engine_is_refused_with_the_reason(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(trained.variables, "CUDA_VISIBLE_DEVICES", "")
    refused = trained.command("export", trained.report["run"], "--format", "trt")
    assert refused.returncode == 2
    assert "export ONNX and build it there" in " ".join(refused.stderr.split())


def test_what_was_made_is_chosen_saved_and_drawn(trained: Trained, tmp_path: Path) -> None:
    run = trained.report["run"]
    plot, bundle = tmp_path / "front.png", tmp_path / "model.zip"
    tried = ("--try", "onnx", "--latency", "10000", "--plot", str(plot), "--json")
    chosen = trained.command("exports", "choose", run, *tried)
    assert chosen.returncode == 0, chosen.stderr
    report = json.loads(chosen.stdout)
    (candidate,) = report["candidates"]
    assert report["best"] == candidate["export"]
    assert (candidate["passed"], candidate["front"], candidate["within"]) == (True, True, True)
    assert plot.read_bytes().startswith(b"\x89PNG")
    saved = trained.command("exports", "save", report["best"], "--to", str(bundle), "--json")
    assert saved.returncode == 0, saved.stderr
    with zipfile.ZipFile(bundle) as archive:
        assert {"model.onnx", "model.json", "certificate.json", "certificate.html", "LICENSE", "SHA256SUMS"} <= set(
            archive.namelist()
        )


def test_an_export_in_torchscript_can_be_asked(trained: Trained) -> None:
    made = trained.command("export", trained.report["run"], "--format", "torchscript", "--json")
    assert made.returncode == 0, made.stderr
    image = trained.report["endpoint"]["image"]
    asked = trained.command("predict", json.loads(made.stdout)["export"], image, "--json")
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout)["images"][0]["detections"]


def test_an_export_that_fails_its_certificate_ends_with_1_and_is_shown_all_the_same(trained: Trained) -> None:
    run = trained.report["run"]
    failed = trained.command("export", run, "--format", "onnx:int8", timeout_s=280)
    said = " ".join(failed.stderr.split())
    shown = trained.command("exports", "show", trained.open().exports()[0].id, "--json")
    certificate = json.loads(shown.stdout)["certificate"]
    drop = certificate["accuracy"]["drop"]
    assert failed.returncode == (1 if drop > 2 else 0), said
    assert ("--accept 'accuracy'" in said) == (drop > 2)
    assert [row["verdict"] for row in certificate["checks"] if row["name"] == "accuracy images"] == ["fail"]
    last = trained.open().find_export(run)
    assert (last.run.state.value, last.id == trained.open().exports()[0].id) == ("completed", drop <= 2)
