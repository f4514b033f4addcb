"""What a chart is told while somebody watches it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from workbench.metrics.log import EventLog
from workbench.metrics.store.points import Key
from workbench.runs.run import Run
from workbench.widgets.chart import Chart
from workbench.widgets.state import chart_feed
from workbench.widgets.state.chart import ChartModel
from workbench.widgets.state.chart_feed import Feed, News
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow  # goes through much of the house

Record = Callable[..., str]
LOSS = Key("batch", "loss")


@pytest.fixture
def run(workspace: Workspace, record: Record) -> Run:
    return Run(workspace.ledger, workspace.dispatcher, record(config={"epochs": 3}))


@pytest.fixture
def model(run: Run) -> ChartModel:
    found = ChartModel([run])
    found.wanted = found.known = frozenset({LOSS})
    return found


def write(run: Run, steps: list[int], writer: str = "train-1", **fields: Any) -> None:
    with EventLog(run.paths.events, writer) as log:
        for step in steps:
            values = {"loss": step / 10}
            log.append("metrics", **{"scope": "batch", "step": step, "epoch": 1, "values": values, **fields})


def points(news: News) -> list[tuple[float, float]]:
    data, (steps, _, values) = news.message()
    json.dumps(data, allow_nan=False)
    return list(zip(np.frombuffer(steps).tolist(), np.frombuffer(values).tolist(), strict=True))


def test_only_what_comes_from_now_on_is_told(run: Run, model: ChartModel) -> None:
    write(run, [1, 2])
    feed = Feed(model)
    assert not feed.poll()
    write(run, [3])
    assert points(feed.poll()) == [(3, 0.3)]
    assert not feed.poll()


def test_a_line_that_is_half_written_is_told_when_it_is_whole(run: Run, model: ChartModel) -> None:
    write(run, [1])
    log = run.paths.events / "train-1.jsonl"
    line = log.read_bytes().replace(b'"step":1', b'"step":2')
    with log.open("ab") as file:
        file.write(line[:20])
        file.flush()
        feed = Feed(model)
        assert not feed.poll()
        file.write(line[20:])
    assert points(feed.poll()) == [(2, 0.1)]


def test_a_later_attempt_and_its_epochs_are_told(run: Run, model: ChartModel) -> None:
    write(run, [1])
    feed = Feed(model)
    write(run, [2], writer="train-2", epoch=2)
    news = feed.poll()
    assert points(news) == [(2, 0.2)]
    assert news.epochs == {run.id: [[2, 2]]}


def test_what_nobody_looks_at_is_not_sent(run: Run, model: ChartModel) -> None:
    feed = Feed(model)
    write(run, [1], scope="epoch")
    news = feed.poll()
    assert (points(news), news.grown) == ([], True)  # but that there is a new metric is


def test_a_resumed_attempt_makes_the_chart_ask_anew(run: Run, model: ChartModel) -> None:
    feed = Feed(model)
    write(run, [5])
    with EventLog(run.paths.events, "train-2") as log:
        log.append("resumed", epoch=0)
    news = feed.poll()
    assert (news.stale, points(news)) == ({run.id}, [])


def test_states_are_told(run: Run, model: ChartModel) -> None:
    feed = Feed(model)
    with EventLog(run.paths.events, "ledger") as log:
        log.append("state", state="running")
    assert feed.poll().states == {run.id: "running"}


def test_too_much_at_once_is_asked_for_instead(run: Run, model: ChartModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chart_feed, "MOST_EVENTS", 10)
    feed = Feed(model)
    write(run, list(range(30)))
    assert feed.poll().stale == {run.id}
    assert not feed.poll()
    write(run, [31])
    assert points(feed.poll()) == [(31, 3.1)]


def test_a_run_that_is_deleted_meanwhile_is_called_so_once(run: Run, model: ChartModel) -> None:
    now = [0.0]
    feed = Feed(model, clock=lambda: now[0])
    shutil.rmtree(run.paths.root)
    now[0] = 2.0
    assert feed.poll().states == {run.id: "deleted"}
    now[0] = 4.0
    assert not feed.poll()


def test_damaged_lines_are_passed_over(run: Run, model: ChartModel) -> None:
    feed = Feed(model)
    write(run, [1], values=["no", "mapping"])
    write(run, [2], step=None)
    write(run, [3])
    assert points(feed.poll()) == [(3, 0.3)]


class Sent(Chart):
    """Keeps what it would send to a browser."""

    _esm = "export default {}"
    _css = ""

    def send(self, content: Any, buffers: Any = None) -> None:
        self.__dict__.setdefault("sent", []).append(content)

    def pushes(self) -> list[Any]:
        return [each for each in self.__dict__.get("sent", []) if each["kind"] == "push"]

    def hear(self, kind: str) -> None:
        self._handle_custom_msg({"v": 1, "id": "a:1", "kind": kind, "view": "a"}, [])


def wait_for(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 5
    while not happened():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


def test_the_logs_are_followed_only_while_somebody_watches(run: Run, model: ChartModel) -> None:
    chart = Sent(model)
    write(run, [1])
    chart.hear("hello")
    model.wanted = frozenset({LOSS})
    write(run, [2])
    wait_for(chart.pushes)
    chart.hear("bye")
    before = len(chart.pushes())
    write(run, [3])
    time.sleep(0.1)
    assert len(chart.pushes()) == before
    chart.hear("hello")  # opened again: what came meanwhile is in the answer, and the rest is told again
    write(run, [4])
    wait_for(lambda: len(chart.pushes()) > before)
    chart.close()


def test_at_most_thirty_messages_a_second_are_sent(run: Run, model: ChartModel) -> None:
    chart = Sent(model)
    chart.hear("hello")
    model.wanted = frozenset({LOSS})
    for step in range(60):
        write(run, [step])
        time.sleep(0.005)
    time.sleep(0.1)
    told = sum(series["points"] for push in chart.pushes() for series in push["data"]["series"])
    assert told == 60
    assert len(chart.pushes()) <= 20
    chart.close()


def test_what_was_asked_for_as_a_whole_is_what_is_told_live(run: Run) -> None:
    model = ChartModel([run])
    body = {"v": 1, "id": "x", "kind": "series", "scope": "batch", "points": 100}
    model.answer({**body, "names": ["loss"]})
    model.answer({**body, "names": ["other"], "steps": {run.id: [1, 2]}})  # a detail in view changes nothing
    feed = Feed(model)
    write(run, [1])
    assert points(feed.poll()) == [(1, 0.1)]
