"""What a board tells of one run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.boards import HEADLINE, Yard
from workbench.runs.model import RunState
from workbench.widgets.state.board_detail import BoardDetail, tail
from workbench.widgets.state.messages import Sent
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow  # goes through much of the house

NAMES = ("고양이", "<b>dog</b>")


@pytest.fixture
def yard(tmp_path: Path, workspace: Workspace) -> Iterator[Yard]:
    made = Yard(tmp_path, workspace)
    yield made
    made.close()


@pytest.fixture
def state(workspace: Workspace) -> BoardDetail:
    return BoardDetail(workspace)


def send(state: BoardDetail, kind: str, **body: Any) -> Sent:
    sent = state.answer({"v": 1, "id": "1", "view": "v", "kind": kind, **body})
    json.dumps(sent.content, allow_nan=False)
    return sent


def ask(state: BoardDetail, kind: str, **body: Any) -> Any:
    content = send(state, kind, **body).content
    return content if content["kind"] == "error" else content["data"]


def arrays(sent: Sent, dtype: type[np.floating[Any]] = np.float64) -> list[Any]:
    return [np.frombuffer(buffer, dtype) for buffer in sent.buffers]


@pytest.fixture
def trained(yard: Yard) -> str:
    run = yard.record("it")
    yard.begin(run)
    yard.measure(run, range(1, 6))
    yard.notebook(run)
    yard.evidence(run, NAMES)
    yard.machine(run)
    yard.end(run, RunState.COMPLETED)
    return run


def test_each_attempt_is_told_with_its_notebook_and_how_it_ended(yard: Yard, state: BoardDetail) -> None:
    run = yard.record()
    for attempt in (1, 2):
        yard.begin(run, attempt)
        yard.notebook(run, attempt)
        after = {"after": "crash", "reason": "It broke."} if attempt == 1 else {"reason": "Enough."}
        yard.workspace.ledger.move(
            run, RunState.QUEUED if attempt == 1 else RunState.FAILED, f"attempt-{attempt}", **after
        )
    last, first = ask(state, "open", run=run)["attempts"]
    assert (first["attempt"], first["state"], first["reason"]) == (1, "retried", "It broke.")
    assert (last["attempt"], last["state"], last["reason"]) == (2, "failed", "Enough.")
    assert first["notebook"] == str(yard.paths(run).attempt(1).notebook)
    assert "log" not in first


def test_settings_say_whether_they_were_set_and_what_a_resume_changed(yard: Yard, state: BoardDetail) -> None:
    run = yard.record(settings={"imgsz": 320})
    yard.begin(run)
    yard.end(run, RunState.FAILED)
    yard.workspace.ledger.move(run, RunState.QUEUED, "resume", changes={"epochs": 50, "settings": {"patience": 7}})
    found = {one["name"]: one for one in ask(state, "open", run=run)["config"]}
    assert found["imgsz"] == {"name": "imgsz", "value": 320, "origin": "set"}
    assert found["epochs"] == {"name": "epochs", "value": 50, "origin": "changed", "before": 20}
    assert (found["patience"]["origin"], found["lr0"]["origin"]) == ("changed", "default")


def test_two_runs_differ_in_what_was_set_otherwise(yard: Yard, state: BoardDetail) -> None:
    one, other = yard.record("one", settings={"imgsz": 320}), yard.record("other")
    sent = send(state, "differences", run=one, other=other)
    assert sent.content["data"]["settings"] == {"imgsz": [320, 640]}
    assert sent.content["python"] == f'ws.history.differences(["{one}", "{other}"])'
    assert [run["name"] for run in sent.content["data"]["runs"]] == ["one", "other"]
    assert [peer["id"] for peer in ask(state, "peers", run=one, text="OTHER")] == [other]


def test_exports_of_a_run_are_told(yard: Yard, state: BoardDetail, trained: str) -> None:
    export = yard.record(kind="export", source=trained)
    assert [(made["id"], made["state"]) for made in ask(state, "open", run=trained)["made"]] == [(export, "queued")]


def test_series_travel_as_steps_and_values(state: BoardDetail, trained: str) -> None:
    sent = send(state, "series", run=trained)
    told, found = sent.content["data"], arrays(sent)
    place = [one["name"] for one in told["series"]].index("train/box_loss")
    assert told["scope"] == "epoch"
    assert found[2 * place].tolist() == [1, 2, 3, 4, 5]
    assert found[2 * place + 1].tolist() == [2 / epoch for epoch in range(1, 6)]
    machine = ask(state, "series", run=trained, of="system")
    assert [one["name"] for one in machine["series"]] == ["cpu_percent", "memory_gb"]


def test_a_run_without_anything_answers_everything_with_nothing(yard: Yard, state: BoardDetail) -> None:
    run = yard.record()
    assert ask(state, "series", run=run)["series"] == []
    assert ask(state, "series", run=run, of="system")["series"] == []
    assert ask(state, "matrix", run=run) == {"names": None}
    assert ask(state, "lines", run=run) == {"curves": []}
    assert ask(state, "pictures", run=run)["pictures"] == []
    assert ask(state, "log", run=run)["lines"] is None
    assert ask(state, "open", run=run)["attempts"] == []


def test_the_confusion_matrix_travels_row_by_row_with_its_names(state: BoardDetail, trained: str) -> None:
    sent = send(state, "matrix", run=trained)
    data, (cells,) = sent.content["data"], arrays(sent)
    assert (data["names"], data["background"], data["side"]) == (list(NAMES), True, 3)
    assert cells.reshape(3, 3).trace() >= 60


def test_curves_are_thinned_and_keep_their_ends(state: BoardDetail, trained: str) -> None:
    sent = send(state, "lines", run=trained)
    curve, (x, ys, *_) = sent.content["data"]["curves"][0], arrays(sent, np.float32)  # type: ignore[arg-type]
    assert (curve["name"], curve["count"], curve["points"]) == ("Precision-Recall(B)", 2, 200)
    assert (x[0], x[-1], len(ys)) == (0, 1, 400)


def test_pictures_are_sent_small_and_only_those_that_the_run_kept(yard: Yard, state: BoardDetail, trained: str) -> None:
    listed = ask(state, "pictures", run=trained)["pictures"]
    assert [one["name"] for one in listed] == ["val batch 2", "val batch 1", "val batch 0"]
    sent = send(state, "picture", run=trained, path=listed[0]["path"], side=32)
    assert Image.open(BytesIO(sent.buffers[0])).size == (32, 24)
    assert (sent.content["data"]["width"], sent.content["data"]["height"]) == (64, 48)
    assert ask(state, "picture", run=trained, path="run.json")["kind"] == "error"
    (yard.paths(trained).root / listed[1]["path"]).write_bytes(b"none")
    assert "cannot be shown" in ask(state, "picture", run=trained, path=listed[1]["path"])["data"]["happened"]


def test_a_log_ends_as_a_terminal_would_show_it(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"\x1b[31mred\x1b[0m\n 10%\r 50%\r100%\r\n\xff\x00 torn\n\n")
    assert tail(path) == (["red", "100%", "\ufffd torn"], False)
    path.write_bytes(b"".join(b"line %d\n" % number for number in range(50_000)))
    lines, cut = tail(path)
    assert (len(lines), lines[-1], cut) == (400, "line 49999", True)


def test_an_open_run_tells_which_of_its_files_grew(yard: Yard, state: BoardDetail) -> None:
    run = yard.record()
    yard.begin(run, alive=True)
    ask(state, "open", run=run)
    assert [topic for topic, _ in state.tick() if topic == "touched"] == []
    yard.measure(run, range(1, 3))
    assert dict(state.tick())["touched"] == {"run": run, "parts": ["log", "metrics"]}
    ask(state, "close", run=run)
    yard.measure(run, range(3, 4))
    assert "touched" not in dict(state.tick())


def test_the_headline_of_a_run_that_goes_on_is_the_last_one_so_far(yard: Yard, state: BoardDetail) -> None:
    run = yard.record()
    yard.begin(run, alive=True)
    yard.measure(run, range(1, 3), lambda epoch: epoch / 10)
    assert ask(state, "open", run=run)["run"]["headline"] == {
        "name": HEADLINE,
        "value": 0.2,
        "final": False,
        "nan": False,
    }
