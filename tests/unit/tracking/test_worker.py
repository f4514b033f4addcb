"""The process of a backend, without the process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from workbench.errors import TrackerError
from workbench.tracking.base import Measured, Started
from workbench.tracking.delivery import worker
from workbench.tracking.delivery.backends import load
from workbench.tracking.delivery.worker import Server, plain
from workbench.tracking.memory import MemoryTracker

STARTED = Started(run="train-1", name="x", kind="train", project="p", session="s", at=1.0)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(worker, "load", lambda _name: MemoryTracker)
    monkeypatch.setattr(MemoryTracker, "runs", {})
    return Server("memory", tmp_path / "memory")


def test_it_answers_what_the_tracker_returns(server: Server) -> None:
    assert server.answer("open", STARTED, None) == ("done", ("train-1", None))
    assert server.answer("send", [Measured("batch", 1, {"a": 1.0}, 2.0)]) == ("done", None)
    assert server.answer("close", None) == ("done", None)
    assert MemoryTracker.runs["train-1"].points == {("batch", "a", 1): (1.0, 2.0)}


def test_nothing_is_sent_before_a_run_was_begun(server: Server) -> None:
    word, error = server.answer("send", [])
    assert (word, error.happened, error.fields["retry"]) == ("refused", "memory is not open.", True)


@pytest.mark.parametrize(
    ("raised", "fields"),
    [
        (TrackerError("No.", retry=False), {"retry": False}),
        (TrackerError("No."), {"retry": True}),
        (KeyError("surprise"), {"retry": True, "foreign": True}),
    ],
)
def test_after_an_error_the_run_must_be_begun_again(
    server: Server, monkeypatch: pytest.MonkeyPatch, raised: Exception, fields: dict[str, Any]
) -> None:
    def fail(*_args: object) -> None:
        raise raised

    server.answer("open", STARTED, None)
    with monkeypatch.context() as patch:
        patch.setattr(MemoryTracker, "send", fail)
        word, error = server.answer("send", [])
    assert (word, error.fields) == ("refused", fields)
    assert server.answer("send", [])[0] == "refused"
    assert server.answer("open", STARTED, "train-1")[0] == "done"
    assert server.answer("send", [])[0] == "done"


def test_a_run_that_was_deleted_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "load", lambda _name: MemoryTracker)
    word, error = Server("memory", tmp_path / "runs" / "gone" / "trackers" / "memory").answer("open", STARTED, None)
    assert word == "refused"
    assert "No such file" in error.happened
    assert not (tmp_path / "runs").exists()


def test_messages_lose_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0123456789abcdef")
    monkeypatch.setenv("SOME_TOKEN", "no")
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:ge/heim@host/db")
    said = plain("401 for https://me:geheim@host/api with 0123456789abcdef: no access")
    assert said == "401 for https://***@host/api with ***: no access"
    assert plain("the password 'ge/heim' is wrong at postgresql://me:ge/heim@host/db") == (
        "the password '***' is wrong at postgresql://***@host/db"
    )


def test_a_backend_that_nobody_registered_is_refused_for_good() -> None:
    with pytest.raises(TrackerError, match=r"No tracker is registered as 'mlfow'.*Did you mean 'mlflow'") as caught:
        load("mlfow")
    assert caught.value.fields["retry"] is False
