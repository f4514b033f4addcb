"""The main job from end to end, as the short demo left it."""

from __future__ import annotations

import ipaddress
import json
import subprocess
from pathlib import Path

from tests.trained import CANARY, KOREAN, SECRETS, Trained
from workbench import storage
from workbench.workspace import Workspace


def _is_here(host: str) -> bool:
    if host in {"localhost", "::1", "", "0.0.0.0"}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def test_the_report_has_the_promised_fields(trained: Trained) -> None:
    report = trained.report
    assert set(report) == {"run", "headline", "metrics", "images", "export", "endpoint", "seconds"}
    assert set(report["headline"]) == {"name", "value"}
    assert set(report["export"]) == {"format", "bytes", "parity"}
    assert report["headline"]["name"] == "metrics/mAP50-95(B)"
    assert report["headline"]["value"] == report["metrics"]["metrics/mAP50-95(B)"]
    assert report["images"] == 400


def test_the_model_has_learnt(trained: Trained) -> None:
    assert trained.report["metrics"]["metrics/mAP50(B)"] >= 0.4


def test_the_onnx_export_answers_like_the_checkpoint(trained: Trained) -> None:
    parity = trained.report["export"]["parity"]
    assert parity["passed"], parity["failures"]
    assert parity["images"] >= 16
    assert parity["box_px"] <= 0.01
    assert parity["confidence"] <= 1e-4
    assert parity["non_degenerate"] > 0.9


def test_the_endpoint_answers_like_ultralytics(trained: Trained) -> None:
    parity = trained.report["export"]["parity"]
    assert parity["endpoint_box_px"] <= 0.01
    assert parity["endpoint_confidence"] <= 1e-4
    assert parity["boxes_per_image"] >= 3


def test_the_endpoint_saw_digits_by_their_korean_names(trained: Trained) -> None:
    found = trained.report["endpoint"]["detections"]
    assert found
    assert {item["name"] for item in found} <= set(KOREAN)
    assert trained.report["endpoint"]["latency_ms"] > 0


def test_nobody_was_talked_to_outside_this_machine(trained: Trained) -> None:
    outside = [attempt for attempt in trained.connections if not _is_here(attempt["host"])]
    assert outside == []


def test_the_hook_was_in_every_process(trained: Trained) -> None:
    """Without this the test above could pass by seeing nothing."""
    assert len({attempt["pid"] for attempt in trained.connections}) >= 4


def test_no_secret_is_in_any_file_of_the_workspace(trained: Trained) -> None:
    assert all(CANARY in trained.variables[name] for name in SECRETS)
    files = [path for path in trained.workspace.rglob("*") if path.is_file()]
    assert len(files) > 20
    assert [path for path in files if CANARY.encode() in path.read_bytes()] == []


def test_no_secret_stays_in_the_files_of_the_engine(trained: Trained) -> None:
    files = [path for path in Path(trained.variables["WORKBENCH_ENGINE_HOME"]).rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if CANARY.encode() in path.read_bytes()] == []


def test_no_process_of_the_demo_is_alive(trained: Trained) -> None:
    assert trained.left == []


def test_the_executed_notebook_is_the_lab_record(trained: Trained) -> None:
    run = trained.open().run(trained.report["run"])
    assert run.notebook is not None
    notebook = json.loads(run.notebook.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in code)
    text = json.dumps(notebook["cells"])
    assert "image/png" in text, "the curves"
    assert "epoch 1/7" in text, "the epochs"
    assert storage.sha256(run.notebook) == run.result.notebook_sha256


def test_the_run_records_what_a_replay_needs(trained: Trained) -> None:
    spec = trained.open().run(trained.report["run"]).spec
    assert spec.config is not None
    assert len(spec.config) == 120
    assert spec.seed == 0
    assert spec.dataset is not None
    assert len(spec.dataset.digest) == 64
    assert spec.lock["packages"]["torch"]
    assert spec.lock["hardware"]["cores"] >= 1
    assert spec.lock["code"]["version"]


def test_the_checkpoints_are_the_ones_that_were_hashed(trained: Trained) -> None:
    run = trained.open().run(trained.report["run"])
    assert {artifact.path for artifact in run.result.artifacts} == {"checkpoints/best.pt", "checkpoints/last.pt"}
    for artifact in run.result.artifacts:
        assert storage.sha256(run.paths.root / artifact.path) == artifact.sha256


def test_every_batch_and_every_epoch_is_in_the_events_once(trained: Trained) -> None:
    run = trained.open().run(trained.report["run"])
    assert [row["step"] for row in run.metrics("batch")] == list(range(1, 7 * 25 + 1))
    assert [row["step"] for row in run.metrics("epoch")] == list(range(1, 8))
    assert len(run.metrics("final")) == 1
    progress = [event for event in run.events() if event["kind"] == "progress"]
    assert progress[-1]["eta_s"] == 0


def test_the_database_is_rebuilt_from_the_folders(trained: Trained, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    # By another process: closing a file that SQLite has open in this one would drop the locks of its connections.
    subprocess.run(["cp", "-a", str(trained.workspace), str(copy)], check=True)
    before = Workspace(copy).database.dump()
    for name in ("workbench.db", "workbench.db-wal", "workbench.db-shm"):
        (copy / name).unlink(missing_ok=True)
    done = trained.command("doctor", "--rebuild", "--json", "--workspace", str(copy))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["drift"] == []
    assert Workspace(copy).database.dump() == before
    assert len(before["runs"]) >= 2


def test_result_json_is_what_was_printed(trained: Trained) -> None:
    assert storage.get_json(trained.workspace / "demo" / "result.json") == trained.report
