"""What a conversation of a workspace survives: odd runs, logs that vanish, interruptions, sessions that are deleted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import data_yaml
from workbench.chat.context import EndpointFact, ExportFact
from workbench.conversations import measured, performing
from workbench.conversations.answer import Answer
from workbench.conversations.facts import Facts
from workbench.conversations.measured import LastEpochs
from workbench.deployments.model import RECORD_NAME, Endpoint, write_record
from workbench.errors import UnknownNameError
from workbench.metrics.log import EventLog
from workbench.paths import RunPaths
from workbench.runs.model import RunResult
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow  # goes through much of the house

Record = Callable[..., str]


@pytest.mark.parametrize("settings", ["fast", 5, None, ["lr0"], {"lr0": 0.5}])
def test_a_run_with_a_parameter_named_settings_is_a_run(workspace: Workspace, record: Record, settings: Any) -> None:
    workspace.projects.ensure("default")
    record(kind="notebook", parameters={"settings": settings})
    (run,) = Facts(workspace).read().runs
    assert run.config == ({"lr0": 0.5} if isinstance(settings, dict) else {})


def test_formats_and_deployments_are_those_that_are_made_here(workspace: Workspace) -> None:
    found = Facts(workspace).read()
    assert {"onnx", "torchscript", "engine", "coreml", "litert", "openvino"} <= set(found.formats)
    assert (found.formats[0], found.deployments) == ("onnx", ("endpoint",))


def test_a_damaged_dataset_is_left_out_and_named_once(workspace: Workspace, tmp_path: Path) -> None:
    for name in ("good", "odd"):
        workspace.datasets.add(data_yaml(tmp_path / name), name=name)
    workspace.paths.dataset("odd").spec.write_text("{")
    found = Facts(workspace).read()
    assert ([dataset.name for dataset in found.datasets], found.damaged) == (["good"], ("odd",))
    assert "odd" in workspace.chat("epochs 5", session="one", engine="rules").reply
    assert "odd" not in workspace.chat("epochs 6", session="one", engine="rules").reply


def test_what_was_found_in_a_dataset_is_known(workspace: Workspace, tmp_path: Path) -> None:
    dataset = workspace.datasets.add(data_yaml(tmp_path / "tiny"), name="tiny")
    (found,) = Facts(workspace).read().datasets
    assert found.problems == tuple(dict.fromkeys((*dataset.blocking.values(), *dataset.problems)))
    assert found.blocking == bool(dataset.blocking)


def test_exports_are_known_with_their_proof_and_deployments_with_what_they_serve(
    workspace: Workspace, record: Record
) -> None:
    assert (Facts(workspace).read().exports, Facts(workspace).read().endpoints) == ((), ())
    source = record()
    made = record(kind="export", source=source, parameters={"format": "onnx"})
    assert Facts(workspace).read().exports == (ExportFact(made, source, "onnx", "queued"),)
    result = RunResult(run=made, attempt=1, details={"parity": {"passed": False}, "bytes": 1, "format": "onnx"})
    workspace.ledger.complete(made, result, "attempt-1")
    facts = Facts(workspace)
    for _ in range(2):
        assert facts.read().exports == (ExportFact(made, source, "onnx", "completed", proven=False),)
    served = workspace.paths.run(made).export
    endpoint = Endpoint("web", "http://127.0.0.1:1", 2**22 + 1, 1, "", 0.0, str(served), "")
    for name in ("web", "odd"):
        folder = workspace.paths.deployments / name
        folder.mkdir(parents=True)
        write_record(replace(endpoint, name=name, folder=str(folder)))
    (workspace.paths.deployments / "odd" / RECORD_NAME).write_text("{")
    assert Facts(workspace).read().endpoints == (EndpointFact("web", made, "http://127.0.0.1:1", running=False),)


class TestLastEpochs:
    @pytest.fixture
    def run(self, workspace: Workspace, record: Record) -> RunPaths:
        paths = workspace.paths.run(record())
        paths.events.mkdir(parents=True, exist_ok=True)
        return paths

    def test_what_was_read_is_not_read_again_and_what_came_since_is(
        self, run: RunPaths, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        epochs = LastEpochs()
        with EventLog(run.events, "train-1") as log:
            for number in (1, 2):
                log.append("metrics", step=number, scope="epoch", values={"m": float(number)})
            log.append("metrics", step=1, scope="batch", values={"m": 9.0})
            assert epochs.of(run) == {"m": 2.0}
            monkeypatch.setattr(measured, "_LOOKED_BACK", 1)  # nothing before is seen any more
            assert epochs.of(run) == {"m": 2.0}
            log.append("metrics", step=2, scope="batch", values={"m": 9.0})
            assert epochs.of(run) == {"m": 2.0}

    def test_a_line_that_is_half_written_counts_when_it_is_whole(self, run: RunPaths) -> None:
        log, epochs = run.events / "train-1.jsonl", LastEpochs()
        line = b'{"at":"x","kind":"metrics","step":1,"scope":"epoch","values":{"m":0.5}}\n'
        log.write_bytes(line[:-9])
        assert epochs.of(run) == {}
        log.write_bytes(line)
        assert epochs.of(run) == {"m": 0.5}
        log.write_bytes(line[:5])
        assert epochs.of(run) == {}

    def test_a_log_that_cannot_be_read_has_measured_nothing(self, run: RunPaths) -> None:
        (run.events / "train-1.jsonl").symlink_to(run.events / "gone")
        assert LastEpochs().of(run) == {}

    def test_a_long_log_without_an_epoch_is_read_once(self, run: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
        line = b'{"at":"x","kind":"metrics","step":1,"scope":"batch","values":{"train/box_loss":1.0}}\n'
        (run.events / "train-1.jsonl").write_bytes(line * 40_000)
        epochs = LastEpochs()
        assert epochs.of(run) == {}
        with monkeypatch.context() as patched:
            patched.setattr(Path, "open", lambda *_: pytest.fail("it was read again"))
            assert epochs.of(run) == {}


@pytest.fixture
def asked(workspace: Workspace, tmp_path: Path) -> Answer:
    """A conversation that waits for somebody to confirm a training."""
    name = workspace.datasets.add(data_yaml(tmp_path / "shapes"), name="shapes").name
    workspace.conversations.open("one").edit({"data": name, "device": "cpu"})
    return workspace.chat("start training", session="one")


def test_a_card_that_was_interrupted_names_the_run_that_it_had_begun(
    workspace: Workspace, asked: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(performing, "_came_of", interrupt)
    with pytest.raises(KeyboardInterrupt):
        asked.confirm()
    (run,) = workspace.runs()
    assert asked.card is not None
    assert (asked.card.state, asked.card.result) == ("done", {"run": run.id, "state": "queued"})
    assert run.id in asked.outcome()


def test_nothing_that_is_said_outlives_a_session_that_was_deleted_before(workspace: Workspace) -> None:
    chat = workspace.conversations.open("one")
    workspace.projects.delete_session("one")
    with pytest.raises(UnknownNameError):
        workspace.conversations.say("epochs 77", chat)
    assert list(workspace.paths.projects.rglob("*.conversation.jsonl")) == []
    assert workspace.chat("epochs 5", session="one").changes == {"epochs": (100, 5)}
