"""``workbench datasets``: what people read, and what programs do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytestmark = pytest.mark.slow


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Six photographs of cats and dogs in two splits, one of them with a class that does not exist."""
    root = tmp_path / "pets"
    for number, (split, row) in enumerate(
        [*[("train", "0 .5 .5 .2 .2")] * 3, ("train", "7 .5 .5 .2 .2"), *[("val", "1 .5 .5 .9 .9")] * 2]
    ):
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True, exist_ok=True)
        Image.effect_noise((64, 64), number * 10 + 10).convert("RGB").save(root / "images" / split / f"{number}.jpg")
        (root / "labels" / split / f"{number}.txt").write_text(row + "\n")
    (root / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [cat, dog]\n")
    return root


def test_an_added_dataset_says_what_it_is_and_what_keeps_a_training_from_starting(say: Any, pets: Path) -> None:
    added = say("datasets", "add", str(pets))
    assert added.status == 0
    assert "train 4  val 2" in added.out
    assert "! " in added.out
    assert "label-class-unknown" in added.out
    (listed,) = say("datasets", "list", "--json").json["datasets"]
    assert (listed["name"], listed["format"], listed["images"]) == ("pets", "yolo", {"train": 4, "val": 2})


def test_check_ends_with_1_until_the_rule_is_accepted(say: Any, pets: Path, tmp_path: Path) -> None:
    say("datasets", "add", str(pets))
    found = say("datasets", "check", "pets", "--json")
    assert found.status == 1
    assert list(found.json["blocking"]) == ["label-class-unknown"]
    assert found.json["images"] == {"total": 6, "dropped": 1, "rewritten": 0}
    assert say("datasets", "check", "pets", "--accept", "label-class-unknow").status == 2
    page = tmp_path / "report.html"
    accepted = say("datasets", "check", "pets", "--accept", "label-class-unknown", "--html", str(page))
    assert accepted.status == 0
    assert "1 of 6 images will be dropped" in accepted.out
    assert "labels/train/3.txt line 1" in accepted.out
    assert "<html" in page.read_text("utf-8")
    assert "6개 중 1개가 제외됩니다" in say("datasets", "check", "pets", "--language", "ko").out


def test_rules_are_listed(say: Any) -> None:
    listed = {rule["rule"]: rule for rule in say("datasets", "rules", "--json").json["rules"]}
    assert listed["label-class-unknown"]["severity"] == "error"
    assert "label-class-unknown" in say("datasets", "rules").out


def test_a_question_is_answered_in_sql_or_counted_by_class(say: Any, pets: Path) -> None:
    say("datasets", "add", str(pets))
    answer = say("datasets", "query", "pets", "select count(*) as n from images where split = 'train'", "--json").json
    assert (answer["columns"], answer["rows"]) == (["n"], [[4]])
    counted = say("datasets", "query", "pets", "--view", "class:dog", "--json").json
    assert counted["images"] == 2
    assert say("datasets", "query", "pets", "drop table images").status == 2
    wrong = say("datasets", "query", "pets", "--view", "class:dgo")
    assert (wrong.status, "Did you mean 'dog'?" in wrong.err) == (2, True)


def test_pages_follow_each_other(say: Any, pets: Path) -> None:
    say("datasets", "add", str(pets))
    first = say("datasets", "page", "pets", "--limit", "4", "--json").json
    second = say("datasets", "page", "pets", "--limit", "4", "--after", str(first["after"]), "--json").json
    paths = [image["path"] for image in (*first["images"], *second["images"])]
    assert paths == [f"images/train/{n}.jpg" for n in range(4)] + [f"images/val/{n}.jpg" for n in (4, 5)]
    assert second["after"] is None
    assert first["images"][0]["classes"] == {"cat": 1}
    assert "1 cat" in say("datasets", "page", "pets").out


def test_duplicates_are_listed(say: Any, pets: Path) -> None:
    (pets / "images/val/4.jpg").write_bytes((pets / "images/train/0.jpg").read_bytes())
    say("datasets", "add", str(pets))
    (found,) = [one for one in say("datasets", "duplicates", "pets", "--json").json["found"] if "leak" in one["rule"]]
    assert (found["rule"], found["path"]) == ("leak-exact", "images/val/4.jpg")


def test_parts_splits_and_views(say: Any, pets: Path) -> None:
    say("datasets", "add", str(pets))
    assert say("datasets", "view", "pets", "cats", "class:cat").status == 0
    part = say("datasets", "select", "pets", "view:cats OR split:val", "--name", "part", "--json").json
    assert part["images"] == {"train": 3, "val": 2}
    halves = say("datasets", "split", "pets", "--train", "0.5", "--val", "0.5", "--name", "halves", "--json").json
    assert sum(halves["images"].values()) == 6
    assert say("datasets", "split", "pets", "--train", "0.5", "--val", "0.6", "--name", "odd").status == 2
    assert say("datasets", "select", "pets", "class:cat", "--name", "part").status == 2
    assert say("datasets", "select", "pets", "class:cat", "--name", "part", "--replace").status == 0


def test_states_are_compared_and_had_again(say: Any, pets: Path, tmp_path: Path) -> None:
    first = say("datasets", "add", str(pets), "--json").json["digest"]
    (pets / "labels/train/0.txt").write_text("1 .5 .5 .2 .2\n")
    taken = say("datasets", "snapshot", "pets", "--json").json
    assert (taken["before"], taken["counts"]) == (first, {"relabelled": 1})
    told = say("datasets", "diff", first, "pets")
    assert "1 relabelled" in told.out
    assert "images/train/0.jpg" in told.out
    assert say("datasets", "rebuild", first, "--to", str(tmp_path / "again")).status == 0
    assert (tmp_path / "again/labels/train/0.txt").read_text() == "0 .5 .5 .2 .2\n"
    assert say("datasets", "diff", "pets", "pets").out == "Nothing differs.\n"
    assert say("datasets", "diff", "pets", "nope").status == 2


def test_an_export_says_where_it_is_and_what_it_lost(say: Any, pets: Path, tmp_path: Path) -> None:
    say("datasets", "add", str(pets))
    made = say("datasets", "export", "pets", "coco", "--to", str(tmp_path / "coco"), "--json").json
    assert made["format"] == "coco"
    files = list((tmp_path / "coco").rglob("*.json"))
    assert {len(json.loads(file.read_text())["images"]) for file in files} == {4, 2}
    assert say("datasets", "export", "pets", "cocoo", "--to", str(tmp_path / "x")).status == 2


def test_a_pack_is_made_and_not_overwritten(say: Any, pets: Path, tmp_path: Path) -> None:
    say("datasets", "add", str(pets))
    made = say("datasets", "pack", "pets", "--to", str(tmp_path / "packed"), "--json").json
    assert made["files"] == 13
    assert say("datasets", "pack", "pets", "--to", str(tmp_path / "packed")).status == 2
    assert say("datasets", "fetch", "pets").status == 2
