"""Datasets on a real S3 server: what the store and the mirror promise, held against it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.datasets.seaweed import Server, serve
from workbench.datasets import packing, remote
from workbench.datasets.remote.fetch import BIG_BYTES
from workbench.datasets.store import Lease, Store
from workbench.errors import DatasetError

pytestmark = pytest.mark.slow

_JOB = """
import json, sys
from pathlib import Path
from workbench.datasets import remote
from workbench.datasets.store import Store
uri, root, mirror, options = sys.argv[1:]
with Store(Path(root)).lease() as lease:
    found = remote.open(uri, lease, json.loads(options))
    found.fetch_metadata(Path(mirror))
    print(found.fetch(found.paths, Path(mirror)).bytes_moved)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("weed")) as running:
        yield running


@pytest.fixture
def bucket(server: Server, tmp_path: Path) -> str:
    """A place in the one bucket that is this test's own: the server has no room for many buckets."""
    if not server.files().exists("tests"):
        server.files().mkdir("tests")
    return f"tests/{tmp_path.name}"


@pytest.fixture
def lease(tmp_path: Path) -> Iterator[Lease]:
    with Store(tmp_path / "store").lease() as held:
        yield held


def _files(count: int) -> dict[str, bytes]:
    labels = {f"labels/train/{number:04d}.txt": b"0 0.5 0.5 0.1 0.%d\n" % (number + 1) for number in range(count)}
    return {"data.yaml": b"names: [cat]\n", **labels, **{f"images/{n:04d}.jpg": b"photo %d" % n for n in range(count)}}


def _upload(server: Server, bucket: str, files: dict[str, bytes]) -> None:
    server.files().pipe({f"{bucket}/pets/{path}": data for path, data in files.items()})


def test_a_bucket_comes_here_byte_for_byte_and_a_second_time_moves_nothing(server, bucket, lease, tmp_path):
    files = {**_files(40), "images/고양이 & 1+1.jpg": b"cat", "images/empty.jpg": b""}
    _upload(server, bucket, files)
    here = remote.mirror(f"s3://{bucket}/pets/data.yaml", tmp_path / "pets", lease, options=server.options())
    assert here == tmp_path / "pets/data.yaml"
    assert {path: (tmp_path / "pets" / path).read_bytes() for path in files} == files
    again = remote.open(f"s3://{bucket}/pets", lease, server.options())
    assert again.fetch_metadata(tmp_path / "again").bytes_moved == 0
    assert again.fetch(again.paths, tmp_path / "again").bytes_moved == 0


def test_an_object_that_changed_since_it_was_listed_is_not_taken(server, bucket, lease, tmp_path):
    _upload(server, bucket, {"images/a.jpg": b"before"})
    found = remote.open(f"s3://{bucket}/pets", lease, server.options())
    found.fetch_metadata(tmp_path / "pets")
    _upload(server, bucket, {"images/a.jpg": b"after!"})
    with pytest.raises(DatasetError, match=rf"s3://{bucket}/pets/images/a.jpg' changed while it was read"):
        found.fetch(["images/a.jpg"], tmp_path / "pets")
    remote.mirror(f"s3://{bucket}/pets", tmp_path / "pets", lease, options=server.options())
    assert (tmp_path / "pets/images/a.jpg").read_bytes() == b"after!"


def test_a_big_object_comes_in_ranges_of_one_version(server, bucket, lease, tmp_path):
    data = bytes(range(256)) * (BIG_BYTES // 256 + 1)
    server.files().pipe_file(f"{bucket}/pets/clip.mp4", data)
    remote.mirror(f"s3://{bucket}/pets", tmp_path / "pets", lease, options=server.options())
    assert (tmp_path / "pets/clip.mp4").read_bytes() == data


def test_a_bucket_that_vanishes_in_the_middle_is_said_and_what_came_stays(server, lease, tmp_path):
    files, bucket = _files(100), "going/away"
    server.files().mkdir("going")
    _upload(server, bucket, files)
    found = remote.open(f"s3://{bucket}/pets", lease, server.options())
    found.fetch_metadata(tmp_path / "pets")
    server.files().rm(bucket.partition("/")[0], recursive=True)
    with pytest.raises(DatasetError, match=r"There is nothing at 's3://.*bring it back and try again"):
        found.fetch(found.paths, tmp_path / "pets")
    assert lease.store.usage().objects == 101
    assert list(lease.store.verify()) == []


def test_wrong_missing_and_unknown_addresses_are_three_different_sentences(
    server, bucket, lease, monkeypatch, tmp_path
):
    _upload(server, bucket, {"a.jpg": b"x"})
    uri, endpoint = f"s3://{bucket}/pets", {"endpoint_url": server.options()["endpoint_url"]}
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(DatasetError, match=r"No credentials were found.*Set AWS_ACCESS_KEY_ID"):
        remote.open(uri, lease, endpoint)
    with pytest.raises(DatasetError, match=r"may not be read: The request signature.*Check the access key"):
        remote.open(uri, lease, {**server.options(), "secret": "wrong"})
    with pytest.raises(DatasetError, match="There is nothing at 's3://no-such-bucket/pets'"):
        remote.open("s3://no-such-bucket/pets", lease, server.options())


def test_four_jobs_at_once_move_each_object_once(server, bucket, tmp_path):
    files = _files(300)
    _upload(server, bucket, files)
    command = [sys.executable, "-c", _JOB, f"s3://{bucket}/pets", str(tmp_path / "store")]
    jobs = [
        subprocess.Popen([*command, str(tmp_path / f"{n}"), json.dumps(server.options())], stdout=subprocess.PIPE)
        for n in range(4)
    ]
    moved = [int(job.communicate(timeout=120)[0]) for job in jobs]
    assert [job.returncode for job in jobs] == [0] * 4
    images = sum(len(data) for path, data in files.items() if path.endswith(".jpg"))
    assert sum(moved) == images
    for number in range(4):
        assert {path: (tmp_path / f"{number}" / path).read_bytes() for path in files} == files


def test_a_pack_in_a_bucket_comes_out_byte_for_byte(server, bucket, lease, tmp_path):
    files = _files(50)
    for path, data in files.items():
        (tmp_path / "local" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "local" / path).write_bytes(data)
    target = f"s3://{bucket}/packed"
    packed = packing.pack(packing.collect(tmp_path / "local"), target, shard_bytes=20_000, options=server.options())
    assert packed.shards > 1
    remote.mirror(target, tmp_path / "pets", lease, options=server.options())
    assert {path: (tmp_path / "pets" / path).read_bytes() for path in files} == files
