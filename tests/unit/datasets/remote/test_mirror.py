"""A folder of links looks like the remote dataset, and holds what was asked for."""

from __future__ import annotations

import errno
import os

import pytest

from tests.unit.datasets.remote.conftest import IMAGES, PETS
from workbench.datasets import remote
from workbench.errors import DatasetError, StorageError

pytestmark = pytest.mark.slow


def test_metadata_comes_first_and_images_are_names_until_they_are_fetched(upload, lease, tmp_path):
    found = remote.open(upload(), lease)
    found.fetch_metadata(tmp_path / "pets")
    assert (tmp_path / "pets/labels/train/a.txt").read_bytes() == PETS["labels/train/a.txt"]
    assert sorted(entry.name for entry in os.scandir(tmp_path / "pets/images/train")) == ["a.jpg", "b.jpg"]
    assert remote.is_pending(tmp_path / "pets/images/train/a.jpg")
    found.fetch(["images/train/a.jpg"], tmp_path / "pets")
    assert (tmp_path / "pets/images/train/a.jpg").read_bytes() == b"photo a"
    assert not remote.is_pending(tmp_path / "pets/images/train/a.jpg")
    assert remote.is_pending(tmp_path / "pets/images/train/b.jpg")


def test_a_link_names_the_sha256_of_what_it_stands_for(upload, lease, tmp_path):
    remote.mirror(upload(), tmp_path / "pets", lease)
    link = tmp_path / "pets/images/val/c.jpg"
    assert lease.store.digest_of(link) == link.readlink().name
    assert lease.store.path(link.readlink().name).read_bytes() == b"photo c"


def test_everything_is_mirrored_byte_for_byte_when_nothing_is_chosen(upload, lease, tmp_path):
    here = remote.mirror(upload(), tmp_path / "pets", lease)
    assert here == tmp_path / "pets"
    assert {path: (here / path).read_bytes() for path in PETS} == PETS


def test_a_uri_that_names_a_file_gives_that_file_here(upload, lease, tmp_path):
    here = remote.mirror(f"{upload()}/data.yaml", tmp_path / "pets", lease, choose=lambda _: [])
    assert here == tmp_path / "pets/data.yaml"
    assert here.read_bytes() == PETS["data.yaml"]


def test_a_second_job_moves_nothing(upload, store, tmp_path):
    uri = upload()
    with store.lease() as first:
        remote.mirror(uri, tmp_path / "one", first)
    with store.lease() as second:
        found = remote.open(uri, second)
        metadata = found.fetch_metadata(tmp_path / "two")
        assert not remote.is_pending(tmp_path / "two/images/train/a.jpg")  # it is linked at once
        images = found.fetch(IMAGES, tmp_path / "two")
    assert (metadata.bytes_moved, images.bytes_moved) == (0, 0)
    assert (images.files, images.bytes) == (3, 21)
    assert (tmp_path / "two/images/train/a.jpg").read_bytes() == b"photo a"


def test_a_file_that_changed_there_is_fetched_anew_and_the_others_are_not(upload, lease, tmp_path):
    remote.mirror(upload(), tmp_path / "pets", lease)
    uri = upload({"images/train/a.jpg": b"another photo"})
    found = remote.open(uri, lease)
    found.fetch_metadata(tmp_path / "pets")
    assert remote.is_pending(tmp_path / "pets/images/train/a.jpg")
    moved = found.fetch(IMAGES, tmp_path / "pets")
    assert moved.bytes_moved == len(b"another photo")
    assert (tmp_path / "pets/images/train/a.jpg").read_bytes() == b"another photo"


def test_a_file_that_is_gone_there_is_gone_here_and_a_file_of_the_user_stays(upload, lease, memory, tmp_path):
    remote.mirror(upload(), tmp_path / "pets", lease)
    (tmp_path / "pets/images/train/notes.jpg").write_text("mine")
    memory.rm_file("/pets/images/train/a.jpg")
    remote.open("memory://pets", lease).fetch_metadata(tmp_path / "pets")
    assert not (tmp_path / "pets/images/train/a.jpg").is_symlink()
    assert (tmp_path / "pets/images/train/notes.jpg").read_text() == "mine"
    assert (tmp_path / "pets/images/train/b.jpg").read_bytes() == b"photo b"


def test_what_was_evicted_comes_back_from_the_listing_of_then(upload, store, memory, tmp_path):
    with store.lease() as lease:
        remote.mirror(upload(), tmp_path / "pets", lease)
    store.evict(0)
    assert remote.is_pending(tmp_path / "pets/images/train/a.jpg")
    memory.pipe_file("/pets/images/train/new.jpg", b"not listed then")
    with store.lease() as lease:
        again = remote.reopen(tmp_path / "pets", lease)
        again.fetch(again.listing["path"].to_pylist(), tmp_path / "pets")
    assert {path: (tmp_path / "pets" / path).read_bytes() for path in PETS} == PETS
    assert not (tmp_path / "pets/images/train/new.jpg").is_symlink()


def test_a_folder_that_is_no_mirror_cannot_be_reopened(lease, tmp_path):
    with pytest.raises(StorageError, match="no copy of a remote dataset"):
        remote.reopen(tmp_path, lease)
    (tmp_path / ".remote.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(StorageError, match="Add the dataset again"):
        remote.reopen(tmp_path, lease)


def test_a_path_that_is_not_listed_is_refused_with_the_nearest_name(upload, lease, tmp_path):
    found = remote.open(upload(), lease)
    found.fetch_metadata(tmp_path / "pets")
    with pytest.raises(DatasetError, match=r"'images/train/aa.jpg' is not in.*7 files.*'images/train/a.jpg'"):
        found.fetch(["images/train/aa.jpg"], tmp_path / "pets")


def test_links_to_nothing_are_names_of_one_link_and_of_another_when_it_has_too_many(
    upload, lease, tmp_path, monkeypatch
):
    real, links = os.link, []

    def link(source, target, **options):
        links.append(target)
        if len(links) == 2:
            raise OSError(errno.EMLINK, "Too many links")
        real(source, target, **options)

    monkeypatch.setattr(os, "link", link)
    found = remote.open(upload(), lease)
    found.fetch_metadata(tmp_path / "pets")
    assert all(remote.is_pending(tmp_path / "pets" / path) for path in IMAGES)
    found.fetch(IMAGES, tmp_path / "pets")
    assert {path: (tmp_path / "pets" / path).read_bytes() for path in PETS} == PETS
    assert (tmp_path / "pets/.pending").is_symlink()


def test_names_that_leave_the_folder_are_left_out_and_said(upload, lease, memory, tmp_path):
    uri = upload({**PETS, "../evil.jpg": b"x", "images/\x1b[2J.jpg": b"x", "images/train": b"a file and a folder"})
    memory.store["/pets/../evil.txt"] = memory.store["/pets/data.yaml"]
    found = remote.open(uri, lease)
    remote.mirror(uri, tmp_path / "pets", lease)
    reasons = {one.path: one.reason for one in found.refused}
    assert reasons["../evil.txt"] == "it leaves the folder of the dataset"
    assert reasons["images/\x1b[2J.jpg"] == "it has control characters"
    assert reasons["images/train"] == "a folder has the same name"
    assert not (tmp_path / "evil.txt").exists()
    assert not (tmp_path / "evil.jpg").exists()
    assert (tmp_path / "pets/images/train/a.jpg").read_bytes() == b"photo a"


def test_hidden_files_and_caches_are_not_mirrored(upload, lease, tmp_path):
    remote.mirror(upload({**PETS, ".git/config": b"x", "labels/train.cache": b"pickle"}), tmp_path / "pets", lease)
    assert not (tmp_path / "pets/.git").exists()
    assert not (tmp_path / "pets/labels/train.cache").is_symlink()


def test_nothing_at_the_address_is_an_error(memory, lease):
    with pytest.raises(DatasetError, match=r"There is nothing at 'memory://nowhere'"):
        remote.open("memory://nowhere", lease)


def test_an_archive_is_fetched_alone(upload, lease, tmp_path):
    here = remote.mirror(f"{upload({**PETS, 'pets.zip': b'PK'})}/pets.zip", tmp_path / "pets", lease)
    assert here.read_bytes() == b"PK"
    assert not (tmp_path / "pets/data.yaml").exists()


def test_a_protocol_nobody_knows_is_an_error_with_the_nearest_one(lease):
    with pytest.raises(DatasetError, match=r"'htps://b/x' is an address of an unknown kind.*Did you mean 'https'"):
        remote.open("htps://b/x", lease)


def test_a_mirror_that_cannot_be_written_says_where(upload, lease, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="file/pets"):
        remote.mirror(upload(), tmp_path / "file/pets", lease)
