"""What a run's folder means in the words of a tracker."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import StorageError
from workbench.metrics.log import EventLog
from workbench.metrics.tail import Event, read_events
from workbench.paths import RunPaths
from workbench.runs.lease import Lease
from workbench.runs.model import Artifact, DatasetLock, ModelLock, RunResult, RunState
from workbench.runs.tracking.tracked import TrackedRun
from workbench.tracking.base import File, Measured, Model, Text
from workbench.workspace import Workspace

DATASET = DatasetLock(name="digits", uri="file:d", digest="d" * 64, images={"train": 8}, data_yaml="d.yaml")
MODEL = ModelLock(ref="yolo26n.yaml", kind="scratch", task="detect", path="yolo26n.yaml")
LOCK = {"code": {"version": "1", "commit": "c"}, "python": "3.11.2", "packages": {"torch": "2.9"}, "hardware": {}}


@pytest.fixture
def run(workspace: Workspace, record: Callable[..., str]) -> RunPaths:
    fields = {"config": {"epochs": 3, "lr0": 0.01}, "dataset": DATASET, "model": MODEL, "lock": LOCK}
    return workspace.paths.run(record(name="first", tags=("a",), **fields))


def event(**fields: Any) -> Event:
    return {"at": 5.0, "kind": "metrics", "writer": "train-1", "scope": "batch", **fields}


def move(workspace: Workspace, run: RunPaths, *states: RunState, **fields: Any) -> None:
    for state in states:
        workspace.ledger.move(run.root.name, state, "test", **fields)


def complete(workspace: Workspace, run: RunPaths, *files: Path, **fields: Any) -> None:
    made = tuple(Artifact(path=path.relative_to(run.root).as_posix(), bytes=1, sha256="5" * 64) for path in files)
    result = RunResult(run=run.root.name, attempt=1, artifacts=made, **fields)
    workspace.ledger.complete(run.root.name, result, "test")


def test_a_start_says_what_the_run_is(run: RunPaths) -> None:
    started = TrackedRun(run.root).started()
    assert (started.run, started.name, started.kind, started.tags) == (run.root.name, "first", "train", ("a",))
    assert started.config == {"epochs": 3, "lr0": 0.01}
    assert started.dataset == {"name": "digits", "uri": "file:d", "digest": "d" * 64, "images": {"train": 8}}
    assert started.model == {"ref": "yolo26n.yaml", "kind": "scratch", "task": "detect", "sha256": None}
    assert (started.code, started.environment) == (LOCK["code"], {"python": "3.11.2", "torch": "2.9"})
    assert started.attempt == 0
    assert 1.7e9 < started.at < 1e10


def test_a_resumed_run_starts_with_what_was_changed(workspace: Workspace, run: RunPaths) -> None:
    move(workspace, run, RunState.RUNNING, attempt=1)
    move(workspace, run, RunState.FAILED)
    move(workspace, run, RunState.QUEUED, changes={"epochs": 9})
    move(workspace, run, RunState.RUNNING, attempt=2)
    started = TrackedRun(run.root).started()
    assert (started.attempt, started.config["epochs"], started.config["lr0"]) == (2, 9, 0.01)


def test_a_run_without_a_name_is_called_by_its_id(workspace: Workspace, record: Callable[..., str]) -> None:
    run_id = record("notebook", parameters={"x": 1})
    started = TrackedRun(workspace.paths.run(run_id).root).started()
    assert (started.name, started.config, started.dataset) == (run_id, {"x": 1}, {})


def test_settings_that_are_named_like_secrets_are_told_to_nobody(
    workspace: Workspace, record: Callable[..., str]
) -> None:
    config = {"api_key": "sk-1", "HF_TOKEN": "hf", "db_password": "p", "epochs": 3, "mask_ratio": 4}
    started = TrackedRun(workspace.paths.run(record(config=config)).root).started()
    hidden = {"api_key": "***", "HF_TOKEN": "***", "db_password": "***"}
    assert started.config == {**hidden, "epochs": 3, "mask_ratio": 4}


def test_a_run_that_waits_to_be_tried_again_goes_on(workspace: Workspace, run: RunPaths) -> None:
    assert not TrackedRun(run.root).goes()
    move(workspace, run, RunState.RUNNING, attempt=1)
    assert not TrackedRun(run.root).goes()
    move(workspace, run, RunState.QUEUED)
    assert TrackedRun(run.root).goes()
    move(workspace, run, RunState.CANCELLED)
    assert not TrackedRun(run.root).goes()


def test_a_run_that_was_deleted_goes_on_no_more(workspace: Workspace, run: RunPaths) -> None:
    move(workspace, run, RunState.RUNNING, attempt=1)
    move(workspace, run, RunState.QUEUED)
    source = TrackedRun(run.root)
    shutil.rmtree(run.root)
    assert not source.goes()


def test_rows_keep_step_time_epoch_and_numbers_that_are_not_finite(run: RunPaths) -> None:
    values = {"a": 1, "nan": "NaN", "up": "Infinity", "down": "-Infinity", "null": None}
    item = TrackedRun(run.root).items([event(step=-3, epoch=2, values=values, at=4.5)], 7)[0]
    assert isinstance(item, Measured)
    assert (item.scope, item.step, item.epoch, item.at, item.serial) == ("batch", -3, 2, 4.5, 8)
    assert item.values == pytest.approx(
        {"a": 1.0, "nan": math.nan, "up": math.inf, "down": -math.inf, "null": math.nan}, nan_ok=True
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"step": "1", "values": {"a": 1.0}},
        {"step": 1, "values": [1.0]},
        {"step": 1, "epoch": None, "values": {"a": 1.0}},
        {"values": {"a": 1.0}},
        {"step": 1, "values": {"a": "high", "b": True, "c": [1]}},
        {"step": 1, "values": {}},
        {"step": 1, "values": 7},
        {"step": 1, "values": {"a": 1.0}, "at": "noon"},
    ],
)
def test_a_line_that_is_no_row_is_passed_over_and_still_counted(run: RunPaths, fields: dict[str, Any]) -> None:
    items = TrackedRun(run.root).items([event(**fields), event(step=2, values={"a": 1.0})], 0)
    assert [(item.step, item.serial) for item in items if isinstance(item, Measured)] == [(2, 2)]


def test_rows_that_a_later_attempt_measures_again_are_left_out(run: RunPaths) -> None:
    with EventLog(run.events, "train-1") as log:
        for epoch in (1, 2, 3):
            log.append("metrics", step=epoch, scope="epoch", epoch=epoch, values={"a": 1.0})
    with EventLog(run.events, "train-2") as log:
        log.append("resumed", epoch=1)
    rows = [row for row in read_events(run.events) if row["kind"] == "metrics"]
    assert [(item.step, item.serial) for item in TrackedRun(run.root).items(rows, 0)] == [(1, 1)]  # type: ignore[union-attr]


def test_a_text_or_a_file_with_an_odd_step_or_time_is_told_all_the_same(run: RunPaths) -> None:
    odd = {"step": "three", "epoch": "noon"}
    events = [
        {**event(), "kind": "text", "name": "remark", "text": 7, **odd},
        {**event(), "kind": "file", "name": "x", "path": "x", **odd},
    ]
    assert TrackedRun(run.root).items(events, 0) == [
        Text("remark", "7", 0, 5.0),
        File("file", "x", run.root / "x", 5.0),
    ]


def test_files_and_texts_of_the_log_are_told(run: RunPaths) -> None:
    events = [
        {**event(), "kind": "file", "file_kind": "curve", "name": "pr", "path": "media/pr.json", "step": 3},
        {**event(), "kind": "file", "file_kind": "sculpture", "name": "x", "path": "media/x", "sha256": "s"},
        {**event(), "kind": "text", "name": "remark", "text": "é", "step": 4},
        {**event(), "kind": "file", "name": "nameless"},
        {**event(), "kind": "progress"},
    ]
    assert TrackedRun(run.root).items(events, 0) == [
        File("curve", "pr.json", run.media / "pr.json", 5.0, 3),
        File("file", "x", run.media / "x", 5.0, None, "s"),
        Text("remark", "é", 4, 5.0),
    ]


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.CRASHED, RunState.CANCELLED])
def test_an_end_is_told_as_the_ledger_has_it(workspace: Workspace, run: RunPaths, state: RunState) -> None:
    source = TrackedRun(run.root)
    assert source.ended() is None
    move(workspace, run, RunState.RUNNING, attempt=1)
    assert source.ended() is None
    move(workspace, run, state, reason="So it was.")
    ended = source.ended()
    assert ended is not None
    assert (ended.state, ended.reason, ended.metrics) == (state.value, "So it was.", {})


def test_a_run_that_is_tried_again_has_not_ended(workspace: Workspace, run: RunPaths) -> None:
    move(workspace, run, RunState.RUNNING, attempt=1)
    move(workspace, run, RunState.QUEUED, after="crashed")
    assert TrackedRun(run.root).ended() is None


def test_a_completed_training_ends_with_its_best_checkpoint_its_notebook_and_its_model(
    workspace: Workspace, run: RunPaths
) -> None:
    best, last = run.checkpoints / "best.pt", run.checkpoints / "last.pt"
    run.checkpoints.mkdir()
    best.write_bytes(b"weights")
    last.write_bytes(b"weights")
    run.attempt(1).root.mkdir(parents=True)
    run.attempt(1).notebook.write_text("{}")
    move(workspace, run, RunState.RUNNING, attempt=1)
    complete(workspace, run, best, last, metrics={"fitness": 0.5, "odd": "NaN"})
    source = TrackedRun(run.root)
    checkpoint, notebook, model = source.last_items()
    ended = source.ended()
    assert ended is not None
    assert checkpoint == File("checkpoint", "best.pt", best, ended.at, sha256="5" * 64)
    assert notebook == File("notebook", "output.ipynb", run.attempt(1).notebook, ended.at)
    assert isinstance(model, Model)
    assert (model.name, model.sha256, model.task, model.alias) == ("digits-detect", "5" * 64, "detect", "latest")
    assert (model.metrics["fitness"], model.tags["dataset"]) == (0.5, "digits")
    assert (ended.state, ended.metrics["fitness"]) == ("completed", 0.5)
    assert math.isnan(ended.metrics["odd"])


def test_a_failed_training_leaves_its_best_checkpoint_and_no_model(workspace: Workspace, run: RunPaths) -> None:
    run.checkpoints.mkdir()
    (run.checkpoints / "best.pt").write_bytes(b"weights")
    move(workspace, run, RunState.RUNNING, attempt=1)
    assert TrackedRun(run.root).last_items() == []
    move(workspace, run, RunState.FAILED)
    assert [type(item).__name__ for item in TrackedRun(run.root).last_items()] == ["File"]


def test_an_export_ends_with_its_files_and_its_certificate(workspace: Workspace, record: Callable[..., str]) -> None:
    run = workspace.paths.run(record("export"))
    run.export.mkdir()
    files = [run.export / name for name in ("model.onnx", "certificate.json")]
    for path in files:
        path.write_bytes(b"x")
    move(workspace, run, RunState.RUNNING, attempt=1)
    complete(workspace, run, *files)
    items = TrackedRun(run.root).last_items()
    assert [(item.kind, item.name) for item in items if isinstance(item, File)] == [
        ("export", "model.onnx"),
        ("certificate", "certificate.json"),
    ]


@pytest.mark.parametrize(("weights", "registered"), [("model.onnx", True), ("model_openvino_model", False)])
def test_an_export_of_one_file_is_a_model_for_the_registry(
    workspace: Workspace, record: Callable[..., str], weights: str, registered: bool
) -> None:
    parameters = {"format": "onnx", "precision": "fp16"}
    fields = {"parameters": parameters, "dataset": DATASET, "model": MODEL, "source": "the-training"}
    run = workspace.paths.run(record("export", **fields))
    model = run.export / weights / ("" if registered else "model.xml")
    model.parent.mkdir(parents=True, exist_ok=True)
    model.write_bytes(b"x")
    (run.export / "model.json").write_text(json.dumps({"weights": weights}))
    move(workspace, run, RunState.RUNNING, attempt=1)
    complete(workspace, run, model, run.export / "model.json", metrics={"accuracy/drop": 0.1})
    models = [item for item in TrackedRun(run.root).last_items() if isinstance(item, Model)]
    told = [(each.name, each.path, each.tags["source"], each.metrics) for each in models]
    assert told == [("digits-detect-onnx-fp16", model, "the-training", {"accuracy/drop": 0.1})] * registered


def test_a_result_that_is_being_written_down_is_no_end_yet(workspace: Workspace, run: RunPaths) -> None:
    move(workspace, run, RunState.RUNNING, attempt=1)
    run.result.write_text(RunResult(run=run.root.name, attempt=1).model_dump_json())
    source = TrackedRun(run.root)
    with Lease(run.lease):
        assert (source.goes(), source.ended()) == (True, None)
    ended = source.ended()
    assert ended is not None
    assert (ended.state, source.goes()) == ("completed", False)


def test_a_damaged_spec_is_refused(run: RunPaths) -> None:
    run.spec.write_text('{"id": 1}')
    with pytest.raises(StorageError, match="is damaged"):
        TrackedRun(run.root)
