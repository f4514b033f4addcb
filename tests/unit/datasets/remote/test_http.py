"""Datasets on web servers, with and without index pages, ranges and versions."""

from __future__ import annotations

import hashlib
import html
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.unit.datasets.remote.conftest import IMAGES, PETS
from workbench.datasets import remote
from workbench.datasets.store.partial import RANGE_BYTES
from workbench.errors import DatasetError

pytestmark = pytest.mark.slow


class Site(ThreadingHTTPServer):
    """A web server with files in memory.

    Attributes:
        files: by path.
        listed: whether folders have index pages.
        ranges: whether it knows ranges.
        tagged: whether it sends ETags.
        asked: (method, path, range) of each request.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.files: dict[str, bytes] = {}
        self.extra_links: list[str] = []
        self.listed = self.ranges = self.tagged = True
        self.asked: list[tuple[str, str, str | None]] = []

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def bodies(self) -> list[str]:
        """Return the paths of files that were sent."""
        return [path for method, path, _ in self.asked if method == "GET" and path in self.files]


class Answer(BaseHTTPRequestHandler):
    """Answers from the site's files."""

    server: Site
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, *, body: bool) -> None:
        site, path = self.server, urllib.parse.unquote(self.path.partition("?")[0]).lstrip("/")
        site.asked.append((self.command, path, self.headers["Range"]))
        if path in site.files:
            return self._file(site.files[path], body=body)
        inside = {name[len(path) :] for name in site.files if name.startswith(path) and path.endswith("/")}
        if not inside:
            return self._send(404, b"", {})
        if not site.listed:
            return self._send(403, b"", {})
        names = sorted({name.partition("/")[0] + "/" * ("/" in name) for name in inside}) + site.extra_links
        links = "".join(f'<a href="{urllib.parse.quote(n, safe="/:.?=;%")}">{html.escape(n)}</a>' for n in names)
        return self._send(200, f"<html>{links}</html>".encode(), {"Content-Type": "text/html"})

    def _file(self, data: bytes, *, body: bool) -> None:
        headers = {"Content-Type": "application/octet-stream"}
        if self.server.tagged:
            headers["ETag"] = f'"{hashlib.md5(data).hexdigest()}"'
        asked = self.headers["Range"]
        if asked and self.server.ranges:
            first, last = asked.removeprefix("bytes=").split("-")
            headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
            return self._send(206, data[int(first) : int(last) + 1], headers)
        return self._send(200, data, headers, body=body)

    def _send(self, status: int, data: bytes, headers: dict[str, str], *, body: bool = True) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body and self.command == "GET":
            self.wfile.write(data)


@pytest.fixture
def site() -> Iterator[Site]:
    server = Site()
    server.files = {f"pets/{path}": data for path, data in PETS.items()}
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_folder_of_a_data_yaml_is_mirrored_by_its_index_pages(site, lease, tmp_path):
    here = remote.mirror(f"{site.uri}/pets/data.yaml", tmp_path / "pets", lease)
    assert here == tmp_path / "pets/data.yaml"
    assert {path: (tmp_path / "pets" / path).read_bytes() for path in PETS} == PETS


def test_a_second_job_asks_for_versions_only(site, store, tmp_path):
    with store.lease() as lease:
        remote.mirror(f"{site.uri}/pets/", tmp_path / "one", lease)
    site.asked.clear()
    with store.lease() as lease:
        remote.mirror(f"{site.uri}/pets/", tmp_path / "two", lease)
    assert site.bodies() == []
    assert (tmp_path / "two/images/train/a.jpg").read_bytes() == b"photo a"


def test_a_server_without_versions_is_read_again(site, store, tmp_path):
    site.tagged = False
    for name in ("one", "two"):
        with store.lease() as lease:
            remote.mirror(f"{site.uri}/pets/", tmp_path / name, lease)
    assert len(site.bodies()) == 2 * len(PETS)
    assert store.usage().objects == len(set(PETS.values()))


def test_without_index_pages_the_file_itself_is_fetched(site, lease, tmp_path):
    site.listed = False
    site.files["pets/pets.ndjson"] = b"{}\n"
    here = remote.mirror(f"{site.uri}/pets/pets.ndjson", tmp_path / "pets", lease)
    assert here.read_bytes() == b"{}\n"
    assert sorted(path.name for path in (tmp_path / "pets").glob("[!.]*")) == ["pets.ndjson"]


def test_a_signed_address_keeps_its_query(site, lease, tmp_path):
    site.files["pets/pets.zip"] = b"PK"
    here = remote.mirror(f"{site.uri}/pets/pets.zip?signature=abc", tmp_path / "pets", lease)
    assert here == tmp_path / "pets/pets.zip"
    assert here.read_bytes() == b"PK"


def test_links_that_lead_out_of_the_folder_or_sort_it_are_not_followed(site, lease, tmp_path):
    site.files["secret.txt"] = b"not ours"
    site.extra_links = ["../secret.txt", "%2e%2e/secret.txt", "http://example.invalid/a.txt", "?C=M;O=D"]
    site.extra_links += ["/secret.txt", "../", "%2e%2e/", "../private/"]
    remote.mirror(f"{site.uri}/pets/", tmp_path / "pets", lease, choose=lambda _: IMAGES)
    assert "secret.txt" not in site.bodies()
    assert {path for _, path, _ in site.asked if not path.startswith("pets/")} == set()
    assert not (tmp_path / "secret.txt").exists()


def test_names_with_spaces_and_other_letters_come_as_they_are(site, lease, tmp_path):
    site.files["pets/images/train/고양이 1 & <2>.jpg"] = b"cat"
    remote.mirror(f"{site.uri}/pets/", tmp_path / "pets", lease)
    assert (tmp_path / "pets/images/train/고양이 1 & <2>.jpg").read_bytes() == b"cat"


@pytest.mark.parametrize("ranges", [True, False])
def test_a_big_file_comes_in_ranges_or_from_a_server_that_knows_none(site, lease, tmp_path, ranges):
    data = bytes(range(256)) * (2 * RANGE_BYTES // 256) + b"the end"
    site.files["pets/pets.zip"], site.ranges = data, ranges
    here = remote.mirror(f"{site.uri}/pets/pets.zip", tmp_path / "pets", lease)
    assert here.read_bytes() == data
    assert {asked for _, path, asked in site.asked if path == "pets/pets.zip" and asked} == {
        f"bytes=0-{RANGE_BYTES - 1}",
        f"bytes={RANGE_BYTES}-{2 * RANGE_BYTES - 1}",
        f"bytes={2 * RANGE_BYTES}-{len(data) - 1}",
    }


def test_a_file_that_is_not_there_is_an_error_with_its_address(site, lease, tmp_path):
    with pytest.raises(DatasetError, match=rf"There is nothing at '{site.uri}/pets/none.zip'"):
        remote.mirror(f"{site.uri}/pets/none.zip", tmp_path / "pets", lease)


def test_a_server_that_is_not_there_is_an_error(lease, tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.datasets.remote.transport._FIRST_PAUSE_S", 0.0)
    with pytest.raises(DatasetError, match="does not answer"):
        remote.mirror("http://127.0.0.1:9/pets.zip", tmp_path / "pets", lease)


def test_an_address_that_names_a_file_outside_is_refused(site, lease, tmp_path):
    for named in ("..%2f..%2fescaped%2fa.zip", "..%2f..%2fdata.yaml"):
        with pytest.raises(DatasetError, match="names the file"):
            remote.mirror(f"http://127.0.0.1:{site.server_port}/pets/{named}", tmp_path / "deep/mirror", lease)
    assert not (tmp_path / "escaped").exists()
