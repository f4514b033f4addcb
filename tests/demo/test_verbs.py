"""The everyday verbs on the trained model: measure, predict, deploy, and a checkpoint of one's own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.trained import Trained

pytestmark = pytest.mark.slow


def _json(trained: Trained, *arguments: str) -> dict[str, Any]:
    done = trained.command(*arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_evaluate_measures_the_test_split(trained: Trained) -> None:
    found = _json(trained, "evaluate", trained.report["run"], "--split", "test")
    assert found["images"] == 32
    assert found["metrics"]["metrics/mAP50(B)"] >= 0.2
    assert found["headline"]["name"] == "metrics/mAP50-95(B)"


def test_predict_answers_alike_with_run_and_export(trained: Trained) -> None:
    image = trained.report["endpoint"]["image"]
    by_run = _json(trained, "predict", trained.report["run"], image)["images"]
    by_export = _json(trained, "predict", trained.export().id, image)["images"]
    assert len(by_run) == len(by_export) == 1
    names = [item["name"] for item in by_run[0]["detections"]]
    assert names
    assert names == [item["name"] for item in by_export[0]["detections"]]


def test_a_deployment_lives_until_it_is_stopped(trained: Trained) -> None:
    endpoint = _json(trained, "deploy", trained.report["run"], "--name", "kiosk")
    try:
        taken = trained.command("deploy", trained.report["run"], "--name", "other", "--port", str(endpoint["port"]))
        assert taken.returncode in {1, 2}
        assert str(endpoint["port"]) in taken.stderr
        busy = trained.command("runs", "delete", _json(trained, "exports", "list")["exports"][0]["export"], "--yes")
        assert busy.returncode == 2
        assert "kiosk" in busy.stderr
        assert [row["alive"] for row in _json(trained, "deployments", "list")["deployments"]] == [True]
    finally:
        assert _json(trained, "deployments", "stop", "kiosk")["was_running"]
    assert _json(trained, "deployments", "list")["deployments"] == []


def test_a_checkpoint_of_ones_own_is_registered_trained_on_evaluated_and_exported(
    trained: Trained, korean_digits: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.pt"
    shutil.copyfile(trained.open().run(trained.report["run"]).checkpoint, mine)
    assert _json(trained, "models", "add", str(mine))["model"] == "mine.pt"
    data = ("--data", str(korean_digits))
    fine = _json(trained, "train", *data, "--model", "mine.pt", "epochs=1", "imgsz=96", "fraction=0.1", "plots=False")
    assert fine["details"]["epochs"] == 1
    assert fine["metrics"]["metrics/mAP50(B)"] > 0, "it started from what it had learnt"
    assert _json(trained, "evaluate", "mine.pt", *data)["images"] == 32
    assert _json(trained, "export", "mine.pt", *data)["parity"]["passed"]


def test_an_export_of_an_unchanged_run_is_given_back_and_starts_nothing(trained: Trained) -> None:
    workspace = trained.open()
    before = [made.id for made in workspace.exports()]
    again = workspace.export(trained.report["run"])
    assert again.reused
    assert again.certificate["passed"]
    assert [made.id for made in workspace.exports()] == before
    said = trained.command("export", trained.report["run"])
    assert said.returncode == 0, said.stderr
    assert "Nothing has changed since this export was made" in said.stdout + said.stderr


def test_a_file_with_code_in_it_is_refused_and_not_executed(trained: Trained, tmp_path: Path) -> None:
    import pickle

    proof = tmp_path / "executed"

    class Payload:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (proof,)

    bad = tmp_path / "bad.pt"
    bad.write_bytes(pickle.dumps(Payload()))
    done = trained.command("models", "add", str(bad))
    assert done.returncode == 2
    assert "bad.pt" in done.stderr
    assert not proof.exists()
