"""What a conversation of a workspace knows, and what is done when a person confirms it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.tiny import data_yaml
from workbench import storage
from workbench.config.schema import TrainingConfig
from workbench.conversations import devices as machine
from workbench.conversations import engines
from workbench.conversations.answer import Answer
from workbench.conversations.facts import RUNS, Facts
from workbench.conversations.performing import Order, carry_out
from workbench.errors import ConflictError, EngineError, RequestError, UnknownNameError, WorkbenchError
from workbench.metrics.log import EventLog
from workbench.runs.model import DatasetLock, Headline, ModelLock, RunResult, RunState
from workbench.runs.supervision.memory import MemoryLauncher
from workbench.settings import Settings
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow  # each goes through much of the house

Record = Callable[..., str]
MODEL = ModelLock(ref="yolo26n.yaml", kind="scratch", task="detect", path="yolo26n.yaml")
DATASET = DatasetLock(name="d", uri="/d", digest="x", images={"train": 4, "val": 2}, data_yaml="/d")
CONFIG = TrainingConfig(model="yolo26n.yaml", data="d", epochs=7, lr0=0.5).model_dump(mode="json")


@pytest.fixture
def facts(workspace: Workspace) -> Facts:
    return Facts(workspace)


@pytest.fixture
def completed(workspace: Workspace, record: Record) -> str:
    run = record(model=MODEL, dataset=DATASET, config=CONFIG)
    storage.put_json(workspace.paths.run(run).checkpoints / "checkpoints.json", {"epoch": 7})
    metrics: dict[str, float | str] = {"metrics/mAP50-95(B)": 0.5, "val/box_loss": "NaN"}
    headline = Headline(name="metrics/mAP50-95(B)", value=0.5)
    workspace.ledger.complete(run, RunResult(run=run, attempt=1, headline=headline, metrics=metrics), "attempt-1")
    return run


def test_a_workspace_without_anything_has_only_devices(facts: Facts) -> None:
    found = facts.read()
    assert (found.datasets, found.runs, found.run) == ((), (), None)
    assert found.devices is not None
    assert found.devices[0] == "cpu"


def test_a_dataset_is_known_by_its_task_classes_and_splits(workspace: Workspace, facts: Facts, tmp_path: Path) -> None:
    dataset = workspace.datasets.add(data_yaml(tmp_path / "tiny"), name="tiny")
    (found,) = facts.read().datasets
    assert (found.name, found.task) == ("tiny", "detect")
    assert found.classes == tuple(dataset.names.values())
    assert found.images == sum(found.splits.values()) == sum(dataset.images.values()) > 0


def test_a_completed_run_is_known_by_its_numbers_and_by_what_is_not_default(facts: Facts, completed: str) -> None:
    (run,) = facts.read().runs
    assert (run.id, run.state, run.kind) == (completed, "completed", "train")
    assert (run.epoch, run.epochs) == (7, 7)
    assert (run.headline_name, run.headline) == ("metrics/mAP50-95(B)", 0.5)
    assert run.metrics == {"metrics/mAP50-95(B)": 0.5}
    assert {name: run.config[name] for name in ("epochs", "lr0", "data")} == {"epochs": 7, "lr0": 0.5, "data": "d"}
    assert "batch" not in run.config


def test_a_run_that_goes_on_is_known_by_its_last_epoch(workspace: Workspace, facts: Facts, record: Record) -> None:
    run = record(config=CONFIG)
    events = workspace.paths.run(run).events
    for attempt, value in ((1, 0.9), (2, 0.25)):
        with EventLog(events, f"train-{attempt}") as log:
            log.append("metrics", step=attempt, scope="epoch", values={"metrics/mAP50-95(B)": value, "x": "NaN"})
            log.append("metrics", step=99, scope="batch", values={"metrics/mAP50-95(B)": 9.0})
    (found,) = facts.read().runs
    assert found.state == "queued"
    assert found.metrics == {"metrics/mAP50-95(B)": 0.25}
    assert found.headline == 0.25


def test_why_a_run_failed_is_known_and_what_it_was_resumed_with(
    workspace: Workspace, facts: Facts, record: Record
) -> None:
    run = record(config=CONFIG)
    workspace.ledger.move(run, RunState.FAILED, "attempt-1", reason="RuntimeError: odd")
    assert facts.read().runs[0].reason == "RuntimeError: odd"
    workspace.ledger.move(run, RunState.QUEUED, "resume", changes={"epochs": 30, "settings": {"lr0": 0.25}})
    workspace.ledger.move(run, RunState.FAILED, "attempt-2", reason="KeyError: odder")
    found = facts.read().runs[0]
    assert (found.reason, found.epochs) == ("KeyError: odder", 30)
    assert (found.config["epochs"], found.config["lr0"]) == (30, 0.25)


def test_a_run_whose_files_are_damaged_is_still_known_by_its_row(
    workspace: Workspace, facts: Facts, completed: str
) -> None:
    storage.put_text(workspace.paths.run(completed).spec, "{")
    (run,) = facts.read().runs
    assert (run.id, run.state, run.config) == (completed, "completed", {})


def test_only_the_newest_runs_are_talked_about(workspace: Workspace, facts: Facts, record: Record) -> None:
    workspace.projects.ensure("default")
    made = [record(kind="notebook", created_at=f"2026-01-01T00:00:{number:02}.000Z") for number in range(RUNS + 2)]
    assert [run.id for run in facts.read().runs] == list(reversed(made))[:RUNS]


def test_the_run_that_is_meant_is_of_the_session_then_training_then_going(
    workspace: Workspace, facts: Facts, record: Record
) -> None:
    def made(second: int, state: RunState | None = None, **fields: Any) -> str:
        run = record(created_at=f"2026-01-01T00:00:{second:02}.000Z", **fields)
        if state:
            workspace.ledger.move(run, state, "somebody")
        return run

    mine, _ = made(1, RunState.FAILED, session="mine"), made(2, kind="notebook", session="mine")
    goes, _ = made(3), made(4, RunState.FAILED)
    assert facts.read("mine").run == mine
    assert facts.read("nobody").run == goes


def test_devices_are_unknown_where_somebody_elses_machine_trains(workspace: Workspace) -> None:
    workspace.settings = workspace.settings.model_copy(update={"prefect_api_url": "http://elsewhere/api"})
    assert Facts(workspace).read().devices is None


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (None, ("cpu", "0", "1")),
        ("", ("cpu",)),
        ("1", ("cpu", "0")),
        ("7,8", ("cpu",)),
        ("0,7,1", ("cpu", "0")),
        ("GPU-5a", ("cpu", "0")),
        ("nonsense", ("cpu",)),
        ("0,1,2", ("cpu", "0", "1")),
        ("-1", ("cpu",)),
        ("0,-1,1", ("cpu", "0")),
    ],
)
def test_cards_are_counted_as_far_as_a_process_may_see_them(
    monkeypatch: pytest.MonkeyPatch, chosen: str | None, found: tuple[str, ...]
) -> None:
    import pynvml

    for name in ("nvmlInit", "nvmlShutdown"):
        monkeypatch.setattr(pynvml, name, lambda: None)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lambda: 2)
    monkeypatch.setattr(machine.sys, "platform", "linux")
    if chosen is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert machine.devices() == found


@pytest.mark.parametrize(
    ("choice", "key", "found"),
    [("auto", None, "rules"), ("auto", " ", "rules"), ("auto", "AIza", "gemini"), ("rules", "AIza", "rules")],
)
def test_the_engine_is_gemini_where_there_is_a_key(choice: str, key: str | None, found: str) -> None:
    settings = Settings.model_construct(google_api_key=SecretStr(key) if key else None)
    assert engines.named(choice, settings) == found


def test_gemini_without_a_key_is_refused_with_what_to_do(workspace: Workspace) -> None:
    with pytest.raises(RequestError, match="GOOGLE_API_KEY") as refused:
        workspace.chat("epochs 50", engine="gemini")
    assert "rules" in refused.value.todo
    with pytest.raises(RequestError, match="Did you mean 'gemini'"):
        workspace.conversations.open(engine="gemni")
    assert workspace.projects.sessions() == []


@pytest.mark.slow
def test_whoever_talks_without_a_key_loads_neither_googles_client_nor_torch(tmp_path: Path) -> None:
    code = (
        "import sys, workbench as wb; ws = wb.open(sys.argv[1]); early = 'workbench.conversations' in sys.modules;"
        "ws.chat('epochs 50'); heavy = {'google.genai', 'httpx2', 'torch', 'pandas', 'ultralytics'};"
        "sys.stdout.write(f'{early} {sorted(heavy & set(sys.modules))}')"
    )
    environment = {"PATH": "", "HOME": str(tmp_path), "WORKBENCH_ENGINE_HOME": str(tmp_path / "engine")}
    command = [sys.executable, "-c", code, str(tmp_path / "ws")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False []", "")


@pytest.fixture
def shapes(workspace: Workspace, tmp_path: Path) -> str:
    return workspace.datasets.add(data_yaml(tmp_path / "shapes"), name="shapes").name


def say(workspace: Workspace, text: str) -> Answer:
    return workspace.chat(text, session="one")


@pytest.fixture
def asked(workspace: Workspace, shapes: str) -> Answer:
    """A conversation that waits for somebody to confirm a training."""
    workspace.conversations.open("one").edit({"data": shapes, "epochs": 9, "device": "cpu"})
    return say(workspace, "start training")


def test_what_is_said_changes_the_config_of_its_session_and_goes_on_there(workspace: Workspace) -> None:
    first = say(workspace, "epochs 50")
    assert first.changes == {"epochs": (100, 50)}
    assert say(workspace, "imgsz 320").config.epochs == 50
    assert workspace.chat("imgsz 320", session="two").config.epochs == 100
    assert [row["name"] for row in workspace.projects.sessions()] == ["one", "two"]


def test_a_change_is_taken_back_also_when_others_came_after_it(workspace: Workspace) -> None:
    first = say(workspace, "epochs 50")
    say(workspace, "imgsz 320")
    back = first.undo()
    assert back.changes == {"epochs": (50, 100)}
    assert (back.config.epochs, back.config.imgsz) == (100, 320)


def test_nothing_starts_before_somebody_confirms(workspace: Workspace, asked: Answer, launcher: MemoryLauncher) -> None:
    assert asked.card is not None
    assert asked.card.state == "open"
    assert launcher.launches == {}
    card = asked.confirm()
    assert (card.state, len(launcher.launches)) == ("done", 1)
    spec = workspace.run(card.result["run"]).spec
    assert spec.config is not None
    assert (spec.config["epochs"], spec.session, spec.dataset.name if spec.dataset else "") == (
        9,
        "default-one",
        "shapes",
    )
    assert asked.card == card


def test_a_card_is_carried_out_once(asked: Answer, launcher: MemoryLauncher) -> None:
    asked.confirm()
    with pytest.raises(ConflictError):
        asked.confirm()
    assert len(launcher.launches) == 1


def test_a_card_of_another_config_starts_nothing(workspace: Workspace, asked: Answer, launcher: MemoryLauncher) -> None:
    workspace.conversations.open("one").edit({"epochs": 10})
    with pytest.raises(ConflictError):
        asked.confirm()
    assert launcher.launches == {}


@pytest.mark.parametrize(
    ("error", "says"),
    [(EngineError("The server is away.", "", "Start it."), "Start it."), (KeyboardInterrupt(), "Interr")],
)
def test_a_card_that_could_not_be_carried_out_says_why(
    asked: Answer, launcher: MemoryLauncher, monkeypatch: pytest.MonkeyPatch, error: BaseException, says: str
) -> None:
    def fail(*_start: object) -> str:
        raise error

    monkeypatch.setattr(launcher, "start", fail)
    with pytest.raises(type(error)):
        asked.confirm()
    assert asked.card is not None
    assert asked.card.state == "failed"
    assert says in asked.card.result["error"]
    assert says in str(asked)


def confirmed(workspace: Workspace, text: str) -> Mapping[str, Any]:
    return say(workspace, text).confirm().result


def test_a_run_is_stopped_and_resumed_and_restarted_when_that_is_confirmed(workspace: Workspace, asked: Answer) -> None:
    run = asked.confirm().result["run"]
    assert confirmed(workspace, "stop training") == {"run": run, "state": "cancelled"}
    assert confirmed(workspace, "resume training") == {"run": run, "state": "queued"}
    workspace.run(run).cancel()
    fresh = confirmed(workspace, "restart training")["run"]
    assert fresh != run
    assert workspace.run(fresh).spec.config == workspace.run(run).spec.config


def test_a_run_is_exported_under_the_session_that_asked_for_it(workspace: Workspace, completed: str) -> None:
    storage.put(workspace.paths.run(completed).checkpoints / "best.pt", b"weights")
    made = confirmed(workspace, "export to onnx")
    spec = workspace.run(made["run"]).spec
    assert (spec.kind, spec.source, spec.session) == ("export", completed, "default-one")


def test_what_cannot_be_exported_or_deployed_is_told_and_starts_nothing(
    workspace: Workspace, completed: str, launcher: MemoryLauncher
) -> None:
    order = {"project": "default", "session": "default-one"}
    for action, what in (
        ("export", {"run": completed, "formats": ["onnx", "nonsense"]}),
        ("deploy", {"run": completed, "deployment": "edge"}),
        ("deploy", {"run": completed, "deployment": "endpoint"}),
        ("stop", {}),
        ("dance", {}),
    ):
        with pytest.raises(RequestError):
            carry_out(workspace, action, Order(what, **order))
    assert launcher.launches == {}


def test_what_is_deployed_is_the_export_that_the_card_shows(
    workspace: Workspace, record: Record, completed: str
) -> None:
    """None of them holds a model, so that each says which one it is."""
    made = [record(kind="export", source=completed, parameters={"format": "onnx"}) for _ in range(3)]
    for run in made[:2]:
        workspace.ledger.complete(
            run, RunResult(run=run, attempt=1, details={"parity": {"passed": False}}), "attempt-1"
        )
    card = say(workspace, "deploy it").card
    assert card is not None
    assert (card.what["export"] in made[:2], card.what["proof"]) == (True, "unproven")
    with pytest.raises(WorkbenchError, match=str(card.what["export"])):
        carry_out(workspace, "deploy", Order(card.what, "default", "default-one"))


def test_an_answer_without_a_card_says_what_to_ask_for(workspace: Workspace) -> None:
    with pytest.raises(ConflictError, match="start"):
        say(workspace, "epochs 50").confirm()


def test_an_answer_shows_itself_and_nothing_in_it_is_markup(workspace: Workspace, tmp_path: Path) -> None:
    answer = say(workspace, "epochs 50")
    assert "epochs: 100 → 50" in str(answer)
    page = answer._repr_html_()
    assert "<div>" in page
    assert "epochs: 100 → 50" in page
    hostile = replace(answer.turn, reply="<script>alert(1)</script>\n<b>")
    page = Answer(workspace.conversations, workspace.conversations.open("one"), hostile)._repr_html_()
    assert "<script" not in page
    assert "&lt;b&gt;" in page


def test_a_notebook_shows_changes_as_a_table_and_the_calls_that_go_on(workspace: Workspace, asked: Answer) -> None:
    page = say(workspace, "epochs 50")._repr_html_()
    assert page.count("<tr>") == 2
    for text in (">epochs</td>", ">9</td>", ">50</td>", "<code>answer.undo()</code>"):
        assert text in page
    assert "answer.confirm()" not in page
    assert "<code>answer.confirm()</code>" not in asked._repr_html_()  # the config is another one now
    card = say(workspace, "시작")
    assert "<code>answer.confirm()</code> 카드의" in card._repr_html_()
    assert "color" not in page.replace("background:transparent", "")
    assert "answer.confirm()" in repr(card)
    assert "answer.confirm()" not in str(card)


def test_a_notebook_says_how_a_question_is_answered(workspace: Workspace, shapes: str) -> None:
    question = say(workspace, "start training")
    assert "<code>answer.choose(1)</code>" in question._repr_html_()
    chosen = question.choose(1)
    assert chosen.config.data == shapes
    assert chosen.undo().changes == {"data": (shapes, "")}


def test_values_in_the_table_of_a_notebook_are_no_markup(workspace: Workspace) -> None:
    answer = say(workspace, "epochs 50")
    change = replace(answer.turn.changes[0], field="data", after="<img src=x>")
    hostile = replace(answer.turn, changes=(change,), reply="")
    page = Answer(workspace.conversations, workspace.conversations.open("one"), hostile)._repr_html_()
    assert "<img" not in page
    assert "&lt;img" in page


def test_a_yes_or_a_no_in_a_call_of_its_own_is_about_the_card(workspace: Workspace, asked: Answer) -> None:
    again = say(workspace, "yes")
    assert again.card is not None
    assert (again.card.id, again.card.state) == (asked.turn.card.id if asked.turn.card else "", "open")
    assert "<code>answer.confirm()</code>" in again._repr_html_()
    assert again.to_payload()["card"]["state"] == "open"
    assert "Left alone" in str(say(workspace, "no"))
    for answer in (asked, again):
        assert answer.card is not None
        assert answer.card.state == "declined"
        with pytest.raises(ConflictError, match="declined"):
            answer.confirm()


def test_a_yes_that_shows_a_card_again_can_be_confirmed(
    workspace: Workspace, asked: Answer, launcher: MemoryLauncher
) -> None:
    assert say(workspace, "네").confirm().state == "done"
    assert len(launcher.launches) == 1


def test_what_an_answer_is_as_json_has_its_session(workspace: Workspace) -> None:
    payload = json.loads(json.dumps(say(workspace, "epochs 50").to_payload()))
    assert (payload["session"], payload["text"], payload["changes"][0]["after"]) == ("default-one", "epochs 50", 50)


def test_a_session_is_found_by_its_name_in_any_project(workspace: Workspace) -> None:
    workspace.projects.create("other")
    first = workspace.conversations.open("there", "other")
    assert workspace.conversations.open("there").path == first.path
    assert workspace.conversations.place(first) == ("other", "other-there")
    with pytest.raises(UnknownNameError):
        workspace.conversations.open("here", "nowhere")


def test_a_deleted_session_begins_anew(workspace: Workspace) -> None:
    say(workspace, "epochs 50")
    workspace.projects.delete_session("one")
    assert say(workspace, "imgsz 320").config.epochs == 100
