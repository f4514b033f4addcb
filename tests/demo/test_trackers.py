"""One real training with all trackers on: each holds what the run measured, read back in its own way."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.contract.tracking import read_clearml, read_mlflow, read_wandb
from tests.contract.tracking.read_database import rows_of
from tests.contract.tracking.servers import mlflow_server
from tests.contract.tracking.suite import Remote
from tests.trained import TRACKERS, Trained
from workbench.runs.run import Run

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning:clearml|pyparsing")]
ALL = ("clearml", "database", "mlflow", "wandb")


@dataclass(frozen=True)
class Told:
    """What the trackers were told of the training.

    Attributes:
        run: the run.
        server: the address of MLflow.
        live: points by backend, as they were told while the training went on.
        status: an entry of `workbench trackers status` by backend, after `sync`.
    """

    run: Run
    server: str
    live: dict[str, int]
    status: dict[str, dict[str, object]]

    def read(self, backend: str) -> Remote:
        """Read the run back from a backend."""
        remote, folder = str(self.status[backend]["remote"]), self.run.paths.trackers / backend
        readers: dict[str, Callable[[], Remote]] = {
            "clearml": lambda: read_clearml.offline(remote, folder),
            "database": lambda: rows_of(self.run._ledger.database, remote),
            "mlflow": lambda: read_mlflow.readback(self.server, remote),
            "wandb": lambda: read_wandb.remote_of(read_wandb.kept(folder)),
        }
        return readers[backend]()

    def final(self, backend: str) -> dict[str, float]:
        """Read the final metrics back from a backend."""
        if backend == "clearml":
            session = self.run.paths.trackers / backend / str(self.status[backend]["remote"])
            return read_clearml.singles_of(read_clearml.jsonl(session / "metrics.jsonl"))
        series = self.read(backend).series
        return {name: points[-1][1] for (scope, name), points in series.items() if scope == "final"}


@pytest.fixture(scope="module")
def told(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Tell MLflow too, which was not there while the training went on, and what the others were not told yet."""
    run = trained.open().run(trained.report["run"])
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as server:
        variables = {**trained.variables, **TRACKERS, "MLFLOW_TRACKING_URI": server}
        variables["OBSERVABILITY_BACKENDS"] = ",".join(ALL)
        told = Trained(trained.report, trained.workspace, variables, [], [])
        live = json.loads(told.command("trackers", "status", run.id, "--json").stdout)["trackers"]
        done = told.command("trackers", "sync", run.id, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        status = json.loads(told.command("trackers", "status", run.id, "--json").stdout)["trackers"]
        points = {entry["backend"]: entry["points"] for entry in live}
        yield Told(run, server, points, {entry["backend"]: entry for entry in status})


def test_three_were_told_every_row_while_the_training_went_on(told: Told) -> None:
    """Before anybody called `sync`."""
    assert set(told.live) == {"clearml", "database", "wandb"}
    assert all(points >= 7 * 25 * 5 for points in told.live.values()), told.live


def test_all_are_told_everything(told: Told) -> None:
    assert {name: entry["state"] for name, entry in told.status.items()} == dict.fromkeys(ALL, "complete")
    assert {entry["behind"] for entry in told.status.values()} == {0}


@pytest.mark.parametrize("backend", ALL)
def test_each_holds_the_final_metrics_of_the_run(told: Told, backend: str) -> None:
    found = told.final(backend)
    assert set(found) == set(told.run.result.metrics)
    exact = 1e-6 if backend == "clearml" else 0.0  # its values have 32 bits
    for name, value in told.run.result.metrics.items():
        assert math.isclose(found[name], float(value), rel_tol=exact, abs_tol=0.0), name
    assert told.run.result.metrics["metrics/mAP50(B)"] > 0.4  # equal zeros would prove nothing


@pytest.mark.parametrize("backend", ALL)
def test_each_holds_every_point_once_with_its_step_and_time(told: Told, backend: str) -> None:
    ours = told.run.history.table(["train/box_loss"], "batch")
    expected = list(zip(*(ours[name].to_pylist() for name in ("step", "value", "at")), strict=True))
    assert len(expected) == 7 * 25
    found = sorted(told.read(backend).series["batch", "train/box_loss"])
    assert [step for step, _, _ in found] == [step for step, _, _ in expected]
    for (_, value, at), (_, true, true_at) in zip(found, expected, strict=True):
        assert math.isclose(value, true, rel_tol=1e-6)
        assert abs(at - true_at) <= 0.0011


@pytest.mark.parametrize("backend", ALL)
def test_each_knows_how_it_ended_and_has_the_model_and_the_notebook(told: Told, backend: str) -> None:
    found = told.read(backend)
    assert found.state == "completed"
    best = next(artifact for artifact in told.run.result.artifacts if artifact.path.endswith("best.pt"))
    assert [model.sha256 for model in found.models] == [best.sha256]
    kinds = {kind for kind, _ in found.files}
    assert {"checkpoint", "notebook", "confusion_matrix", "curve"} <= kinds
    assert told.run.result.notebook_sha256 in found.files.values()
    assert found.config["epochs"] == "7"
