from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from workbench.deployments.endpoint import predict, start_endpoint, stop_endpoint
from workbench.deployments.model import Endpoint, alive, list_endpoints, read_record
from workbench.errors import ConflictError, EndpointError, ModelError, RequestError
from workbench.serving.spec import SPEC_NAME, WEIGHTS_NAME
from workbench.settings import ENGINE_MEMBER, RUN_MARK

pytestmark = pytest.mark.slow

Start = Callable[..., Endpoint]


@pytest.fixture
def start(model_folder: Path, tmp_path: Path) -> Iterator[Start]:
    started: list[Endpoint] = []

    def run(name: str = "eye", **options: object) -> Endpoint:
        endpoint = start_endpoint(model_folder, tmp_path / "deployments" / name, **options)
        started.append(endpoint)
        return endpoint

    yield run
    for endpoint in started:
        stop_endpoint(endpoint)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.jpg"
    cv2.imwrite(str(path), np.full((64, 64, 3), 90, dtype=np.uint8))
    return path


def test_an_endpoint_that_a_run_deployed_belongs_to_neither_the_run_nor_the_engine(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    for mark in (ENGINE_MEMBER, RUN_MARK):
        monkeypatch.setenv(mark, "theirs")
    assert not {ENGINE_MEMBER, RUN_MARK} & psutil.Process(start().pid).environ().keys()


def test_an_endpoint_answers_is_on_record_and_stops(start: Start, image: Path, tmp_path: Path) -> None:
    endpoint = start()
    (result,) = predict(endpoint.url, image)["images"][0]["results"]
    assert (result["name"], result["confidence"]) == ("thing", 0.75)
    assert result["box"] == {"x1": 16.0, "y1": 16.0, "x2": 48.0, "y2": 48.0}
    assert predict(endpoint.url, image, conf=0.8)["images"][0]["results"] == []
    assert list_endpoints(tmp_path / "deployments") == [endpoint]
    assert alive(endpoint)
    assert os.getpgid(endpoint.pid) == endpoint.pid
    assert stop_endpoint(endpoint)
    assert not alive(endpoint)
    assert not psutil.pid_exists(endpoint.pid)
    assert not stop_endpoint(endpoint)
    assert read_record(tmp_path / "deployments" / "eye") == endpoint


def test_an_endpoint_outlives_its_starter_and_another_process_stops_it(model_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "deployments" / "eye"
    code = (
        "import sys; from pathlib import Path; from workbench.deployments.endpoint import start_endpoint; "
        "start_endpoint(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    subprocess.run([sys.executable, "-c", code, str(model_folder), str(folder)], check=True, timeout=60)
    endpoint = read_record(folder)
    assert alive(endpoint)
    assert stop_endpoint(endpoint)
    assert not alive(endpoint)


def test_a_running_deployment_is_not_started_again_and_a_stopped_one_is(start: Start) -> None:
    first = start()
    with pytest.raises(ConflictError, match="runs already"):
        start()
    stop_endpoint(first)
    assert start().pid != first.pid


def test_a_port_in_use_is_refused_and_nothing_is_left(start: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConflictError, match="Address already in use"):
        start(port=taken.getsockname()[1])
    assert not (tmp_path / "deployments" / "eye" / "deployment.json").exists()


def test_a_chosen_port_is_taken(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert start(port=port).url == f"http://127.0.0.1:{port}"


def test_an_endpoint_that_dies_says_its_last_words(start: Start, model_folder: Path, tmp_path: Path) -> None:
    (model_folder / WEIGHTS_NAME).write_bytes(b"damaged")
    with pytest.raises(EndpointError, match=r"ended with status 2[\s\S]*sha256"):
        start()
    assert not (tmp_path / "deployments" / "eye" / "deployment.json").exists()


def test_an_endpoint_that_is_not_ready_in_time_is_killed(start: Start) -> None:
    before = set(psutil.Process().children())
    with pytest.raises(EndpointError, match=r"not ready after 0\.01 s"):
        start(timeout_s=0.01)
    assert set(psutil.Process().children()) <= before


def test_a_folder_without_an_export_is_refused_before_anything_starts(start: Start, model_folder: Path) -> None:
    (model_folder / SPEC_NAME).unlink()
    with pytest.raises(ModelError):
        start()


def test_a_recycled_pid_is_never_killed(start: Start) -> None:
    endpoint = start()
    stranger = replace(endpoint, process_started=endpoint.process_started - 60)
    assert not alive(stranger)
    assert not stop_endpoint(stranger)
    assert alive(endpoint)


def test_an_endpoint_that_ignores_sigterm_is_killed(start: Start) -> None:
    endpoint = start()
    os.kill(endpoint.pid, signal.SIGSTOP)
    started = time.monotonic()
    assert stop_endpoint(endpoint, grace_s=0.3)
    assert time.monotonic() - started < 5
    assert not alive(endpoint)


def test_what_the_endpoint_refuses_is_raised_in_its_words(start: Start, tmp_path: Path) -> None:
    endpoint = start()
    (tmp_path / "text.jpg").write_text("hello")
    with pytest.raises(RequestError, match="5 bytes are not an image") as caught:
        predict(endpoint.url, tmp_path / "text.jpg")
    assert caught.value.fields["status"] == 415
    with pytest.raises(RequestError, match="No model is served as 'nose'"):
        predict(endpoint.url, tmp_path / "text.jpg", model="nose")
    with pytest.raises(RequestError, match="cannot be read"):
        predict(endpoint.url, tmp_path / "missing.jpg")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nonsense", "http://[", ""])
def test_an_address_without_an_endpoint_is_said_to_not_answer(image: Path, url: str) -> None:
    with pytest.raises(EndpointError, match="does not answer"):
        predict(url, image)
