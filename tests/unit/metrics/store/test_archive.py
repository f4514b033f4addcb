"""The compacted metrics of a finished run somewhere else answer like those at home."""

from __future__ import annotations

import functools
import http.server
import math
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from tests.logged import row, write
from workbench.errors import StorageError
from workbench.metrics.store.archive import archive, open_archive
from workbench.metrics.store.compact import compact
from workbench.metrics.store.generation import LocalFolder
from workbench.metrics.store.reader import RunMetrics
from workbench.metrics.store.sql import query

pytestmark = pytest.mark.slow


@pytest.fixture
def home(tmp_path: Path) -> LocalFolder:
    values = [math.sin(step) for step in range(3000)]
    write(tmp_path / "events", "train-1", [row(step, {"a": value, "b": -1.0}) for step, value in enumerate(values)])
    compact(tmp_path / "events", tmp_path / "metrics")
    return LocalFolder(tmp_path / "metrics")


@pytest.fixture
def memory() -> Iterator[str]:
    yield "memory://bucket/run"
    fsspec.filesystem("memory").rm("/bucket", recursive=True)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """Serve a folder over HTTP on this machine; write to it as a local one."""
    (tmp_path / "served").mkdir()
    handler = functools.partial(Ranges, directory=str(tmp_path / "served"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Ranges(http.server.SimpleHTTPRequestHandler):
    """Serves parts of files, as object storage does."""

    def log_message(self, *_arguments: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        data, asked = path.read_bytes(), self.headers.get("Range", "").removeprefix("bytes=")
        begin, _, end = asked.partition("-")
        part = data[int(begin or 0) : int(end) + 1 if end else None]
        self.send_response(206 if asked else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(part)))
        if asked:
            self.send_header("Content-Range", f"bytes {begin}-{int(begin) + len(part) - 1}/{len(data)}")
        self.end_headers()
        if body:
            self.wfile.write(part)


def check(away: RunMetrics, home: LocalFolder) -> None:
    here = RunMetrics(None, home)
    assert away.keys() == here.keys() == [("epoch", "a"), ("epoch", "b")]
    assert away.summary() == here.summary()
    assert away.table() == here.table()
    for points, steps in ((20, None), (None, None), (20, (100, 2000)), (2000, (5, 50))):
        found = [run.series("a", points=points, steps=steps) for run in (away, here)]
        assert found[0].values.tolist() == found[1].values.tolist()
    count = query(
        {"away": away, "here": here}, "SELECT run, sum(value) AS total FROM metrics GROUP BY run ORDER BY run"
    ).to_pylist()
    assert count[0]["total"] == pytest.approx(count[1]["total"])


def test_a_run_in_the_memory_of_fsspec_answers_like_the_one_at_home(home: LocalFolder, memory: str) -> None:
    archive(home, memory)
    check(open_archive(memory), home)


def test_a_run_behind_a_file_address_answers_like_the_one_at_home(home: LocalFolder, tmp_path: Path) -> None:
    archive(home, f"file://{tmp_path}/else where/run")
    check(open_archive(f"file://{tmp_path}/else where/run"), home)


def test_a_run_behind_http_answers_like_the_one_at_home(home: LocalFolder, served: str, tmp_path: Path) -> None:
    archive(home, f"{tmp_path}/served/run")
    check(open_archive(f"{served}/run"), home)


def test_an_archive_is_complete_when_its_manifest_is_there(home: LocalFolder, memory: str) -> None:
    with pytest.raises(StorageError, match=r"memory://bucket/run.*manifest\.json"):
        open_archive(memory)
    archive(home, memory)
    fsspec.filesystem("memory").rm("/bucket/run/manifest.json")
    with pytest.raises(StorageError, match=r"manifest\.json"):
        open_archive(memory)


@pytest.mark.parametrize("name", ["points.parquet", "pyramid.parquet"])
def test_a_damaged_archive_is_an_error_and_never_a_wrong_number(home: LocalFolder, memory: str, name: str) -> None:
    archive(home, memory)
    files = fsspec.filesystem("memory")
    path = next(path for path in files.find("/bucket/run") if path.endswith(name))
    files.pipe_file(path, files.cat_file(path)[:-20])
    with pytest.raises(StorageError, match="cannot be read"):
        open_archive(memory).series("a", points=20 if name.startswith("pyramid") else None)


def test_what_has_not_been_compacted_cannot_be_archived(tmp_path: Path, memory: str) -> None:
    with pytest.raises(StorageError, match="holds no compacted metrics"):
        archive(LocalFolder(tmp_path), memory)
    archived = fsspec.filesystem("memory")
    archived.pipe_file("/bucket/other", b"")
    assert archived.find("/bucket") == ["/bucket/other"]


@pytest.mark.parametrize("uri", ["nowhere://bucket/run", "file:///dev/null/run"])
def test_an_address_that_nobody_answers_at_is_a_storage_error(home: LocalFolder, uri: str) -> None:
    with pytest.raises(StorageError, match="could not be reached"):
        archive(home, uri)
    with pytest.raises(StorageError, match="could not be reached"):
        open_archive(uri)
