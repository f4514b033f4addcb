"""What an export wizard answers, and what it notices."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.boards import Yard
from workbench import storage
from workbench.errors import EngineError
from workbench.exports.abilities import Ability
from workbench.exports.export import Export
from workbench.exports.formats import table
from workbench.metrics.writer import Writer
from workbench.runs.model import RunState
from workbench.widgets.state import exporting
from workbench.widgets.state.exporting_proof import ExportingProof
from workbench.widgets.state.messages import plain
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow  # goes through much of the house


class Environment:
    name, ready = "litert", False


def able(_home: Path) -> list[Ability]:
    """Return a machine that has all for ONNX, and none of the packages for LiteRT."""
    found = {
        "onnx": ("make and prove", "All it needs is here.", None, 0),
        "litert": ("make and prove", "It needs packages.", Environment(), 834),
        "coreml": ("make", "It cannot be run off macOS.", None, 0),
        "engine": ("refused", "There is no GPU.", None, 0),
    }
    rows: Any = [Ability(table()[name], *rest) for name, rest in found.items()]  # type: ignore[arg-type]
    return list(rows)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "abilities", able)


@pytest.fixture
def yard(tmp_path: Path, workspace: Workspace) -> Yard:
    return Yard(tmp_path, workspace)


@pytest.fixture
def state(workspace: Workspace) -> ExportingProof:
    return ExportingProof(workspace)


@pytest.fixture
def trained(yard: Yard) -> str:
    run = yard.record("digits")
    yard.begin(run)
    yard.end(run, RunState.COMPLETED)
    return run


Made = Callable[..., str]


@pytest.fixture
def made(yard: Yard, trained: str) -> Made:
    """Make an export run that stands somewhere, with a certificate when there are rows for one."""

    def make(
        state: RunState = RunState.COMPLETED, rows: dict[str, str] | None = None, reason: str = "", **more: Any
    ) -> str:
        parameters = {"format": "onnx", "precision": "fp32", "imgsz": None}
        run = yard.record(kind="export", source=trained)
        spec = yard.paths(run).spec
        told = json.loads(spec.read_text(encoding="utf-8")) | {"config": None, "parameters": parameters}
        storage.put_json(spec, told)
        if state is not RunState.QUEUED:
            yard.begin(run)
        if rows is not None:
            prove(yard.paths(run).export, rows, **more)
        if state.ended:
            yard.end(run, state, reason)
        return run

    return make


def prove(folder: Path, rows: dict[str, str], **more: Any) -> None:
    checks = [{"name": name, "verdict": verdict, "found": "x", "wanted": "y"} for name, verdict in rows.items()]
    latency = {"p50_ms": 1.5, "p95_ms": 2.0, "per_s": 600.0, "threads": 1, "processor": "cpu"}
    told = {"version": 3, "passed": "fail" not in rows.values(), "checks": checks, "latency": latency}
    folder.mkdir(parents=True, exist_ok=True)
    storage.put_json(folder / "certificate.json", {**told, "size_bytes": 1234, "images": 32, **more})


def ask(state: ExportingProof, kind: str, **body: Any) -> Any:
    """Return what is answered, which strict JSON must be able to say."""
    content = state.answer({"v": 1, "id": "1", "view": "v", "kind": kind, **body}).content
    json.dumps(content, allow_nan=False)
    return content if content["kind"] == "error" else content["data"]


def news(state: ExportingProof) -> dict[str, Any]:
    found = dict(state.tick())
    json.dumps(plain(found), allow_nan=False)
    return found


def outcomes(state: ExportingProof) -> list[Any]:
    """Return what came of all that was started."""
    for thread in threading.enumerate():
        if thread.name.startswith("export "):
            thread.join(10)
    return [data for topic, data in state.tick() if topic == "begun"]


def test_it_begins_with_the_runs_that_are_done_and_what_each_format_needs(
    yard: Yard, state: ExportingProof, trained: str
) -> None:
    yard.record("still waiting")
    hello = ask(state, "hello")
    assert [run["id"] for run in hello["runs"]] == [trained]
    assert hello["runs"][0]["headline"]["value"] == 0.7715
    formats = {each["name"]: each for each in hello["formats"]}
    assert (formats["litert"]["needs_mb"], formats["litert"]["ready"], formats["litert"]["family"]) == (
        834,
        False,
        "litert",
    )
    assert (formats["engine"]["can"], formats["engine"]["reason"]) == ("refused", "There is no GPU.")
    assert formats["onnx"]["served"]
    assert "accuracy" in hello["acceptable"]


def test_a_plan_says_what_would_be_made_and_what_has_to_be_fetched(state: ExportingProof, trained: str) -> None:
    answer = state.answer(
        {"v": 1, "id": "1", "view": "v", "kind": "plan", "run": trained, "chosen": {"litert": "int8", "engine": "fp32"}}
    ).content
    words = [(each["words"], each["problem"] and each["problem"]["happened"]) for each in answer["data"]["planned"]]
    assert words[0] == ("LiteRT INT8", None)
    assert words[1][1]
    assert answer["data"]["asks"] == {"mb": 834, "families": ["litert"]}
    assert answer["python"] == f'ws.export("{trained}", "litert:int8")'


def test_packages_are_fetched_only_when_somebody_agreed(
    state: ExportingProof, trained: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def begin(_run: str, planned: list[Any], *, fresh: bool) -> int:
        asked.append((planned, fresh))
        return len(planned)

    monkeypatch.setattr(state.starts, "begin", begin)
    answer = ask(state, "start", run=trained, chosen={"litert": "fp32"})
    assert answer == {"begun": 0, "asks": {"mb": 834, "families": ["litert"]}}
    assert asked == []
    assert ask(state, "start", run=trained, chosen={"litert": "fp32"}, agreed=True) == {"begun": 1, "asks": None}
    assert len(asked) == 1


def test_an_export_is_started_and_told(
    yard: Yard, state: ExportingProof, made: Made, trained: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    export, wanted = made(RunState.QUEUED), []

    def start(source: str, request: Any, *, fresh: bool) -> Export:
        wanted.append((source, str(request), fresh))
        return Export(state.workspace.run(export))

    monkeypatch.setattr(state.workspace, "export", start)
    ask(state, "exports", run=trained)
    told = ask(state, "start", run=trained, chosen={"onnx": "fp16"}, options={"fresh": True})
    assert told == {"begun": 1, "asks": None}
    (outcome,) = outcomes(state)
    assert outcome == {"run": trained, "words": "ONNX FP16", "made": export, "reused": False, "error": None}
    assert wanted == [(trained, "ONNX FP16", True)]
    assert state.starts.waiting == []


def test_an_export_that_cannot_be_started_says_why_and_does_not_end_the_others(
    state: ExportingProof, trained: str, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = made(RunState.QUEUED)

    def start(_source: str, request: Any, *, fresh: bool) -> Export:
        if request.format == "onnx":
            raise EngineError("The engine does not start.", "A free port.", "`workbench doctor`.")
        if request.format == "coreml":
            raise ValueError("odd")
        return Export(state.workspace.run(export), reused=not fresh)

    monkeypatch.setattr(state.workspace, "export", start)
    ask(state, "start", run=trained, chosen={"onnx": "fp32", "coreml": "fp32", "litert": "fp32"}, agreed=True)
    found = outcomes(state)
    assert found[0]["error"]["todo"] == "`workbench doctor`."
    assert found[1]["error"]["happened"] == "ValueError: odd"
    assert (found[2]["made"], found[2]["reused"]) == (export, True)


def test_what_is_being_started_already_is_not_started_twice(
    state: ExportingProof, trained: str, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    export, gate, calls = made(RunState.QUEUED), threading.Event(), []

    def start(*_: Any, **__: Any) -> Export:
        calls.append(1)
        gate.wait(10)
        return Export(state.workspace.run(export))

    monkeypatch.setattr(state.workspace, "export", start)
    assert ask(state, "start", run=trained, chosen={"onnx": "fp32"})["begun"] == 1
    assert ask(state, "start", run=trained, chosen={"onnx": "fp32"})["begun"] == 0
    listed = ask(state, "exports", run=trained)
    assert [each["words"] for each in listed["starting"]] == ["ONNX FP32"]
    assert state.pause_s() == exporting.GOING_S
    gate.set()
    assert len(outcomes(state)) == 1
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"chosen": {}}, "No format was chosen."),
        ({"chosen": {"engine": "fp32"}}, "There is no GPU."),
        ({"chosen": {"onnx": "fp7"}}, "precision 'fp7'"),
        ({"chosen": {"onnx": "fp32"}, "options": {"imgsz": "big"}}, "image size big"),
        ({"chosen": {"onnx": "fp32"}, "run": "train-nowhere"}, "no run 'train-nowhere'"),
        ({"chosen": {"onnx": "fp32"}, "surprise": 1}, "surprise"),
    ],
)
def test_what_cannot_be_made_is_refused_before_any_work(
    state: ExportingProof, trained: str, body: dict[str, Any], told: str
) -> None:
    answer = ask(state, "start", **{"run": trained, **body})
    assert answer["kind"] == "error"
    assert told in answer["data"]["happened"]


ANSWERING = {"file": "pass", "raw output": "pass", "detections": "pass", "images": "pass"}


@pytest.mark.parametrize(
    ("rows", "more", "told"),
    [
        (ANSWERING, {}, "yes"),
        ({**ANSWERING, "detections": "fail"}, {}, "no"),
        ({**ANSWERING, "class names": "fail"}, {}, "no"),
        ({**ANSWERING, "detections": "fail"}, {"accepted": ["detections"], "passed": True}, "accepted"),
        ({**ANSWERING, "images": "fail"}, {}, "unproven"),
        ({**ANSWERING, "images": "fail"}, {"accepted": ["images"], "passed": True}, "yes"),
        ({"file": "pass", "raw output": "unverified", "detections": "unverified"}, {}, "unverified"),
    ],
)
def test_a_certificate_is_told_as_one_verdict(
    state: ExportingProof, made: Made, trained: str, rows: dict[str, str], more: dict[str, Any], told: str
) -> None:
    export = made(rows=rows, **more)
    (row,) = ask(state, "exports", run=trained)["exports"]
    assert (row["verdict"], row["words"], row["p50_ms"], row["bytes"]) == (told, "ONNX FP32", 1.5, 1234)
    assert ask(state, "certificate", export=export)["proof"]["verdict"] == told


def test_an_export_that_failed_because_of_its_certificate_shows_it(state: ExportingProof, made: Made) -> None:
    export = made(RunState.FAILED, {**ANSWERING, "detections": "fail"}, reason="The export is not like its checkpoint.")
    found = ask(state, "certificate", export=export)
    assert (found["state"], found["proof"]["verdict"], found["bundle"]) == ("failed", "no", False)
    rows = {row["name"]: (row["about"], row["verdict"]) for row in found["proof"]["checks"]}
    assert rows["detections"] == ("answers", "fail")
    assert (rows["file"][0], rows["images"][0]) == ("file", "images")


def test_an_export_on_its_way_tells_what_it_said_and_how_far_its_environment_is(
    yard: Yard, made: Made, trained: str
) -> None:
    state = ExportingProof(yard.workspace, readonly=True)  # else the run, which nobody works on, would be settled
    export = made(RunState.RUNNING)
    ask(state, "exports", run=trained)
    with Writer(yard.paths(export).events, "export-1") as log:
        log.append("log", level="info", message="Making the environment for litert: about 834 MB.")
    beat = {"phase": "environment", "epoch": 42, "batch": 0, "at": 1.0, "monotonic": 1.0, "longest_s": 0.1}
    beat |= {"polls": False, "pid": 1, "ticks": 0, "boot": "another", "host": "here"}
    storage.put_json(yard.paths(export).attempt(1).heartbeat, beat)
    told = news(state)["exports"]
    (row,) = told["exports"]
    assert (told["of"], row["state"], row["going"], row["share"]) == (trained, "running", True, 0.42)
    assert row["said"] == "Making the environment for litert: about 834 MB."
    assert [each["text"] for each in ask(state, "log", export=export)] == [row["said"]]
    assert "exports" not in news(state)


def test_the_end_of_an_export_is_noticed(yard: Yard, made: Made, trained: str) -> None:
    state = ExportingProof(yard.workspace, readonly=True)
    export = made(RunState.RUNNING)
    assert ask(state, "exports", run=trained)["exports"][0]["verdict"] is None
    prove(yard.paths(export).export, ANSWERING)
    yard.end(export, RunState.COMPLETED)
    assert news(state)["exports"]["exports"][0]["verdict"] == "yes"
    assert "exports" not in news(state)


def test_a_training_that_is_done_meanwhile_can_be_chosen(yard: Yard, state: ExportingProof, trained: str) -> None:
    ask(state, "hello")
    assert "runs" not in news(state)
    run = yard.record("later")
    yard.begin(run)
    yard.end(run, RunState.COMPLETED)
    assert [each["id"] for each in news(state)["runs"]] == [run, trained]


def test_exports_of_all_runs_are_listed_too(yard: Yard, state: ExportingProof, made: Made, trained: str) -> None:
    export, other = made(rows=ANSWERING), yard.record(kind="export", source="elsewhere")
    assert [row["id"] for row in ask(state, "exports", run="")["exports"]] == [other, export]
    assert [row["id"] for row in ask(state, "exports", run=trained)["exports"]] == [export]


def test_an_export_is_cancelled_by_hand(state: ExportingProof, made: Made, trained: str) -> None:
    export = made(RunState.QUEUED)
    answer = state.answer({"v": 1, "id": "1", "view": "v", "kind": "cancel", "export": export}).content
    assert (answer["kind"], answer["python"]) == ("ok", f'ws.run("{export}").cancel()')
    assert state.workspace.ledger.state(export) is RunState.CANCELLED
    assert ask(state, "cancel", export=export)["kind"] == "error"
    assert "is no export" in ask(state, "cancel", export=trained)["data"]["happened"]


def test_pictures_that_the_certificate_names_are_sent_and_no_others(
    yard: Yard, state: ExportingProof, made: Made
) -> None:
    pictures = [{"path": "pictures/one.png", "caption": "two boxes more"}, "../../run.json"]
    export = made(rows=ANSWERING, pictures=pictures)
    folder = yard.paths(export).export
    (folder / "pictures").mkdir()
    Image.new("RGB", (64, 48), "red").save(folder / "pictures" / "one.png")
    assert ask(state, "certificate", export=export)["proof"]["pictures"][0]["caption"] == "two boxes more"
    sent = state.answer({"v": 1, "id": "1", "kind": "picture", "export": export, "path": "pictures/one.png"})
    assert bytes(sent.buffers[0])[:3] == b"\xff\xd8\xff"
    for path in ("../../run.json", "pictures/two.png"):
        assert "no picture" in ask(state, "picture", export=export, path=path)["data"]["happened"]


def test_the_page_and_the_bundle_come_as_bytes(yard: Yard, state: ExportingProof, made: Made) -> None:
    export = made(rows=ANSWERING)
    (yard.paths(export).export / "certificate.html").write_bytes(b"<h1>yes</h1>")
    assert ask(state, "certificate", export=export)["page"]
    page = state.answer({"v": 1, "id": "1", "kind": "page", "export": export})
    assert (page.content["data"]["name"], page.buffers[0]) == (f"{export}.html", b"<h1>yes</h1>")
    bundle = state.answer({"v": 1, "id": "1", "kind": "bundle", "export": export})
    assert (bundle.content["data"]["name"], bytes(bundle.buffers[0])[:2]) == (f"{export}.zip", b"PK")


def test_a_file_that_is_too_large_for_a_browser_says_where_it_lies(
    yard: Yard, state: ExportingProof, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = made(rows=ANSWERING)
    (yard.paths(export).export / "certificate.html").write_bytes(b"x" * 100)
    monkeypatch.setattr("workbench.widgets.state.exporting_proof.MOST_BYTES", 99)
    answer = ask(state, "page", export=export)
    assert answer["kind"] == "error"
    assert "folder" in answer["data"]["todo"]


def test_a_damaged_certificate_is_told_and_hides_no_other_export(
    yard: Yard, state: ExportingProof, made: Made, trained: str
) -> None:
    good, torn = made(rows=ANSWERING), made(rows=ANSWERING)
    (yard.paths(torn).export / "certificate.json").write_text("{", encoding="utf-8")
    rows = ask(state, "exports", run=trained)["exports"]
    assert [(row["id"], row["verdict"]) for row in rows] == [(torn, None), (good, "yes")]
    assert ask(state, "certificate", export=torn)["kind"] == "error"


def test_a_read_only_wizard_shows_and_does_nothing(workspace: Workspace, made: Made, trained: str) -> None:
    state = ExportingProof(workspace, readonly=True)
    export = made(RunState.QUEUED)
    assert ask(state, "exports", run=trained)["exports"][0]["id"] == export
    for kind, body in (("start", {"run": trained, "chosen": {"onnx": "fp32"}}), ("cancel", {"export": export})):
        assert ask(state, kind, **body)["data"]["todo"] == "This widget only shows."
