"""The server as a process: what it prints, writes and exits with, and that it travels alone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

import workbench
from workbench.serving.__main__ import cores, main
from workbench.serving.spec import SPEC_NAME

pytestmark = pytest.mark.slow

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(model_folder: Path, tmp_path: Path) -> Iterator[Start]:
    started = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "workbench.serving", str(model_folder), *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def wait_ready(path: Path, process: subprocess.Popen[str]) -> dict[str, object]:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return json.loads(path.read_text())


@pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_answers_and_leaves_with_zero(start: Start, tmp_path: Path, signal_: int) -> None:
    process = start("--ready-file", str(tmp_path / "ready.json"), "--name", "eye")
    ready = wait_ready(tmp_path / "ready.json", process)
    assert ready["pid"] == process.pid
    assert ready["url"] == f"http://127.0.0.1:{ready['port']}"
    models = httpx.get(f"{ready['url']}/v1/models").json()["models"]
    assert [model["name"] for model in models] == ["eye"]
    process.send_signal(signal_)
    stdout, _ = process.communicate(timeout=20)
    assert (process.returncode, stdout) == (0, "")


def test_a_port_in_use_is_refused_with_status_two(model_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main([str(model_folder), "--port", str(port)]) == 2
    error = capsys.readouterr().err
    assert f"127.0.0.1:{port} cannot be listened at: Address already in use. An address" in error


def test_a_folder_without_a_model_is_refused_with_status_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 2
    assert SPEC_NAME in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--port", "70000"], ["--port", "x"], ["--threads", "0"], ["--what"]])
def test_arguments_that_are_not_valid_end_with_status_two(model_folder: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([str(model_folder), *arguments])
    assert caught.value.code == 2


def test_it_uses_no_more_cores_than_it_may() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)


def test_it_travels_alone_without_torch(tmp_path: Path) -> None:
    """The folder and errors.py, copied elsewhere, import with nothing else of the workbench and no heavy package."""
    package = Path(workbench.__file__).parent
    copy = tmp_path / "alone" / "workbench"
    shutil.copytree(package / "serving", copy / "serving")
    shutil.copy(package / "errors.py", copy)
    (copy / "__init__.py").touch()
    code = (
        "import sys, workbench.serving.__main__ as entry; "
        "print(entry.__file__); "
        "print(sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=copy.parent, capture_output=True, text=True, check=True, timeout=60
    )
    place, modules = done.stdout.splitlines()
    assert place.startswith(str(copy))
    heavy = {
        "torch",
        "ultralytics",
        "pydantic",
        "pydantic_settings",
        "fastapi",
        "prefect",
        "onnx",
        "matplotlib",
        "httpx",
    }
    assert not heavy & set(eval(modules))
