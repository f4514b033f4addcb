from __future__ import annotations

import zipfile
from pathlib import Path

import onnx
import pytest

from workbench.errors import ConflictError, ExportError, ModelError, RequestError
from workbench.exports.exporter import Provenance, export_model
from workbench.exports.inside import inside, metadata
from workbench.exports.inside import origin as inside_origin
from workbench.exports.request import ExportRequest
from workbench.serving.model import load_model
from workbench.serving.spec import SPEC_NAME, WEIGHTS_NAME, file_sha256, read_spec

SIDE = 64


def test_an_export_is_a_model_with_its_spec_and_nothing_else(checkpoint: Path, tmp_path: Path) -> None:
    beside = sorted(checkpoint.parent.iterdir())
    exported = export_model(checkpoint, tmp_path / "export", ExportRequest(imgsz=(SIDE, 96)))
    assert sorted(path.name for path in exported.folder.iterdir()) == ["LICENSE", "SHA256SUMS", SPEC_NAME, WEIGHTS_NAME]
    assert list(tmp_path.iterdir()) == [exported.folder]
    assert sorted(checkpoint.parent.iterdir()) == beside
    spec = read_spec(exported.folder)
    assert spec == exported.spec
    assert (spec.task, spec.imgsz, spec.output, len(spec.names)) == ("detect", (SIDE, 96), "raw", 80)
    assert spec.sha256 == file_sha256(exported.weights)
    load_model(exported.folder).warm_up()


def test_the_same_checkpoint_gives_the_same_bytes_without_paths_and_dates(checkpoint: Path, tmp_path: Path) -> None:
    first = export_model(checkpoint, tmp_path / "first", ExportRequest(imgsz=SIDE))
    second = export_model(checkpoint, tmp_path / "elsewhere" / "second", ExportRequest(imgsz=SIDE))
    data = first.weights.read_bytes()
    assert data == second.weights.read_bytes()
    assert (first.folder / SPEC_NAME).read_bytes() == (second.folder / SPEC_NAME).read_bytes()
    assert b"secret" not in data
    assert str(tmp_path).encode() not in data
    properties = {item.key: item.value for item in onnx.load(first.weights).metadata_props}
    assert (properties["date"][:4], properties["task"]) == ("1970", "detect")
    assert "AGPL-3.0" in properties["license"]


def test_paths_may_be_relative(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "best.pt").write_bytes(checkpoint.read_bytes())
    monkeypatch.chdir(tmp_path)
    exported = export_model(Path("best.pt"), Path("export"), ExportRequest(imgsz=SIDE))
    assert Path.cwd() == tmp_path
    assert (tmp_path / "export" / WEIGHTS_NAME).is_file()
    assert exported.weights.is_file()


def test_an_earlier_export_is_replaced_and_anything_else_is_left_alone(checkpoint: Path, tmp_path: Path) -> None:
    exported = export_model(checkpoint, tmp_path / "export", ExportRequest(imgsz=SIDE))
    (exported.folder / "certificate.json").write_text("of the earlier export")
    export_model(checkpoint, exported.folder, ExportRequest(imgsz=SIDE))
    assert not (exported.folder / "certificate.json").exists()
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    with pytest.raises(ConflictError, match="is no export"):
        export_model(checkpoint, tmp_path / "thesis", ExportRequest(imgsz=SIDE))
    assert (tmp_path / "thesis" / "chapter.txt").exists()


def test_a_failed_export_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "best.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(ModelError, match=r"best\.pt"):
        export_model(tmp_path / "best.pt", tmp_path / "export", ExportRequest(imgsz=SIDE))
    assert [path.name for path in tmp_path.iterdir()] == ["best.pt"]


def test_a_missing_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no checkpoint"):
        export_model(tmp_path / "best.pt", tmp_path / "export", ExportRequest(imgsz=SIDE))


def test_torchscript_is_the_same_bytes_in_whatever_process_and_names_no_folder(
    checkpoint: Path, tmp_path: Path
) -> None:
    wanted, origin = ExportRequest("torchscript", imgsz=SIDE), Provenance(dataset="ab" * 32, run="the-run")
    first = export_model(checkpoint, tmp_path / "first", wanted, origin)
    export_model(checkpoint, tmp_path / "onnx", ExportRequest(imgsz=SIDE))  # torch counts what it traces
    second = export_model(checkpoint, tmp_path / "second", wanted, origin)
    assert first.spec == second.spec
    with zipfile.ZipFile(first.weights) as archive:
        assert not [name for name in archive.namelist() if b"site-packages" in archive.read(name)]
    said = metadata(first.weights)
    assert (said["dataset"], said["run"], said["date"][:4]) == (f"sha256:{'ab' * 32}", "the-run", "1970")
    rows = inside(first.weights, first.spec, inside_origin(checkpoint, SIDE, origin.said()))
    assert [str(row) for row in rows if row.verdict != "pass"] == []
    other = inside(first.weights, first.spec, inside_origin(checkpoint, SIDE, {"run": "another"}))
    assert [row.name for row in other if row.verdict != "pass"] == ["run"]


def test_an_image_size_that_does_not_fit_the_stride_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="100 is not a multiple of 32"):
        export_model(checkpoint, tmp_path / "export", ExportRequest(imgsz=100))


def test_int8_without_data_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="calibrated on images, and no dataset is known"):
        export_model(checkpoint, tmp_path / "export", ExportRequest(precision="int8", imgsz=SIDE))
    assert list(tmp_path.iterdir()) == []
