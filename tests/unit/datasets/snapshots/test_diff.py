"""What differs between two snapshots is told by content, not by name."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pyarrow as pa

from workbench.datasets.snapshots.diff import Change, compare
from workbench.datasets.snapshots.manifest import FILES, Manifest


def manifest(*rows: tuple[str, str, str], task: str = "detect") -> Manifest:
    """Build one from (path of the image, its pixels, its label; "" without one)."""
    files: list[tuple[str, bytes, int]] = []
    for image_id, (path, pixels, label) in enumerate(rows):
        files.append((path, pixels.encode(), image_id))
        if label:
            files.append((path.replace("images/", "labels/").replace(".jpg", ".txt"), label.encode(), image_id))
    files.sort()
    columns = {
        "path": [path for path, _, _ in files],
        "sha256": [hashlib.sha256(content).digest() for _, content, _ in files],
        "bytes": [len(content) for _, content, _ in files],
        "image_id": [image_id for _, _, image_id in files],
    }
    table = pa.table([columns.get(name) or pa.nulls(len(files), FILES.field(name).type) for name in FILES.names], FILES)
    return Manifest(task, {0: "cat"}, {}, table)


A = ("images/train/a.jpg", "pixels of a", "0 .5 .5 .1 .1")
B = ("images/train/b.jpg", "pixels of b", "0 .5 .5 .1 .1")
C = ("images/val/c.jpg", "pixels of c", "")


def changes(before: Manifest, after: Manifest) -> list[tuple[str, str, str]]:
    return [(change.kind, change.path, change.before) for change in compare(before, after).changes]


def test_the_same_twice_differs_in_nothing() -> None:
    found = compare(manifest(A, B, C), manifest(A, B, C))
    assert (found.changes, found.header, found.counts) == ((), {}, {})


def test_added_and_removed() -> None:
    assert changes(manifest(A, C), manifest(B, C)) == [
        ("removed", "images/train/a.jpg", ""),
        ("added", "images/train/b.jpg", ""),
    ]


def test_other_pixels_under_one_path_are_a_replacement() -> None:
    assert changes(manifest(A, C), manifest((A[0], "sharper pixels", A[2]), C)) == [("replaced", A[0], "")]


def test_a_label_that_was_edited_added_or_taken_away_relabels_its_image() -> None:
    before = manifest(A, B, C)
    after = manifest((*A[:2], "0 .4 .5 .1 .1"), (*B[:2], ""), (*C[:2], "0 .1 .1 .1 .1"))
    assert changes(before, after) == [
        ("relabelled", A[0], ""),
        ("relabelled", B[0], ""),
        ("relabelled", C[0], ""),
    ]


def test_an_image_in_another_split_has_moved_also_when_its_label_changed() -> None:
    moved = ("images/val/a.jpg", A[1], "0 .9 .9 .1 .1")
    assert changes(manifest(A, B, C), manifest(moved, B, C)) == [
        ("moved", "images/val/a.jpg", "images/train/a.jpg"),
        ("relabelled", "images/val/a.jpg", "images/train/a.jpg"),
    ]


def test_another_name_in_the_same_split_is_a_renaming() -> None:
    assert changes(manifest(A, C), manifest(("images/train/z.jpg", A[1], A[2]), C)) == [
        ("renamed", "images/train/z.jpg", "images/train/a.jpg")
    ]


def test_copies_of_one_image_are_paired_by_path_then_by_split() -> None:
    twin, far = ("images/train/twin.jpg", A[1], A[2]), ("images/val/far.jpg", A[1], A[2])
    before = manifest(A, twin, far)
    assert changes(before, manifest(A, ("images/train/new.jpg", A[1], A[2]), far)) == [
        ("renamed", "images/train/new.jpg", "images/train/twin.jpg")
    ]


def test_classes_of_a_folder_are_labels() -> None:
    before = manifest(("train/cat/1.jpg", "one", ""), ("val/cat/2.jpg", "two", ""), task="classify")
    after = manifest(("train/dog/1.jpg", "one", ""), ("val/cat/2.jpg", "two", ""), task="classify")
    assert changes(before, after) == [("relabelled", "train/dog/1.jpg", "train/cat/1.jpg")]


def test_names_task_and_options_are_told_apart_from_images() -> None:
    before = manifest(A, C)
    found = compare(before, replace(before, names={0: "고양이"}, options={"kpt_shape": [17, 3]}))
    assert found.changes == ()
    assert found.header == {"names": ({0: "cat"}, {0: "고양이"}), "options": ({}, {"kpt_shape": [17, 3]})}


def test_the_payload_is_bounded_and_counts_all() -> None:
    many = [(f"images/train/{index}.jpg", f"{index}", "") for index in range(9)]
    payload = compare(manifest(C), manifest(C, *many)).to_payload(limit=3)
    assert payload["counts"] == {"added": 9}
    assert [change["path"] for change in payload["changes"]["added"]] == [f"images/train/{n}.jpg" for n in range(3)]
    assert Change("added", "x").before == ""
