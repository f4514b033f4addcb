from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from workbench.deployments.model import RECORD_NAME, Endpoint, alive, list_endpoints, read_record, write_record
from workbench.errors import StorageError, UnknownNameError


@pytest.fixture
def endpoint(tmp_path: Path) -> Endpoint:
    me = psutil.Process()
    folder = tmp_path / "eye"
    folder.mkdir()
    started = "2026-01-01T00:00:00+00:00"
    return Endpoint("eye", "http://127.0.0.1:1", me.pid, 1, started, me.create_time(), "/export", str(folder))


def test_a_record_is_read_as_it_was_written(endpoint: Endpoint) -> None:
    write_record(endpoint)
    assert read_record(Path(endpoint.folder)) == endpoint
    assert endpoint.predict_url == "http://127.0.0.1:1/v1/models/eye/predict"


def test_a_record_follows_its_folder(endpoint: Endpoint, tmp_path: Path) -> None:
    write_record(endpoint)
    moved = Path(endpoint.folder).rename(tmp_path / "moved")
    assert read_record(moved).log == moved / "endpoint.log"


def test_alive_asks_for_the_same_process_and_not_only_the_pid(endpoint: Endpoint) -> None:
    assert alive(endpoint)
    assert not alive(replace(endpoint, process_started=endpoint.process_started + 5))
    assert not alive(replace(endpoint, pid=2**22 + 1))


def test_deployments_are_listed_by_name(endpoint: Endpoint, tmp_path: Path) -> None:
    assert list_endpoints(tmp_path / "missing") == []
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        write_record(replace(endpoint, name=name, folder=str(tmp_path / name)))
    assert [found.name for found in list_endpoints(tmp_path)] == ["a", "b"]


def test_an_unknown_deployment_is_refused_with_the_closest_name(endpoint: Endpoint, tmp_path: Path) -> None:
    write_record(endpoint)
    with pytest.raises(UnknownNameError, match="Did you mean 'eye'"):
        read_record(tmp_path / "eyes")


@pytest.mark.parametrize("change", [{"version": 2}, {"port": None, "surprise": 1}])
def test_a_record_of_another_form_is_refused(endpoint: Endpoint, change: dict[str, object]) -> None:
    path = write_record(endpoint)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(StorageError, match=RECORD_NAME):
        read_record(Path(endpoint.folder))


@pytest.mark.parametrize("text", ["", "[]", "null", "{}"])
def test_a_damaged_record_is_refused(endpoint: Endpoint, text: str) -> None:
    write_record(endpoint).write_text(text)
    with pytest.raises(StorageError):
        read_record(Path(endpoint.folder))
