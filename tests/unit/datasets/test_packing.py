"""Many small files in few big ones, and only those that are asked for out of them again."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.datasets.remote.test_fetch import Watched
from workbench.datasets import packing, remote
from workbench.datasets.content import CLASSES, IMAGES, OBJECTS, Content, table
from workbench.datasets.remote.entries import rows
from workbench.datasets.remote.fetch import fetch
from workbench.datasets.store import Store
from workbench.errors import ConflictError, DatasetError

pytestmark = pytest.mark.slow

FILES = {
    "data.yaml": b"names: [cat]\n",
    **{f"images/train/{number:03d}.jpg": hashlib.sha256(b"%d" % number).digest() * 40 for number in range(60)},
    **{f"labels/train/{number:03d}.txt": b"0 0.5 0.5 0.%d 0.2\n" % (number + 1) for number in range(60)},
    "images/train/고양이.jpg": b"cat",
    "images/train/empty.jpg": b"",
    "images/train/twice.jpg": hashlib.sha256(b"7").digest() * 40,
    f"images/train/{'long' * 40}.jpg": b"a name too long for a plain tar header",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path, data in FILES.items():
        (tmp_path / "pets" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pets" / path).write_bytes(data)
    return tmp_path / "pets"


@pytest.fixture
def memory():
    files = fsspec.filesystem("memory")
    files.store.clear()
    yield files
    files.store.clear()


def _unpacked(uri: str, tmp_path: Path) -> dict[str, bytes]:
    with Store(tmp_path / "store").lease() as lease:
        remote.mirror(uri, tmp_path / "mirror", lease)
        return {path: (tmp_path / "mirror" / path).read_bytes() for path in FILES}


def test_what_is_packed_comes_out_byte_for_byte(folder, memory, tmp_path):
    packed = packing.pack(packing.collect(folder), "memory://packed", shard_bytes=10_000)
    assert packed.files == len(FILES)
    assert packed.shards == len(list(memory.glob("/packed/*.tar"))) > 3
    assert _unpacked("memory://packed", tmp_path) == FILES


def test_a_local_folder_can_be_packed_to_and_read_from(folder, tmp_path):
    packed = packing.pack(packing.collect(folder), tmp_path / "packed")
    assert sorted(path.suffix for path in (tmp_path / "packed").iterdir()) == [".parquet", ".tar"]
    assert _unpacked(f"file://{packed.uri}", tmp_path) == FILES


def test_any_tar_unpacks_the_shards(folder, tmp_path):
    packing.pack(packing.collect(folder), tmp_path / "packed")
    out = tmp_path / "out"
    out.mkdir()
    for shard in (tmp_path / "packed").glob("*.tar"):
        subprocess.run(["tar", "-xf", str(shard), "-C", str(out)], check=True)
    assert {path: (out / path).read_bytes() for path in FILES} == FILES


def test_the_same_bytes_take_room_once(folder, tmp_path):
    packing.pack(packing.collect(folder), tmp_path / "packed")
    found = {row["path"]: row for row in pq.read_table(tmp_path / "packed/pack.parquet").to_pylist()}
    assert found["images/train/twice.jpg"]["offset"] == found["images/train/007.jpg"]["offset"]


def test_metadata_is_read_in_one_stretch_and_an_image_alone(folder, memory, tmp_path):
    packing.pack(packing.collect(folder), "memory://packed")
    with Store(tmp_path / "store").lease() as lease:
        found = remote.open("memory://packed", lease)
        entries = {one.path: one for one in rows(found.listing)}
        watched = Watched(memory)
        labels = [one for path, one in entries.items() if not path.endswith(".jpg")]
        assert max(one.offset for one in labels) < entries["images/train/000.jpg"].offset
        fetch(labels, watched, lease)
        assert len(watched.asked) == 1
        image = entries["images/train/030.jpg"]
        done = fetch([image], watched, lease)
        assert watched.asked[-1][1] == image.offset
        assert done.moved.bytes_moved == 1280


def test_bytes_that_the_store_has_from_elsewhere_are_not_fetched_from_a_pack(folder, memory, tmp_path):
    packing.pack(packing.collect(folder), "memory://packed")
    with Store(tmp_path / "store").lease() as lease:
        remote.mirror(f"file://{folder}", tmp_path / "plain", lease)
        found = remote.open("memory://packed", lease)
        found.fetch_metadata(tmp_path / "mirror")
        assert found.fetch(found.listing["path"].to_pylist(), tmp_path / "mirror").bytes_moved == 0


def test_packing_again_after_a_kill_writes_only_what_is_missing(folder, memory):
    first = packing.pack(packing.collect(folder), "memory://packed", shard_bytes=10_000)
    assert first.bytes_written == first.bytes
    memory.rm_file("/packed/pack.parquet")  # what a killed pack lacks
    lost = memory.glob("/packed/*.tar")[0]
    size = memory.info(lost)["size"]
    memory.rm_file(lost)
    again = packing.pack(packing.collect(folder), "memory://packed", shard_bytes=10_000)
    assert (again.bytes, again.bytes_written) == (first.bytes, size)


def test_a_pack_that_is_there_is_replaced_only_when_asked_to(folder, memory, tmp_path):
    packing.pack(packing.collect(folder), "memory://packed", shard_bytes=10_000)
    with pytest.raises(ConflictError, match=r"'memory://packed' holds a packed dataset already.*--replace"):
        packing.pack({}, "memory://packed")
    (folder / "images/train/000.jpg").write_bytes(b"new")
    packed = packing.pack(packing.collect(folder), "memory://packed", replace=True)
    assert len(memory.glob("/packed/*.tar")) == packed.shards == 1
    assert _unpacked("memory://packed", tmp_path) == {**FILES, "images/train/000.jpg": b"new"}


def test_a_shard_with_other_bytes_than_the_index_says_is_an_error(folder, memory, tmp_path):
    packing.pack(packing.collect(folder), "memory://packed")
    shard = memory.glob("/packed/*.tar")[0]
    memory.pipe_file(shard, memory.cat_file(shard).replace(b"names: [cat]", b"names: [dog]"))
    with pytest.raises(DatasetError, match=r"'data.yaml' in it is not what the index says"):
        _unpacked("memory://packed", tmp_path)


def test_an_index_that_is_damaged_or_names_files_elsewhere_is_refused(folder, memory, tmp_path):
    packing.pack(packing.collect(folder), "memory://packed")
    good = pq.read_table(memory.open("/packed/pack.parquet"))
    with Store(tmp_path / "store").lease() as lease:
        for column, value in (("shard", "../../secret.tar"), ("offset", -5), ("bytes", -1), ("sha256", None)):
            field = good.schema.get_field_index(column)
            values = pa.array([value, *good[column].to_pylist()[1:]], good.schema.field(field).type)
            bad = good.set_column(field, good.schema.field(field), values)
            with memory.open("/packed/pack.parquet", "wb") as file:
                pq.write_table(bad, file)
            with pytest.raises(DatasetError, match=r"pack.parquet' is damaged: it has a row"):
                remote.open("memory://packed", lease)
        memory.pipe_file("/packed/pack.parquet", b"PAR1 no, it is not")
        with pytest.raises(DatasetError, match=r"is damaged.*Pack the dataset again"):
            remote.open("memory://packed", lease)


def test_a_path_in_the_index_that_leaves_the_folder_is_left_out(folder, memory, tmp_path):
    packing.pack(packing.collect(folder), "memory://packed")
    good = pq.read_table(memory.open("/packed/pack.parquet"))
    bad = good.set_column(0, good.schema.field(0), [["../evil.txt", *good["path"].to_pylist()[1:]]])
    with memory.open("/packed/pack.parquet", "wb") as file:
        pq.write_table(bad, file)
    with Store(tmp_path / "store").lease() as lease:
        found = remote.open("memory://packed", lease)
    assert [one.path for one in found.refused] == ["../evil.txt"]
    assert found.listing.num_rows == len(FILES) - 1


def test_hidden_files_and_caches_are_not_packed(folder):
    (folder / ".DS_Store").write_text("x")
    (folder / "labels/train.cache").write_text("x")
    (folder / ".git").mkdir()
    (folder / ".git/config").write_text("x")
    assert set(packing.collect(folder)) == set(FILES)


def test_a_dataset_that_was_read_gives_its_images_and_labels_to_pack(folder):
    file, label = str(folder / "images/train/000.jpg"), str(folder / "labels/train/000.txt")
    images = table(IMAGES, {"image_id": [0, 1], "file": [file, "/elsewhere/b.jpg"], "label": [label, None]})
    content = Content("yolo", "detect", str(folder), images, OBJECTS.empty_table(), CLASSES.empty_table())
    assert packing.collect_content(content) == {
        "images/train/000.jpg": Path(file),
        "labels/train/000.txt": Path(label),
    }


def test_a_file_that_grows_while_it_is_packed_is_an_error(folder, tmp_path):
    grown = Path("/proc/self/status")  # the kernel says 0 bytes, and has more
    with pytest.raises(DatasetError, match="changed while it was packed"):
        packing.pack({"status.txt": grown}, tmp_path / "packed")
    assert not (tmp_path / "packed/pack.parquet").exists()


def test_a_file_that_is_gone_is_an_error_with_its_name(tmp_path):
    with pytest.raises(DatasetError, match=r"gone.jpg' cannot be read"):
        packing.pack({"gone.jpg": tmp_path / "gone.jpg"}, tmp_path / "packed")


def test_nothing_to_pack_is_an_empty_pack(tmp_path):
    assert packing.pack({}, tmp_path / "packed").files == 0


def test_progress_counts_files(folder, tmp_path):
    seen = []
    packing.pack(packing.collect(folder), tmp_path / "packed", shard_bytes=10_000, progress=lambda *at: seen.append(at))
    assert seen[-1] == (len(FILES), len(FILES))
    assert len(seen) > 3
