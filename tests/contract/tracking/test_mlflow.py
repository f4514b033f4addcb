"""MLflow keeps the trackers' contract: a real server, read back through its own client."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.contract.tracking.read_mlflow import readback
from tests.contract.tracking.servers import WandbServer, free_port, mlflow_server
from tests.contract.tracking.suite import (
    AT,
    MODEL,
    STARTED,
    Backend,
    TrackerContract,
    rows,
    sha256,
)
from workbench.errors import TrackerError
from workbench.tracking.base import File, Measured, Model, Started
from workbench.tracking.mlflow import ENVIRONMENT, MlflowTracker

pytestmark = pytest.mark.slow
LARGEST = 1.7976931348623157e308


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as address:
        yield address


@pytest.fixture
def backend(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Backend:
    # A project of its own for each test: one run of the contract's id in each.
    monkeypatch.setattr("tests.contract.tracking.suite.STARTED", replace(STARTED, project=f"digits-{tmp_path.name}"))
    variables = {"MLFLOW_TRACKING_URI": server, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", **ENVIRONMENT}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Backend(
        MlflowTracker,
        lambda remote, folder: readback(server, remote),
        tmp_path / "private",
        target="workbench.tracking.mlflow:MlflowTracker",
        variables=variables,
        states={"crashed": "failed"},
        non_finite=lambda value: value if math.isnan(value) else math.copysign(LARGEST, value),
    )


class TestMlflow(TrackerContract):
    """All of the contract."""


def test_a_deleted_project_and_a_deleted_run_are_restored(backend: Backend, server: str) -> None:
    """What is sent late still has its place."""
    tracker = MlflowTracker(backend.folder)
    remote = tracker.open(started(backend), None)
    client = MlflowClient(server, server)
    client.delete_run(remote)
    client.delete_experiment(client.get_run(remote).info.experiment_id)
    again = MlflowTracker(backend.folder)
    assert again.open(started(backend), None) == remote
    again.send(rows("batch", 1, 3))
    run = client.get_run(remote)
    assert run.info.lifecycle_stage == "active"
    assert client.get_experiment(run.info.experiment_id).lifecycle_stage == "active"


def test_a_setting_that_changes_keeps_its_first_value_and_tells_the_new_one(backend: Backend, server: str) -> None:
    """MLflow refuses another value for a parameter; a resumed run may have one, e.g. of `device`."""
    first = replace(started(backend), config={"device": "0", "epochs": 3})
    remote = MlflowTracker(backend.folder).open(first, None)
    MlflowTracker(backend.folder).open(replace(first, config={"device": "cpu", "epochs": 3}, attempt=2), remote)
    data = MlflowClient(server, server).get_run(remote).data
    assert data.params == {"device": "0", "epochs": "3"}
    assert data.tags["workbench.changed.device"] == "cpu"
    assert "workbench.changed.epochs" not in data.tags


def test_a_setting_may_be_longer_than_mlflow_takes(backend: Backend, server: str) -> None:
    """The parameter is cut, and the whole is in the artifact `run.json`."""
    remote = MlflowTracker(backend.folder).open(replace(started(backend), config={"names": ["x" * 9000]}), None)
    client = MlflowClient(server, server)
    assert len(client.get_run(remote).data.params["names"]) == 6000
    assert "x" * 9000 in Path(client.download_artifacts(remote, "run.json")).read_text(encoding="utf-8")


def test_more_points_than_one_request_takes_arrive(backend: Backend, server: str) -> None:
    """MLflow refuses more than 1000 in one."""
    names = [f"{place:04}" + "\ud55c" * 246 for place in range(1200)]
    tracker = MlflowTracker(backend.folder)
    remote = tracker.open(started(backend), None)
    tracker.send([Measured("batch", 1, dict.fromkeys(names, 0.5), AT, serial=1)])
    assert len(MlflowClient(server, server).get_run(remote).data.metrics) == 1200


def test_bytes_that_are_newer_than_the_record_are_not_sent_as_those_that_were_meant(
    backend: Backend, checkpoint: Path
) -> None:
    """A later record tells of them."""
    remote = backend.run(File("checkpoint", "best.pt", checkpoint, AT, sha256="0" * 64), started=started(backend))
    assert dict(remote.files) == {}
    assert remote.config["missing.checkpoint/best.pt"] == "changed"


def test_an_alias_moves_to_the_newest_model(backend: Backend, server: str, tmp_path: Path) -> None:
    """One version has it at a time."""
    name = f"{MODEL}-{tmp_path.name}"
    tracker = MlflowTracker(backend.folder)
    tracker.open(started(backend), None)
    for data in (b"first", b"second"):
        path = tmp_path / f"{data.decode()}.pt"
        path.write_bytes(data)
        tracker.send([Model(name, path, sha256(data), "detect", AT, alias="champion")])
    found = MlflowClient(server, server).get_model_version_by_alias(name, "champion")
    assert found.tags["workbench.sha256"] == sha256(b"second")


def test_the_dataset_is_listed_beside_the_run_once(backend: Backend, server: str) -> None:
    """However often the run is opened."""
    remote = MlflowTracker(backend.folder).open(started(backend), None)
    MlflowTracker(backend.folder).open(started(backend), remote)
    inputs = MlflowClient(server, server).get_run(remote).inputs.dataset_inputs
    assert [(found.dataset.name, found.dataset.digest) for found in inputs] == [("digits", "d" * 36)]


def test_people_are_shown_the_page_of_the_run(backend: Backend, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address opens in a browser, and has no password in it."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.replace("://", "://me:secret@"))
    tracker = MlflowTracker(backend.folder)
    assert tracker.url is None
    remote = tracker.open(started(backend), None)
    assert tracker.url is not None
    assert tracker.url.startswith(f"{server}/#/experiments/")
    assert tracker.url.endswith(f"/runs/{remote}")


@pytest.fixture
def bad(monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    server = WandbServer()
    variables = {"MLFLOW_TRACKING_URI": server.address, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    for name, value in {**ENVIRONMENT, **variables, "MLFLOW_HTTP_REQUEST_TIMEOUT": "1"}.items():
        monkeypatch.setenv(name, value)
    yield server
    server.close()


@pytest.mark.parametrize(
    ("mode", "retry"),
    [("error", True), ("garbage", True), ("wrong", False), ("hang", True), ("refuse", False), ("missing", False)],
)
def test_a_bad_server_is_an_error_in_bounded_time(bad: WandbServer, tmp_path: Path, mode: str, retry: bool) -> None:
    """And it says whether trying again may help."""
    bad.mode = mode
    before = time.monotonic()
    for remote in (None, "a" * 32):
        with pytest.raises(TrackerError, match="MLflow at 'http") as caught:
            MlflowTracker(tmp_path).open(STARTED, remote)
        assert caught.value.fields["retry"] is retry
    assert time.monotonic() - before < 6


def test_nobody_at_the_address_is_worth_another_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server may be about to start."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TrackerError) as caught:
        MlflowTracker(tmp_path).open(STARTED, None)
    assert caught.value.fields["retry"] is True


@pytest.mark.parametrize("address", ["", "file:///tmp/mlruns", "mlruns", "localhost:5000"])
def test_an_address_that_is_none_is_named_and_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """Nothing is begun, and no folder `mlruns` appears."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(TrackerError, match="MLFLOW_TRACKING_URI") as caught:
        MlflowTracker(tmp_path)
    assert caught.value.fields["retry"] is False


def started(backend: Backend) -> Started:
    """Return the contract's run in a project of the test's own."""
    return replace(STARTED, project=f"digits-{backend.folder.parent.name}")
