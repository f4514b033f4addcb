"""What the environment says."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench import settings
from workbench.errors import RequestError
from workbench.settings import ENGINE_MEMBER, RUN_MARK

pytestmark = pytest.mark.usefixtures("plain_environment")


def test_without_variables_everything_is_local_and_nothing_is_fed() -> None:
    found = settings.load()
    assert found.workspace() == Path.cwd() / "workspace"
    assert found.observability_backends == ()
    assert (found.database_url, found.prefect_api_url, found.workbench_weights) == (None, None, None)


def test_an_empty_variable_is_none_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORKBENCH_HOME", "DATABASE_URL", "OBSERVABILITY_BACKENDS"):
        monkeypatch.setenv(name, "")
    found = settings.load()
    assert (found.workbench_home, found.database_url, found.observability_backends) == (Path("workspace"), None, ())


def test_a_list_of_trackers_may_have_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBSERVABILITY_BACKENDS", " mlflow, wandb ,")
    assert settings.load().observability_backends == ("mlflow", "wandb")


def test_an_unknown_tracker_is_refused_with_the_closest_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBSERVABILITY_BACKENDS", "mlfow")
    with pytest.raises(RequestError, match=r"names 'mlfow'.*Did you mean 'mlflow'"):
        settings.load()


def test_a_secret_is_in_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hunter2@host/db")
    monkeypatch.setenv("GOOGLE_API_KEY", "hunter2")
    found = settings.load()
    assert "hunter2" not in f"{found!r} {found.model_dump()} {found.model_dump_json()}"


def test_a_path_given_wins_over_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "env"))
    assert settings.load().workspace() == tmp_path / "env"
    assert settings.load().workspace(tmp_path / "given") == tmp_path / "given"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert settings.load().workspace("~/ws") == tmp_path / "ws"


def test_a_child_gets_the_environment_with_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE", "1")
    monkeypatch.setenv("TWO", "2")
    found = settings.environment(ONE=None, THREE="3")
    assert "ONE" not in found
    assert (found["TWO"], found["THREE"]) == ("2", "3")


def test_what_a_runs_notebook_starts_apart_from_itself_does_not_carry_the_runs_mark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(RUN_MARK, "train-1/1")
    assert RUN_MARK not in settings.environment()
    assert settings.environment(**{RUN_MARK: "train-2/1"})[RUN_MARK] == "train-2/1"


def test_a_process_of_an_engine_knows_its_engine_and_calls_its_server_no_shared_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    assert settings.load().prefect_api_url == "http://127.0.0.1:1/api"
    monkeypatch.setenv(ENGINE_MEMBER, str(tmp_path / "engine"))
    found = settings.load()
    assert (found.prefect_api_url, found.engine.root) == (None, tmp_path / "engine")


@pytest.mark.parametrize("slots", ["0", "many"])
def test_a_number_of_slots_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, slots: str) -> None:
    monkeypatch.setenv("WORKBENCH_CPU_SLOTS", slots)
    with pytest.raises(RequestError, match="WORKBENCH_CPU_SLOTS is not valid"):
        settings.load()


def test_the_chat_asks_the_small_model_for_twenty_seconds_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = settings.load()
    assert (found.workbench_gemini_model, found.workbench_gemini_timeout_s) == ("gemini-3.5-flash-lite", 20)
    assert found.workbench_gemini_url is None
    monkeypatch.setenv("WORKBENCH_GEMINI_TIMEOUT_S", "0")
    with pytest.raises(RequestError, match="WORKBENCH_GEMINI_TIMEOUT_S"):
        settings.load()
