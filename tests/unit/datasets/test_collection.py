"""What ``ws.datasets`` makes of datasets: parts of them, other splits, other states, other formats."""

from __future__ import annotations

import json
import os
import shutil
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest
from PIL import Image

from workbench import housekeeping
from workbench.datasets import formats
from workbench.datasets.arrival import Choice
from workbench.datasets.collection import Datasets
from workbench.datasets.registration import look_for_duplicates
from workbench.datasets.remote import Selection
from workbench.errors import ConflictError, DatasetError, RequestError, StorageError, UnknownNameError
from workbench.settings import Settings
from workbench.sources import make_trainable
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow

Make = Callable[..., Path]


@pytest.fixture
def datasets(tmp_path: Path) -> Datasets:
    settings = Settings(workbench_cache=tmp_path / "cache", database_url=None)
    return Workspace(tmp_path / "workspace", settings=settings).datasets


@pytest.fixture
def pets(yolo: Make, picture: Make) -> Make:
    """Return a maker of a dataset in which no image occurs twice."""

    def make(**options: str) -> Path:
        data = yolo(**options)
        for index, image in enumerate(sorted((data.parent / "images").rglob("*.jpg"))):
            picture(image, index * 40)
        return data

    return make


@pytest.fixture
def elsewhere(pets: Make) -> Iterator[str]:
    """The address of a copy of the pets, in fsspec's memory."""
    data = pets()
    memory = fsspec.filesystem("memory")
    for file in data.parent.rglob("*.*"):
        memory.pipe(f"/pets/{file.relative_to(data.parent).as_posix()}", file.read_bytes())
    yield "memory://pets"
    memory.rm("/pets", recursive=True)


def test_a_view_becomes_a_dataset_of_its_own(pets: Make, datasets: Datasets) -> None:
    data = pets()
    (data.parent / "labels/train/train1.txt").write_text("1 .5 .5 .2 .2\n")
    datasets.add(data, "pets")
    dogs = datasets.select("pets", "class:dog OR split:val", "dogs")
    assert dogs.images == {"train": 1, "val": 2}
    assert dogs.origin["dataset"] == "pets"
    assert sorted(path.name for path in (dogs.data_yaml.parent / "images/train").iterdir()) == ["train1.jpg"]
    assert formats.read(dogs.data_yaml).objects["cls"].to_pylist() == [1, 0, 0]
    with pytest.raises(DatasetError, match="selects no image"):
        datasets.select("pets", "class:dog AND split:val", "none")


def test_a_kept_view_is_used_by_its_name_and_can_be_forgotten(pets: Make, datasets: Datasets) -> None:
    datasets.add(pets(), "pets")
    assert datasets.keep_view("pets", "hard", "split:val").views == {"hard": "split:val"}
    assert datasets.select("pets", "view:hard OR path:*train0*", "part").images == {"train": 1, "val": 2}
    with pytest.raises(RequestError):
        datasets.keep_view("pets", "bad", "class:catt")
    assert datasets.keep_view("pets", "hard", None).views == {}


def test_another_split_has_the_same_images_and_labels(pets: Make, datasets: Datasets) -> None:
    first = datasets.add(pets(), "pets")
    halves = datasets.split("pets", {"train": 0.5, "val": 0.5}, "halves", seed=3)
    assert halves.images == {"train": 3, "val": 3}
    assert datasets.split("pets", {"train": 0.5, "val": 0.5}, "again", seed=3).digest == halves.digest
    assert set(datasets.diff("pets", "halves").counts) <= {"moved"}
    assert halves.bytes_total == first.bytes_total


def test_what_was_trained_on_can_be_had_again_after_it_changed(pets: Make, datasets: Datasets, tmp_path: Path) -> None:
    data = pets()
    first = datasets.add(data, "pets")
    (data.parent / "labels/train/train0.txt").write_text("1 .9 .9 .1 .1\n")
    before, second = datasets.snapshot("pets")
    assert before == first.digest != second.digest
    assert datasets.diff(first.digest[:8], "pets").counts == {"relabelled": 1}
    again = datasets.rebuild(first.digest, tmp_path / "again")
    assert (again.parent / "labels/train/train0.txt").read_text() == "0 0.5 0.5 0.2 0.2\n"
    with pytest.raises(UnknownNameError, match="No dataset or snapshot"):
        datasets.rebuild("0" * 64, tmp_path / "never")


def test_a_tree_of_an_earlier_state_is_not_changed_by_a_later_one(pets: Make, datasets: Datasets) -> None:
    """A run that waits in the queue was recorded with the earlier one."""
    data = pets()
    first = datasets.add(data, "pets")
    data.write_text(data.read_text().replace("[cat, dog]", "[kitten, dog]"))
    datasets.add(data, "pets", replace=True)
    assert "kitten" not in first.data_yaml.read_text()


def test_a_training_starts_on_the_registered_bytes_only(pets: Make, datasets: Datasets) -> None:
    data = pets()
    dataset = datasets.add(data, "pets")
    make_trainable(dataset)
    hour_ago = time.time() - 3600
    for path in data.parent.rglob("*.jpg"):
        os.utime(path, (hour_ago, hour_ago))
    make_trainable(dataset)  # a file that was only touched is as it was
    tree = dataset.data_yaml.parent
    (tree / "images/train/train0.jpg").unlink()
    (tree / "images/train/train0.jpg").write_bytes(b"encoded anew by a training")
    make_trainable(dataset)
    assert list(dataset.manifest.verify(tree)) == []
    (data.parent / "images/train/train0.jpg").write_bytes((data.parent / "images/train/train1.jpg").read_bytes())
    with pytest.raises(DatasetError, match=r"1 files of dataset 'pets' are not as they were .*train0\.jpg"):
        make_trainable(dataset)


def test_errors_keep_a_training_from_starting_until_they_are_accepted(pets: Make, datasets: Datasets) -> None:
    data = pets()
    (data.parent / "labels/train/train0.txt").write_text("7 .5 .5 .2 .2\n")
    dataset = datasets.add(data, "pets")
    with pytest.raises(DatasetError, match=r"not fit to train on: .*train0\.txt line 1.*") as refused:
        make_trainable(dataset)
    make_trainable(datasets.accept("pets", refused.value.fields["rules"]))


def test_a_dataset_leaves_in_another_format_and_comes_back(pets: Make, datasets: Datasets, tmp_path: Path) -> None:
    datasets.add(pets(names="[고양이, 개]"), "pets")
    datasets.export("pets", "coco", tmp_path / "coco")
    back = datasets.add(tmp_path / "coco", "back")
    assert (back.format, back.names, back.images) == ("coco", {0: "고양이", 1: "개"}, {"train": 4, "val": 2})
    rows = (back.data_yaml.parent / "labels/train/train0.txt").read_text().split()
    assert [float(value) for value in rows] == pytest.approx([0, 0.5, 0.5, 0.2, 0.2])
    assert back.blocking == {}


def test_duplicates_are_kept_with_the_issues_and_found_anew(pets: Make, datasets: Datasets) -> None:
    data = pets()
    twin = data.parent / "images/val/val0.jpg"
    twin.write_bytes((data.parent / "images/train/train0.jpg").read_bytes())
    datasets.add(data, "pets")
    for _ in range(2):
        found = datasets.find_duplicates("pets").report.issues
        leaks = [row["path"] for row in found.to_pylist() if row["rule"] == "leak-exact"]
        assert leaks == ["images/val/val0.jpg"]


def test_what_lies_elsewhere_is_fetched_as_far_as_asked_for(datasets: Datasets, elsewhere: str) -> None:
    part = datasets.add(elsewhere, "part", choice=Choice(Selection(fraction=0.5)))
    assert part.images == {"train": 2, "val": 1}
    assert datasets.store.usage().objects < 6 + 6 + 1
    whole = datasets.fetch("part", Choice())
    assert whole.images == {"train": 4, "val": 2}
    assert list(whole.manifest.verify(whole.data_yaml.parent)) == []
    chosen = datasets.fetch("part", Choice(view="split:val OR path:*train2*"))
    assert chosen.images == {"train": 1, "val": 2}


def test_what_was_evicted_is_fetched_again(datasets: Datasets, elsewhere: str) -> None:
    dataset = datasets.add(elsewhere, "pets")
    datasets.store.evict(0)
    assert list(dataset.manifest.verify(dataset.data_yaml.parent)) != []
    datasets.fetch("pets")
    assert list(dataset.manifest.verify(dataset.data_yaml.parent)) == []
    make_trainable(dataset)


def test_a_pack_is_read_like_the_dataset_it_was_made_of(pets: Make, datasets: Datasets, tmp_path: Path) -> None:
    first = datasets.add(pets(), "pets")
    packed = datasets.pack("pets", "memory://packed")
    assert packed.files == 13
    assert datasets.add("memory://packed", "back").digest == first.digest
    with pytest.raises(ConflictError, match="holds a packed dataset already"):
        datasets.pack("pets", "memory://packed")


def test_a_local_dataset_has_nothing_to_fetch(pets: Make, datasets: Datasets) -> None:
    datasets.add(pets(), "pets")
    with pytest.raises(DatasetError, match="lies on this machine"):
        datasets.fetch("pets")
    with pytest.raises(DatasetError, match="nothing to fetch of it"):
        datasets.add(pets(), "part", choice=Choice(Selection(splits=("val",))))


def test_a_dataset_that_was_made_from_another_has_no_state_of_its_own(pets: Make, datasets: Datasets) -> None:
    datasets.add(pets(), "pets")
    datasets.select("pets", "split:train,val", "part")
    with pytest.raises(ConflictError, match="was made from 'pets'"):
        datasets.snapshot("part")


def test_an_archive_is_unpacked_into_the_workspace(pets: Make, datasets: Datasets, tmp_path: Path) -> None:

    data = pets()
    first = datasets.add(data, "pets")
    archive = Path(shutil.make_archive(str(tmp_path / "pets"), "zip", data.parent))
    back = datasets.add(archive, "back")
    assert back.digest == first.digest
    assert all(Path(file).is_relative_to(datasets.paths.sources) for file in back.content.images["file"].to_pylist())


def test_a_label_studio_export_of_one_split_can_be_split_and_trained_on(
    datasets: Datasets, tmp_path: Path, picture: Make
) -> None:
    for index in range(6):
        picture(tmp_path / "media" / f"{index}.jpg", index * 30)
    box = {"x": 10, "y": 10, "width": 30, "height": 30, "rectanglelabels": ["cat"]}
    result = {"type": "rectanglelabels", "value": box, "original_width": 32, "original_height": 32}
    tasks = [
        {"id": index, "data": {"image": f"media/{index}.jpg"}, "annotations": [{"result": [result]}]}
        for index in range(6)
    ]
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    dataset = datasets.add(tmp_path / "tasks.json", "cats")
    with pytest.raises(DatasetError, match="not fit to train on"):
        make_trainable(dataset)
    split = datasets.split("cats", {"train": 0.5, "val": 0.5}, "split")
    assert split.images == {"train": 3, "val": 3}
    make_trainable(split)
    assert len(list((split.data_yaml.parent / "labels/train").iterdir())) == 3


def test_nothing_is_left_when_bytes_are_nowhere(pets: Make, datasets: Datasets, tmp_path: Path) -> None:
    data = pets()
    first = datasets.add(data, "pets")
    (data.parent / "images/train/train0.jpg").unlink()
    with pytest.raises(StorageError, match="nowhere any more"):
        datasets.rebuild(first.digest, tmp_path / "again")


def test_a_state_of_a_part_from_elsewhere_is_the_same_part(datasets: Datasets, elsewhere: str) -> None:
    part = datasets.add(elsewhere, "part", choice=Choice(Selection(fraction=0.5), "path:*train*"))
    before, again = datasets.snapshot("part")
    assert before == again.digest == part.digest
    assert again.images == {"train": 2}


def test_an_image_that_stops_a_training_is_found_by_decoding(pets: Make, datasets: Datasets) -> None:
    data = pets()
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)),
        (b"IDAT", b"\x78\x9c no pixels"),  # with a right sum: a scan only looks at that
        (b"IEND", b""),
    ]
    image = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    (data.parent / "images/train/train0.jpg").write_bytes(b"\x89PNG\r\n\x1a\n" + image)
    assert "image-undecodable" not in datasets.add(data, "pets").report.summary
    for _ in range(2):
        assert datasets.decode_images("pets").report.summary["image-undecodable"] == 1


def test_copies_of_a_picture_stay_on_one_side(datasets: Datasets, pets: Make, picture: Make) -> None:
    data = pets()
    root = data.parent / "images/train"
    for copy in range(6):
        (root / f"copy{copy}.jpg").write_bytes((root / "train0.jpg").read_bytes())
    datasets.add(data, "pets")
    for seed in range(3):
        made = datasets.split("pets", {"train": 0.5, "val": 0.5}, "halves", seed=seed, replace=True)
        rows = zip(made.content.images["path"].to_pylist(), made.content.images["split"].to_pylist(), strict=True)
        assert len({split for path, split in rows if "copy" in path or path.endswith("train0.jpg")}) == 1


def test_an_archive_is_added_again_and_its_files_stay_when_it_is_gone(
    pets: Make, datasets: Datasets, tmp_path: Path
) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "pets"), "zip", pets().parent))
    first = datasets.add(archive, "zip")
    assert datasets.add(archive, "zip") == first
    archive.unlink()
    workspace = Workspace(datasets.paths.root, settings=Settings(database_url=None))
    housekeeping.remove(housekeeping.survey(workspace))
    assert first.changed() == []


def test_a_part_is_not_taken_for_its_whole(datasets: Datasets, elsewhere: str) -> None:
    datasets.add(elsewhere, "pets")
    part = datasets.select("pets", "split:train", "part")
    with pytest.raises(ConflictError, match="was made from 'pets'"):
        datasets.fetch("part", Choice())
    assert datasets.show("part") == part


def test_what_was_accepted_stays_accepted_when_a_part_is_made_again(pets: Make, datasets: Datasets) -> None:
    datasets.add(pets(), "pets")
    datasets.select("pets", "split:train", "part")
    accepted = datasets.accept("part", ["split-missing"]).accepted
    assert datasets.select("pets", "split:train", "part").accepted == accepted
    before = datasets.show("pets")
    datasets.accept("pets", ["box-tiny"])
    assert look_for_duplicates(before).accepted == ("box-tiny",)


def test_a_split_that_cures_a_leak_does_not_report_it(pets: Make, datasets: Datasets) -> None:
    data = pets()
    (data.parent / "images/val/val0.jpg").write_bytes((data.parent / "images/train/train0.jpg").read_bytes())
    datasets.add(data, "pets")
    assert "leak-exact" in datasets.find_duplicates("pets").report.summary
    assert "leak-exact" not in datasets.split("pets", {"train": 0.5, "val": 0.5}, "cured").report.summary


def test_two_processes_may_put_one_tree_in_order(pets: Make, datasets: Datasets) -> None:
    dataset = datasets.add(pets(), "pets")
    for _ in range(3):
        shutil.rmtree(dataset.data_yaml.parent)
        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(dataset.prepare) for _ in range(8)]:
                done.result()
        assert list(dataset.manifest.verify(dataset.data_yaml.parent)) == []


def test_a_masks_folder_is_no_part_of_the_digest(pets: Make, datasets: Datasets, tmp_path: Path) -> None:
    digests = set()
    for place in ("one", "two"):
        data = pets(folder=place)
        for split in ("train", "val"):
            for image in (data.parent / "images" / split).iterdir():
                mask = data.parent / "labelled" / split / f"{image.stem}.png"
                mask.parent.mkdir(parents=True, exist_ok=True)
                Image.new("L", (32, 32)).save(mask)
        data.write_text(data.read_text() + f"masks_dir: {data.parent}/labelled\n")
        digests.add(datasets.add(data, place, task="semantic").digest)
    assert len(digests) == 1


def test_a_folder_that_somebody_put_there_is_no_dataset(pets: Make, datasets: Datasets) -> None:
    datasets.add(pets(), "pets")
    shutil.copytree(datasets.paths.datasets / "pets", datasets.paths.datasets / "pets (copy)", symlinks=True)
    assert [dataset.name for dataset in datasets.list()] == ["pets"]


def test_the_way_out_for_a_part_whose_files_changed_keeps_the_part(pets: Make, datasets: Datasets) -> None:
    data = pets()
    datasets.add(data, "pets")
    part = datasets.select("pets", "split:train,val", "part")
    (data.parent / "labels/train/train0.txt").write_text("1 .5 .5 .2 .2\n")
    with pytest.raises(DatasetError, match=r"datasets snapshot pets`, then make 'part' from it again"):
        make_trainable(part)
