"""Pretrained weights, against a real server on this machine."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from workbench import storage
from workbench.errors import ConflictError, ModelError, StorageError
from workbench.paths import WorkspacePaths
from workbench.runs.training.weights import Weights
from workbench.settings import Settings

pytestmark = pytest.mark.slow

CONTENT = os.urandom(700_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT under every name, in the way that a test sets."""

    daemon_threads = True
    mode = "ranges"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        mode, asked = self.server.mode, self.headers.get("Range")
        self.server.asked.append(asked)
        if mode == "missing":
            self.send_error(404)
            return
        start = int(re.findall(r"\d+", asked)[0]) if asked and mode != "whole" else 0
        if start > len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if asked and mode != "whole" else 200)
        if asked and mode != "whole":
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        end = start + 400_000 if mode == "breaks" else len(CONTENT)
        self.wfile.write(CONTENT[start:end])

    def log_message(self, *_args: object) -> None:
        return None


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.shutdown()
    found.server_close()
    thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ws" / "weights"


@pytest.fixture
def weights(tmp_path: Path, server: Server, plain_environment: None) -> Weights:
    return Weights(WorkspacePaths(tmp_path / "ws"), Settings(workbench_weights_url=server.url))


def test_official_weights_are_downloaded_once_and_their_hash_recorded(
    weights: Weights, server: Server, folder: Path
) -> None:
    seen: list[tuple[int, int]] = []
    lock = weights.resolve("yolo26n", lambda done, total: seen.append((done, total)))
    assert (lock.kind, lock.task, lock.sha256) == ("pretrained", "detect", DIGEST)
    assert Path(lock.path).read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert weights.list()["yolo26n.pt"]["sha256"] == DIGEST
    assert weights.list()["yolo26n.pt"]["source"] == f"{server.url}/yolo26n.pt"
    again = weights.resolve("yolo26n.pt")
    assert (again.path, again.sha256) == (lock.path, lock.sha256)
    assert len(server.asked) == 1
    assert not list(folder.glob("*.part"))


def test_a_broken_download_says_so_and_goes_on_where_it_stopped(weights: Weights, server: Server, folder: Path) -> None:
    server.mode = "breaks"
    with pytest.raises(ModelError, match=r"yolo26n\.pt"):
        weights.resolve("yolo26n")
    assert not (folder / "yolo26n.pt").exists()
    kept = (folder / "yolo26n.pt.part").stat().st_size
    assert kept > 0
    server.mode = "ranges"
    assert weights.resolve("yolo26n").sha256 == DIGEST
    assert server.asked == [None, f"bytes={kept}-"]


def test_a_server_without_ranges_sends_the_whole_file_again(weights: Weights, server: Server, folder: Path) -> None:
    storage.put(folder / "yolo26n.pt.part", CONTENT[:1000])
    server.mode = "whole"
    assert weights.resolve("yolo26n").sha256 == DIGEST


def test_a_part_that_is_too_long_is_thrown_away(weights: Weights, server: Server, folder: Path) -> None:
    storage.put(folder / "yolo26n.pt.part", CONTENT + b"more")
    with pytest.raises(StorageError, match="try again"):
        weights.resolve("yolo26n")
    assert weights.resolve("yolo26n").sha256 == DIGEST


@pytest.mark.parametrize("how", ["missing", "refused", "no address"])
def test_weights_that_cannot_be_had_name_both_ways_out(
    weights: Weights, server: Server, tmp_path: Path, how: str
) -> None:
    server.mode = "missing"
    url = {"missing": server.url, "refused": "http://127.0.0.1:9", "no address": "http://[::1"}[how]
    weights.settings = Settings(workbench_weights_url=url)
    with pytest.raises(ModelError) as caught:
        weights.resolve("yolo26n")
    message = str(caught.value)
    assert "WORKBENCH_WEIGHTS" in message
    assert "--model yolo26n.yaml" in message
    assert str(weights.folder) in message
    assert caught.value.exit_status == 2


def test_a_file_that_the_user_put_there_is_taken(weights: Weights, server: Server, folder: Path) -> None:
    """It is the way out that the error names."""
    storage.put(folder / "yolo26n.pt", CONTENT)
    assert weights.resolve("yolo26n").sha256 == DIGEST
    assert server.asked == []


def test_a_site_without_internet_has_a_folder(weights: Weights, server: Server, tmp_path: Path) -> None:
    storage.put(tmp_path / "site" / "yolo26n.pt", CONTENT)
    weights.settings = Settings(workbench_weights=tmp_path / "site", workbench_weights_url=server.url)
    lock = weights.resolve("yolo26n")
    assert lock.sha256 == DIGEST
    assert Path(lock.path).parent == weights.folder
    assert server.asked == []


def test_registered_weights_whose_file_is_gone_are_fetched_again(weights: Weights, server: Server) -> None:
    Path(weights.resolve("yolo26n").path).unlink()
    assert Path(weights.resolve("yolo26n").path).read_bytes() == CONTENT
    assert len(server.asked) == 2


def test_runs_that_start_at_once_download_the_same_weights_once(weights: Weights, server: Server) -> None:
    found: list[str | None] = []
    threads = [
        threading.Thread(target=lambda: found.append(Weights.resolve(weights, "yolo26n").sha256)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [DIGEST] * 4
    assert len(server.asked) == 1


def test_a_disk_that_fills_up_is_a_storage_error_and_not_the_models(
    weights: Weights, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir(parents=True)
    (folder / "yolo26n.pt.part").symlink_to("/dev/full")
    with pytest.raises(StorageError, match="No space left"):
        weights.resolve("yolo26n")


def test_a_yaml_starts_from_scratch_and_needs_no_server(weights: Weights, server: Server) -> None:
    lock = weights.resolve("yolo26n.yaml")
    assert (lock.kind, lock.sha256, server.asked) == ("scratch", None, [])


def test_an_unknown_model_is_refused(weights: Weights) -> None:
    with pytest.raises(ModelError):
        weights.resolve("yolo99x")


def test_a_checkpoint_of_the_users_is_copied_and_another_of_its_name_refused(weights: Weights, tmp_path: Path) -> None:
    storage.put(tmp_path / "mine.pt", b"one")
    assert weights.add(tmp_path / "mine.pt", task="detect") == "mine.pt"
    assert weights.add(tmp_path / "mine.pt", task="detect") == "mine.pt"
    lock = weights.resolve("mine")
    assert (lock.kind, Path(lock.path).read_bytes()) == ("checkpoint", b"one")
    storage.put(tmp_path / "mine.pt", b"two")
    with pytest.raises(ConflictError, match=r"mine\.pt"):
        weights.add(tmp_path / "mine.pt", task="detect")
    assert weights.add(tmp_path / "mine.pt", "other", task="detect") == "other.pt"
    with pytest.raises(ModelError, match="No file"):
        weights.add(tmp_path / "nope.pt")


def test_registrations_at_once_are_all_kept(weights: Weights, tmp_path: Path) -> None:
    for number in range(6):
        storage.put(tmp_path / f"m{number}.pt", bytes([number]))
    threads = [
        threading.Thread(target=weights.add, args=(tmp_path / f"m{number}.pt",), kwargs={"task": "detect"})
        for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(weights.list()) == [f"m{number}.pt" for number in range(6)]
