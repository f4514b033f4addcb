"""ClearML keeps the trackers' contract: on a server that speaks its wire, and in files that clearml itself imports."""

from __future__ import annotations

import importlib
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.contract.tracking.clearml_server import ClearmlServer
from tests.contract.tracking.read_clearml import (
    offline,
    online,
)
from tests.contract.tracking.servers import free_port
from tests.contract.tracking.stage import FAST, Stage, stage
from tests.contract.tracking.suite import (
    AT,
    MODEL,
    ODD_NAMES,
    STARTED,
    Backend,
    TrackerContract,
    rows,
    steps,
)
from workbench.errors import TrackerError
from workbench.settings import environment
from workbench.tracking.base import Ended, File, Measured, Model, Text
from workbench.tracking.clearml import server as rest
from workbench.tracking.clearml.tracker import ClearmlTracker, records

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning:clearml|pyparsing")]
__all__ = ["stage"]
PATIENT = replace(FAST, open_s=60.0, send_s=30.0, close_s=30.0, finish_s=120.0)  # importing clearml takes seconds
TARGET = "workbench.tracking.clearml.tracker:ClearmlTracker"
IMPORT = "import sys; from clearml import Task; print(Task.import_offline_session(sys.argv[1]))"


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the configuration of whoever runs the tests away."""
    for name in ("API_HOST", "WEB_HOST", "FILES_HOST", "API_ACCESS_KEY", "API_SECRET_KEY", "OFFLINE_MODE"):
        monkeypatch.delenv(f"CLEARML_{name}", raising=False)
    monkeypatch.setenv("CLEARML_CONFIG_FILE", str(tmp_path / "clearml.conf"))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ClearmlServer]:
    with ClearmlServer() as running:
        for name, value in running.variables.items():
            monkeypatch.setenv(name, value)
        yield running


class TestOnAServer(TrackerContract):
    """The contract, on a server that keeps what the real one keeps."""

    @pytest.fixture
    def backend(self, server: ClearmlServer, tmp_path: Path) -> Backend:
        return Backend(
            ClearmlTracker,
            lambda remote, _: online(server, remote),
            tmp_path / "private",
            target=TARGET,
            variables=server.variables,
            states={"crashed": "failed"},
            non_finite=lambda _: None,
        )


class TestInFiles(TrackerContract):
    """The contract, without a server."""

    @pytest.fixture
    def backend(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Backend:
        monkeypatch.setenv("CLEARML_OFFLINE_MODE", "1")
        return Backend(
            ClearmlTracker,
            offline,
            tmp_path / "private",
            target=TARGET,
            variables={"CLEARML_OFFLINE_MODE": "1"},
            states={"crashed": "failed"},
            non_finite=lambda _: None,
        )


def ran(folder: Path, *items: Any, started: Any = STARTED) -> str:
    """Send a completed run, and return what ClearML calls it."""
    tracker = ClearmlTracker(folder)
    remote = tracker.open(started, None)
    tracker.send(items)
    tracker.close(Ended("completed", AT + 100, metrics={"metrics/mAP50(B)": 0.5}))
    return remote


class TestASession:
    """What is written without a server."""

    def test_clearml_itself_imports_it_to_a_server(
        self, server: ClearmlServer, tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its own function sends our files; then the server holds what a run with a connection leaves there."""
        plot = tmp_path / "PR curve.png"
        plot.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
        items = [*rows("batch", 1, 30), Measured("epoch", 1, dict.fromkeys(ODD_NAMES, 1.0), AT + 5, epoch=1)]
        items += [Text("remark", "Halved.", 3, AT + 3), File("plot", "PR curve.png", plot, AT + 6, step=3)]
        items += [File("checkpoint", "best.pt", checkpoint, AT + 31), Model(MODEL, checkpoint, "", "detect", AT + 90)]
        monkeypatch.setenv("CLEARML_OFFLINE_MODE", "1")
        session = ran(tmp_path / "private", *items)
        held = offline(session, tmp_path / "private")
        command = [sys.executable, "-c", IMPORT, str(tmp_path / "private" / session)]
        variables = {**server.variables, "HOME": str(tmp_path), "CLEARML_OFFLINE_MODE": None}
        subprocess.run(command, env=environment(**variables), check=True, timeout=120, capture_output=True)
        (task,) = [task for task in server.tasks.values() if "run:" + STARTED.run in task["tags"]]
        assert online(server, task["id"]) == held
        assert (task["name"], server.projects[task["project"]]["name"]) == ("first try", "digits")

    def test_a_text_that_is_told_again_stands_in_it_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CLEARML_OFFLINE_MODE", "1")
        text = Text("remark", "One line\u2028that a reader may take for two.", 3, AT)
        session = ran(tmp_path, text)
        assert ran(tmp_path, text) == session
        assert offline(session, tmp_path).texts == {"remark": [(3, text.text)]}

    def test_a_line_that_a_killed_process_left_unfinished_is_taken_away(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CLEARML_OFFLINE_MODE", "1")
        session = ran(tmp_path, *rows("batch", 1, 3))
        with (tmp_path / session / "metrics.jsonl").open("a") as file:
            file.write('[{"type": "training_stats_sc')
        assert ran(tmp_path, *rows("batch", 4, 3)) == session
        assert steps(offline(session, tmp_path)) == [1, 2, 3, 4, 5, 6]


@dataclass(frozen=True)
class Bad:
    """A server that is none, and whether trying again may help."""

    fault: str
    retry: bool
    says: str


class TestABadServer:
    """What a person gets to read, and how soon."""

    @pytest.mark.parametrize(
        "bad",
        [
            Bad("500", retry=True, says="answered 500"),
            Bad("503", retry=True, says="maintenance"),
            Bad("404", retry=True, says="answered 404"),
            Bad("garbage", retry=True, says="not ClearML"),
            Bad("hang", retry=True, says="did not answer"),
            Bad("401", retry=False, says="refused auth.login with 401"),
        ],
        ids=lambda bad: bad.fault,
    )
    def test_it_is_told_in_three_beats_and_in_bounded_time(
        self, bad: Bad, server: ClearmlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rest, "_TIMEOUT", 0.3)
        server.fault = bad.fault
        tracker = ClearmlTracker(tmp_path)
        begin = time.monotonic()
        with pytest.raises(TrackerError, match=bad.says) as caught:
            tracker.open(STARTED, None)
        assert time.monotonic() - begin < 2
        assert caught.value.fields["retry"] is bad.retry
        assert caught.value.expected
        assert caught.value.todo

    def test_one_that_is_not_there_is_tried_again(
        self, server: ClearmlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CLEARML_API_HOST", f"http://127.0.0.1:{free_port()}")
        with pytest.raises(TrackerError, match="did not answer: ConnectError") as caught:
            ClearmlTracker(tmp_path).open(STARTED, None)
        assert caught.value.fields["retry"] is True

    def test_a_missing_key_is_named_and_not_tried_again(
        self, server: ClearmlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("CLEARML_API_SECRET_KEY")
        with pytest.raises(TrackerError, match="CLEARML_API_SECRET_KEY is not set") as caught:
            ClearmlTracker(tmp_path)
        assert caught.value.fields["retry"] is False

    def test_a_wrong_key_is_not_tried_again(
        self, server: ClearmlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CLEARML_API_SECRET_KEY", "wrong")
        with pytest.raises(TrackerError, match="invalid credentials") as caught:
            ClearmlTracker(tmp_path).open(STARTED, None)
        assert caught.value.fields["retry"] is False
        assert "wrong" not in f"{caught.value.to_payload()}"

    def test_a_configuration_that_cannot_be_read_is_named(self, tmp_path: Path) -> None:
        """In a process of its own: clearml reads its configuration once."""
        (tmp_path / "clearml.conf").write_text('api { credentials {"access_key" = \n')
        code = "import sys; from workbench.tracking.clearml.tracker import ClearmlTracker; ClearmlTracker(sys.argv[1])"
        command = [sys.executable, "-c", code, str(tmp_path)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        assert "clearml.conf cannot be read: Failed parsing" in done.stderr
        assert "`clearml-init`" in done.stderr

    def test_a_server_whose_file_server_cannot_be_told_is_not_tried(
        self, server: ClearmlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("FILES", "WEB"):
            monkeypatch.delenv(f"CLEARML_{name}_HOST")
        with pytest.raises(TrackerError, match="CLEARML_FILES_HOST is not set") as caught:
            ClearmlTracker(tmp_path)
        assert caught.value.fields["retry"] is False

    def test_a_token_that_ran_out_is_replaced(self, server: ClearmlServer, tmp_path: Path) -> None:
        tracker = ClearmlTracker(tmp_path)
        remote = tracker.open(STARTED, None)
        server.tokens.clear()
        tracker.send(rows("batch", 1, 3))
        assert steps(online(server, remote)) == [1, 2, 3]


class TestATask:
    """What a task on a server looks like."""

    def test_a_lost_answer_makes_no_second_task(self, server: ClearmlServer, tmp_path: Path) -> None:
        server.lose = {"tasks.create"}
        with pytest.raises(TrackerError, match="did not answer") as caught:
            ClearmlTracker(tmp_path).open(STARTED, None)
        assert caught.value.fields["retry"] is True
        assert ClearmlTracker(tmp_path).open(STARTED, None) in server.tasks
        assert len(server.tasks) == 1

    def test_a_lost_answer_to_events_makes_none_twice(self, server: ClearmlServer, tmp_path: Path) -> None:
        """The same events come again under the same ids; lines of the log, which have none, are looked up."""
        items = [*rows("batch", 1, 20), Text("remark", "Halved.", 3, AT + 3), Text("remark", "Again.", 3, AT + 3)]
        tracker = ClearmlTracker(tmp_path)
        remote = tracker.open(STARTED, None)
        server.lose = {"events.add_batch"}
        with pytest.raises(TrackerError):
            tracker.send(items)
        tracker.send(items)
        tracker.send(items)
        assert server.calls.count("events.add_batch") == 4
        assert steps(online(server, remote)) == list(range(1, 21))
        assert (online(server, remote).texts or {})["remark"] == [(3, "Halved."), (3, "Again.")]

    def test_each_request_is_one_that_clearmls_own_client_could_make(
        self, server: ClearmlServer, tmp_path: Path, checkpoint: Path
    ) -> None:
        """Its classes for requests know the fields, and hold them to the schema of the API."""
        items = [*rows("batch", 1, 2), Text("remark", "Halved.", 3, AT), File("checkpoint", "best.pt", checkpoint, AT)]
        ran(tmp_path, *items, Model(MODEL, checkpoint, "", "detect", AT, tags={"dataset": "digits"}))
        ran(tmp_path, Model(MODEL, checkpoint, "", "detect", AT))
        del server.asked["events.add_batch"]  # lines of JSON, no request of the API's
        assert {endpoint.partition(".")[0] for endpoint in server.asked} == {"projects", "tasks", "events", "models"}
        for endpoint, fields in server.asked.items():
            service, _, action = endpoint.partition(".")
            known = importlib.import_module(f"clearml.backend_api.services.v2_20.{service}")
            request = getattr(known, "".join(word.title() for word in action.split("_")) + "Request")
            request(**fields).validate()

    def test_what_a_person_added_to_it_stays_when_the_run_goes_on(self, server: ClearmlServer, tmp_path: Path) -> None:
        remote = ran(tmp_path)
        server.tasks[remote]["tags"].append("favourite")
        server.tasks[remote]["comment"] = "Look at epoch 3."
        ClearmlTracker(tmp_path).open(replace(STARTED, attempt=2), remote)
        assert "favourite" in server.tasks[remote]["tags"]
        assert server.tasks[remote]["comment"] == "Look at epoch 3."
        assert server.tasks[remote]["status"] == "in_progress"

    def test_one_that_is_published_is_left_alone(self, server: ClearmlServer, tmp_path: Path) -> None:
        remote = ran(tmp_path)
        server.tasks[remote]["status"] = "published"
        with pytest.raises(TrackerError, match="published") as caught:
            ClearmlTracker(tmp_path).open(STARTED, remote)
        assert caught.value.fields["retry"] is False

    def test_final_metrics_are_single_values_and_system_metrics_no_iterations(
        self, server: ClearmlServer, tmp_path: Path
    ) -> None:
        system = Measured("system", 3600, {"gpu0/use_percent": 50.0, "memory_bytes": 3e9}, AT + 9, serial=4)
        remote = ran(tmp_path, *rows("epoch", 1, 3), system)
        (single,) = [event for event in server.of(remote, "training_stats_scalar") if event["metric"] == "Summary"]
        assert (single["variant"], single["value"], single["iter"]) == ("metrics/mAP50(B)", 0.5, -(2**31))
        assert server.tasks[remote]["last_iteration"] == 3

    def test_a_number_that_it_cannot_hold_is_told_once_in_its_log(self, server: ClearmlServer, tmp_path: Path) -> None:
        items = [
            Measured("batch", step, {"loss": float("nan"), "big": 1e39}, AT + step, serial=step) for step in (1, 2)
        ]
        remote = ran(tmp_path, *items, *rows("batch", 3, 1))
        told = [line["msg"].partition(";")[0] for line in server.of(remote, "log")]
        assert told == ["loss (batch) is nan at step 1", "big (batch) is 1e+39 at step 1"]

    def test_a_newer_model_takes_the_alias_and_none_is_published(
        self, server: ClearmlServer, tmp_path: Path, checkpoint: Path
    ) -> None:
        model = Model(
            MODEL, checkpoint, "", "detect", AT, metrics={"metrics/mAP50(B)": 0.5}, tags={"dataset": "digits"}
        )
        first = ran(tmp_path / "first", model)
        second = ran(tmp_path / "second", model, started=replace(STARTED, run="train-2"))
        (old,), (new,) = online(server, first).models, online(server, second).models
        assert (old.alias, new.alias) == ("", "latest")
        assert {made["ready"] for made in server.models.values()} == {False}
        assert {made["metadata"]["metrics/mAP50(B)"] for made in server.models.values()} == {"0.5"}

    def test_a_file_that_changed_meanwhile_is_not_sent_as_the_one_that_was_meant(
        self, server: ClearmlServer, tmp_path: Path, checkpoint: Path
    ) -> None:
        remote = ran(tmp_path, File("checkpoint", "last.pt", checkpoint, AT, sha256="0" * 64))
        assert dict(online(server, remote).files) == {}

    def test_files_may_go_to_a_storage_that_is_no_file_server(
        self, server: ClearmlServer, tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CLEARML_FILES_HOST", (tmp_path / "storage").as_uri())
        remote = ran(tmp_path / "private", File("checkpoint", "best.pt", checkpoint, AT))
        (artifact,) = server.tasks[remote]["execution"]["artifacts"]
        assert Path(artifact["uri"].removeprefix("file://")).read_bytes() == checkpoint.read_bytes()
        assert (artifact["key"], artifact["content_size"]) == ("checkpoint/best.pt", 1600)

    def test_ten_thousand_points_go_in_five_requests(self, server: ClearmlServer, tmp_path: Path) -> None:
        tracker = ClearmlTracker(tmp_path)
        remote = tracker.open(STARTED, None)
        names = [f"m/{place}" for place in range(10)]
        tracker.send([Measured("batch", step, dict.fromkeys(names, 0.5), AT + step) for step in range(1000)])
        assert server.calls.count("events.add_batch") == 5
        assert len(server.of(remote, "training_stats_scalar")) == 10_000
        assert tracker.url == f"{server.url}/projects/{server.tasks[remote]['project']}/tasks/{remote}/output/log"


def test_a_run_arrives_through_a_process_of_its_own(server: ClearmlServer, stage: Stage) -> None:
    """From the log to the task: what it is, what was measured, what it was named, and how it ended."""
    stage.begin()
    stage.log(30)
    stage.end()
    stage.forward("clearml", limits=PATIENT).join(120)
    delivery = stage.delivery("clearml")
    assert delivery.error is None
    assert delivery.remote is not None
    held = online(server, delivery.remote)
    assert (held.state, held.config["run.id"]) == ("completed", stage.run_id)
    assert sorted(point[:2] for point in held.series["batch", "loss"]) == [(step, step / 2) for step in range(1, 31)]
    assert (delivery.url or "").endswith(f"/tasks/{delivery.remote}/output/log")


@pytest.mark.parametrize(
    ("scope", "name", "expected"),
    [
        ("epoch", "metrics/mAP50(B)", ("metrics", "mAP50(B)")),
        ("epoch", "a/b/c", ("a", "b/c")),
        ("epoch", "fitness", ("fitness", "fitness")),
        ("batch", "train/box_loss", ("train (batch)", "box_loss")),
        ("batch", "loss", ("loss (batch)", "loss")),
        ("epoch", "loss (batch)", ("loss (batch) (epoch)", "loss (batch)")),
        ("system", "gpu0/use_percent", (":monitor:gpu", "gpu0/use_percent")),
        ("system", "disk_free_bytes", (":monitor:machine", "disk_free_bytes")),
    ],
)
def test_a_metric_is_a_title_and_a_series(scope: str, name: str, expected: tuple[str, str]) -> None:
    assert records.metric(scope, name) == expected
    assert records.named_by(*expected) == (scope, name)


def test_no_two_metrics_are_one_to_clearml() -> None:
    names = ("a", "a/a", "a/a/a", "a/", "/a", "a (epoch)", "a (epoch)/a", "a/a (epoch)", ":monitor:gpu/a", "Summary/a")
    pairs = [(scope, name) for scope in ("epoch", "batch", "system", "my (own)", "x/y") for name in names]
    assert len({records.metric(*pair) for pair in pairs}) == len(pairs)
    plain: Mapping[tuple[str, str], tuple[str, str]] = {
        pair: records.named_by(*records.metric(*pair)) for pair in pairs if pair[0] in ("epoch", "batch", "system")
    }
    assert {pair: back for pair, back in plain.items() if pair != back} == {}
