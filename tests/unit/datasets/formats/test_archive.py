"""Archives, unpacked without trusting them."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest

from workbench.datasets.formats import archive
from workbench.errors import DatasetError

pytestmark = pytest.mark.slow


def _zip(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return path


def _tar(path, *members, mode="w:gz"):
    with tarfile.open(path, mode) as packed:
        for name, content, *link in members:
            info = tarfile.TarInfo(name)
            if link:
                info.type, info.linkname = link[0], content
                packed.addfile(info)
            else:
                info.size = len(content)
                packed.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


def _files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_zip_is_unpacked(tmp_path, folder):
    path = _zip(tmp_path / "a.zip", {"images/a.jpg": b"1", "data.yaml": b"2", "__MACOSX/x": b"3"})
    assert archive.is_archive(path)
    found, losses = archive.unpack(path, folder)
    assert (found, losses) == (folder, ())
    assert _files(folder) == {"images/a.jpg": b"1", "data.yaml": b"2"}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_is_unpacked_whatever_compresses_it(tmp_path, folder, mode):
    path = _tar(tmp_path / f"a.tar.{mode[2:] or 'x'}", ("pets/a.jpg", b"1"), mode=mode)
    assert archive.is_archive(path)
    assert archive.unpack(path, folder)[0] == folder / "pets"
    assert _files(folder) == {"pets/a.jpg": b"1"}


def test_other_files_are_no_archives(text, picture):
    assert not archive.is_archive(text("a.json", "{}"))
    assert not archive.is_archive(picture("a.jpg"))


@pytest.mark.parametrize("name", ["../a", "/a", "x/../../a", "..\\a", "C:/a", "C:\\a"])
def test_a_member_that_leads_out_is_refused_and_nothing_stays(tmp_path, folder, name):
    for path in (
        _zip(tmp_path / "a.zip", {"ok": b"1", name: b"2"}),
        _tar(tmp_path / "a.tgz", ("ok", b"1"), (name, b"2")),
    ):
        with pytest.raises(DatasetError, match="leads out of it"):
            archive.unpack(path, folder)
        assert not folder.exists()
        assert {child.name for child in tmp_path.iterdir()} <= {"a.zip", "a.tgz"}


def test_a_link_to_a_member_becomes_a_file_and_any_other_is_left_out(tmp_path, folder):
    path = _tar(
        tmp_path / "a.tgz",
        ("objects/1", b"bytes"),
        ("images/a.jpg", "../objects/1", tarfile.SYMTYPE),
        ("images/b.jpg", "objects/1", tarfile.LNKTYPE),
        ("images/c.jpg", "/etc/passwd", tarfile.SYMTYPE),
        ("images/d.jpg", "../../etc/passwd", tarfile.SYMTYPE),
        ("images/e.jpg", "../objects", tarfile.SYMTYPE),
    )
    _, (loss,) = archive.unpack(path, folder)
    assert _files(folder) == {"objects/1": b"bytes", "images/a.jpg": b"bytes", "images/b.jpg": b"bytes"}
    assert loss.count == 3
    assert not any(child.is_symlink() for child in folder.rglob("*"))


def test_a_file_is_never_written_through_a_link_that_came_before_it(tmp_path, folder):
    (tmp_path / "target").mkdir()
    path = _tar(tmp_path / "a.tar", ("x", str(tmp_path / "target"), tarfile.SYMTYPE), ("x/evil", b"1"), mode="w")
    archive.unpack(path, folder)
    assert list((tmp_path / "target").iterdir()) == []


def test_a_device_is_refused(tmp_path, folder):
    with pytest.raises(DatasetError, match="no file"):
        archive.unpack(_tar(tmp_path / "a.tar", ("fifo", "", tarfile.FIFOTYPE), mode="w"), folder)


def test_a_bomb_is_refused_before_it_is_large(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(archive, "FREE_BYTES", 1 << 20)
    path = _zip(tmp_path / "a.zip", {"zeros": b"\0" * (8 << 20)}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(DatasetError, match="it is a bomb"):
        archive.unpack(path, folder)
    assert not folder.exists()


def test_too_many_members_are_refused(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(archive, "MEMBERS_MAX", 3)
    with pytest.raises(DatasetError, match="more than 3 members"):
        archive.unpack(_zip(tmp_path / "a.zip", {str(number): b"" for number in range(4)}), folder)


def test_names_that_some_file_systems_take_for_one_are_refused(tmp_path, folder):
    with pytest.raises(DatasetError, match="twice"):
        archive.unpack(_zip(tmp_path / "a.zip", {"a.jpg": b"1", "A.jpg": b"2"}), folder)


@pytest.mark.parametrize("cut", [30, 90, 160])
def test_a_damaged_archive_is_refused(tmp_path, folder, cut):
    for path in (
        _zip(tmp_path / "a.zip", {"a": b"1" * 50, "b": b"2" * 50}),
        _tar(tmp_path / "a.tar.gz", ("a", bytes(range(256)) * 2), ("b", b"2" * 50)),
    ):
        path.write_bytes(path.read_bytes()[:cut])
        with pytest.raises(DatasetError, match="is damaged"):
            archive.unpack(path, folder)
        assert not folder.exists()


def test_an_encrypted_zip_is_refused(tmp_path, folder):
    path = _zip(tmp_path / "a.zip", {"a": b"1"})
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(DatasetError, match="is encrypted"):
        archive.unpack(path, folder)


def test_a_name_that_would_take_the_memory_is_refused(tmp_path, folder):
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 8 << 20
    path = tmp_path / "long.tar"
    path.write_bytes(
        header.tobuf(tarfile.GNU_FORMAT) + b"a" * header.size + tarfile.TarInfo("x").tobuf() + b"\0" * 1024
    )
    with pytest.raises(DatasetError, match="is damaged"):
        archive.unpack(path, folder)


def test_deep_names_and_empty_files_are_charged(tmp_path, folder, monkeypatch):
    with pytest.raises(DatasetError, match="a member whose name has"):
        archive.unpack(_zip(tmp_path / "deep.zip", {"a/" * 1500 + "x": b""}), folder)
    monkeypatch.setattr(archive, "FREE_BYTES", 1 << 16)
    monkeypatch.setattr(archive, "RATIO_MAX", 1)
    with pytest.raises(DatasetError, match="it is a bomb"):
        archive.unpack(_tar(tmp_path / "many.tar.gz", *[(f"{n}.txt", b"") for n in range(2000)]), folder)
