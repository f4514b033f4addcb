"""The digest names what a training sees, and nothing else."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.datasets import formats
from workbench.datasets.snapshots.manifest import FILES, Manifest, changed, take
from workbench.datasets.tree import materialize, plan
from workbench.errors import DatasetError, StorageError

pytestmark = pytest.mark.slow

Make = Callable[..., Path]


def manifest(data: Path) -> Manifest:
    return take(plan(formats.read(data)))


def test_the_root_digest_is_the_documented_one() -> None:
    columns = {"path": ["images/train/고양이.jpg"], "sha256": [bytes.fromhex("ab" * 32)], "bytes": [3]}
    table = pa.table([columns.get(name) or pa.nulls(1, FILES.field(name).type) for name in FILES.names], schema=FILES)
    lines = '{"format":"workbench-manifest-1","names":{"0":"고양이"},"options":{},"task":"detect"}\n'
    lines += f"{'ab' * 32} 3 images/train/고양이.jpg\n"
    assert Manifest("detect", {0: "고양이"}, {}, table).digest == hashlib.sha256(lines.encode()).hexdigest()


def test_elsewhere_and_in_another_order_the_digest_is_the_same(yolo: Make, tmp_path: Path) -> None:
    data = yolo()
    files = [path.relative_to(data.parent) for path in data.parent.rglob("*") if path.is_file()]
    random.Random(1).shuffle(files)
    for file in files:
        (tmp_path / "elsewhere" / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(data.parent / file, tmp_path / "elsewhere" / file)
    assert manifest(tmp_path / "elsewhere" / "data.yaml").digest == manifest(data).digest


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "labels/train/train0.txt").write_text("1 .5 .5 .2 .2\n"),
        lambda root: (root / "images/val/val0.jpg").write_bytes((root / "images/val/val1.jpg").read_bytes()),
        lambda root: (root / "images/train/train0.jpg").rename(root / "images/train/zz.jpg"),
        lambda root: (root / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [dog, cat]\n"),
    ],
)
def test_any_change_of_what_is_trained_on_changes_the_digest(yolo: Make, change) -> None:
    data = yolo()
    before = manifest(data).digest
    change(data.parent)
    assert manifest(data).digest != before


def test_a_manifest_reads_back_as_written(yolo: Make, tmp_path: Path) -> None:
    made = manifest(yolo(names="[고양이, 개]"))
    read = Manifest.read(made.write(tmp_path / "new" / "one.parquet"))
    assert (read.digest, read.names, read.files) == (made.digest, {0: "고양이", 1: "개"}, made.files)
    paths = made.files["path"].to_pylist()
    assert paths == sorted(paths)
    assert len(made) == 12
    assert made.bytes_total == sum(Path(file).stat().st_size for file in made.files["file"].to_pylist())


def test_options_with_numbers_for_keys_read_back_as_written(yolo: Make, tmp_path: Path) -> None:
    names = ", ".join(f"c{number}" for number in range(12))
    points = ", ".join(f"{number}: [nose]" for number in range(12))
    extra = f"kpt_shape: [1, 2]\nkpt_names: {{{points}}}\n"
    made = manifest(yolo(names=f"[{names}]", row="0 .5 .5 .2 .2 .5 .5", extra=extra))
    read = Manifest.read(made.write(tmp_path / "one.parquet"))
    assert (read.digest, read.options, read.plan.yaml) == (made.digest, made.options, made.plan.yaml)


def test_options_with_numbers_in_quotes_for_keys_keep_the_digest(yolo: Make, tmp_path: Path) -> None:
    """They are sorted as text, 10 before 2, whether they were read from YAML or from the manifest."""
    names = ", ".join(f"c{number}" for number in range(12))
    points = ", ".join(f"'{number}': [nose]" for number in range(12))
    extra = f"kpt_shape: [1, 2]\nkpt_names: {{{points}}}\n"
    made = manifest(yolo(names=f"[{names}]", row="0 .5 .5 .2 .2 .5 .5", extra=extra))
    assert Manifest.read(made.write(tmp_path / "one.parquet")).digest == made.digest


def test_labels_are_kept_and_images_are_not(yolo: Make) -> None:
    made = manifest(yolo())
    rows = zip(made.files["path"].to_pylist(), made.files["content"].to_pylist(), strict=True)
    assert all((content == b"0 0.5 0.5 0.2 0.2\n") == path.startswith("labels/") for path, content in rows)


@pytest.mark.parametrize("content", [b"", b"not parquet", b"PAR1 and nothing else PAR1"])
def test_a_damaged_manifest_is_a_storage_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "one.parquet"
    path.write_bytes(content)
    with pytest.raises(StorageError, match="damaged"):
        Manifest.read(path)


def test_a_manifest_with_a_changed_row_is_found_out(yolo: Make, tmp_path: Path) -> None:
    path = manifest(yolo()).write(tmp_path / "one.parquet")
    table = pq.read_table(path)
    paths = [name.replace("train0.jpg", "train9.jpg") for name in table["path"].to_pylist()]
    pq.write_table(table.set_column(0, table.schema.field(0), pa.array(paths)), path)
    with pytest.raises(StorageError, match="digest does not fit"):
        Manifest.read(path)


def test_verify_names_what_is_missing_or_changed(yolo: Make, tmp_path: Path) -> None:
    content = formats.read(yolo())
    made = take(plan(content))
    tree = materialize(plan(content), tmp_path / "tree").parent
    assert list(made.verify(tree)) == []
    (tree / "labels/val/val0.txt").unlink()
    (tree / "images/train/train0.jpg").unlink()
    (tree / "images/train/train0.jpg").write_bytes(b"re-encoded")
    assert list(made.verify(tree)) == [("images/train/train0.jpg", "changed"), ("labels/val/val0.txt", "missing")]


def test_what_changed_since_is_told_also_when_it_looks_alike_or_is_gone(yolo: Make) -> None:
    data = yolo()
    made = manifest(data)
    assert changed(made) == []
    gone, edited, touched = (data.parent / "labels/train" / f"train{index}.txt" for index in range(3))
    gone.unlink()
    edited.write_text("1 0.5 0.5 0.2 0.2\n")
    os.utime(touched)
    assert changed(made) == [str(gone), str(edited)]


def test_only_what_changed_is_read_again(yolo: Make) -> None:
    data = yolo()
    hour_ago = time.time() - 3600
    for path in data.parent.rglob("*.*"):
        os.utime(path, (hour_ago, hour_ago))
    first = manifest(data)
    wrong = {file: replace(stamp, sha256=b"\0" * 32) for file, stamp in first.stamps.items()}
    (data.parent / "labels/val/val0.txt").write_text("1 0.5 0.5 0.2 0.2\n")
    second = take(plan(formats.read(data)), wrong)
    read = [
        path
        for path, sha256 in zip(second.files["path"].to_pylist(), second.files["sha256"].to_pylist(), strict=True)
        if sha256 != b"\0" * 32
    ]
    assert read == ["labels/val/val0.txt"]


def test_progress_counts_every_file_and_batches_make_no_difference(yolo: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = plan(formats.read(yolo()))
    whole = take(planned)
    monkeypatch.setattr("workbench.datasets.snapshots.manifest._BATCH", 5)
    seen: list[tuple[int, int]] = []
    assert take(planned, progress=lambda done, total: seen.append((done, total))).digest == whole.digest
    assert seen == [(5, 12), (10, 12), (12, 12)]


def test_a_file_that_vanishes_before_it_is_hashed_is_named(yolo: Make) -> None:
    data = yolo()
    planned = plan(formats.read(data))
    (data.parent / "images/train/train0.jpg").unlink()
    with pytest.raises(DatasetError, match=r"train0\.jpg.*cannot be read"):
        take(planned)


def test_a_full_disk_is_a_storage_error_and_leaves_no_part(yolo: Make, full_disk: Path) -> None:
    made = manifest(yolo())
    with pytest.raises(StorageError, match="No space left on device"):
        made.write(full_disk / "one.parquet")
    assert list(full_disk.iterdir()) == []
