"""Where ultralytics refuses a whole dataset, or splits are made of lists and links, lint says so before."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.datasets import predicted
from tests.contract.datasets.faulty import write
from tests.contract.datasets.faulty_images import saved
from tests.contract.datasets.faulty_labels import GOOD
from tests.contract.datasets.scanned import ask
from workbench.datasets.filenames import to_name
from workbench.errors import DatasetError

pytestmark = pytest.mark.xdist_group("faulty")
_POLYGON = "0 0.1 0.1 0.4 0.1 0.4 0.5\n"
_CORNERS = "0 0.1 0.1 0.4 0.1 0.4 0.5 0.1 0.5\n"


def _tree(folder: Path, task: str, labels: dict[str, str | None], /, **changes: Any) -> None:
    """Write a dataset of images with these label files; ``changes`` are of its data.yaml, None takes a key away."""
    val = next((label for label in labels.values() if label), GOOD)
    for split, files in (("train", labels), ("val", {"v": val})):
        for name, label in files.items():
            write(folder / f"images/{split}/{name}.jpg", saved("JPEG"))
            if label is not None:
                write(folder / f"labels/{split}/{name}.txt", label)
    sheet = {
        "path": str(folder),
        "train": "images/train",
        "val": "images/val",
        "names": {0: "cat", 1: "dog"},
        **changes,
    }
    write(folder / "data.yaml", yaml.safe_dump({key: value for key, value in sheet.items() if value is not None}))
    write(folder / "family.json", json.dumps({"task": task}))


def _bad_images(folder: Path) -> None:
    _tree(folder, "detect", {"a": GOOD})
    write(folder / "images/train/a.jpg", b"rubbish")


def _list(content: str | bytes) -> Callable[[Path], None]:
    def build(folder: Path) -> None:
        _tree(folder, "detect", {"a": GOOD, "b": GOOD, "c": GOOD}, train="train.txt")
        text = content.replace("ROOT", str(folder)) if isinstance(content, str) else content
        write(folder / "train.txt", text)

    return build


def _folders(folder: Path) -> None:
    _tree(folder, "detect", {"a": GOOD, "b": GOOD}, train=["images/train", "more/images"])
    write(folder / "more/images/c.jpg", saved("JPEG"))
    write(folder / "more/labels/c.txt", GOOD)


def _loop(folder: Path) -> None:
    _tree(folder, "detect", {"a": GOOD})
    (folder / "images/train/loop").symlink_to(folder / "images/train")


def _linked_split(folder: Path) -> None:
    """The split is a link to a folder whose labels lie beside the folder, not beside the link."""
    _tree(folder, "detect", {"unused": GOOD}, train="images/linked")
    write(folder / "elsewhere/images/set/a.jpg", saved("JPEG"))
    write(folder / "elsewhere/labels/set/a.txt", GOOD + "1 0.3 0.3 0.1 0.1\n")
    (folder / "images/linked").symlink_to(folder / "elsewhere/images/set")


def _words(folder: Path) -> None:
    _tree(folder, "detect", {"a": GOOD})
    write(folder / "data.yaml", "train: images/train\nval: [images/val\nnames: {0: cat}\n")


# Whether ultralytics refuses it, and what lint calls it; None: a DatasetError when it is read
REFUSED: dict[str, tuple[Callable[[Path], None], str | None]] = {
    "boxes for segment": (lambda f: _tree(f, "segment", {"a": _POLYGON, "b": GOOD}), "task-shapes"),
    "boxes for obb": (lambda f: _tree(f, "obb", {"a": _CORNERS, "b": GOOD}), "task-shapes"),
    "boxes for semantic": (lambda f: _tree(f, "semantic", {"a": _POLYGON, "b": GOOD}), "task-shapes"),
    "every image bad": (_bad_images, "split-empty"),
    "every label bad": (lambda f: _tree(f, "detect", {"a": "9 9 9 9 9\n"}), "split-empty"),
    "no label file at all": (lambda f: _tree(f, "detect", {"a": None, "b": None}), "split-unlabelled"),
    "no train": (lambda f: _tree(f, "detect", {"a": GOOD}, train=None), None),
    "no names": (lambda f: _tree(f, "detect", {"a": GOOD}, names=None), None),
    "nc unlike names": (lambda f: _tree(f, "detect", {"a": GOOD}, nc=3), None),
    "train elsewhere": (lambda f: _tree(f, "detect", {"a": GOOD}, train="images/trian"), None),
    "pose without kpt_shape": (lambda f: _tree(f, "pose", {"a": GOOD}), None),
    "an empty list": (_list(""), "split-missing"),
    "a list of text": (_list("hello\n"), "split-missing"),
    "yaml that is none": (_words, None),
}
READ: dict[str, Callable[[Path], None]] = {
    "a list": _list("./images/train/a.jpg\n./images/train/b.jpg\n"),
    "a list of absolute paths": _list("ROOT/images/train/a.jpg\nROOT/images/train/c.jpg\n"),
    "a list with a missing image": _list("./images/train/a.jpg\n./images/train/none.jpg\n"),
    "a list of windows lines": _list("./images/train/a.jpg\r\n./images/train/b.jpg\r\n"),
    "a list with a byte-order mark": _list("./images/train/a.jpg\n".encode("utf-8-sig")),
    "a list with blank lines": _list("\n./images/train/a.jpg\n\n./images/train/b.jpg\n\n"),
    "a list with other files": _list("./images/train/a.jpg\n./labels/train/a.txt\n# b\n"),
    "two folders": _folders,
    "a linked split": _linked_split,
    "boxes and polygons in two files": lambda f: _tree(f, "detect", {"a": GOOD, "b": _POLYGON}),
    "empty label files only": lambda f: _tree(f, "detect", {"a": "", "b": ""}),
    "names as a list": lambda f: _tree(f, "detect", {"a": "1 0.5 0.5 0.2 0.2\n"}, names=["cat", "dog"]),
    "nc without names": lambda f: _tree(
        f, "detect", {"a": "1 0.5 0.5 0.2 0.2\n", "b": "2 .5 .5 .1 .1"}, names=None, nc=2
    ),
}


def _folder(name: str) -> str:
    return name.replace(" ", "-")


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    root = tmp_path_factory.mktemp("wholes")
    for copy in ("ours", "theirs"):
        for name, build in {
            **{name: make for name, (make, _) in REFUSED.items()},
            **READ,
            "a loop of links": _loop,
        }.items():
            build(root / copy / _folder(name))
    return root / "ours", ask("scanned", root / "theirs", root / "home")


@pytest.mark.parametrize("name", REFUSED)
def test_what_ultralytics_refuses_does_not_reach_a_run(places: Any, name: str) -> None:
    """It is refused when it is read, or blocked by the rule that says why."""
    ours, done = places
    assert done[_folder(name)]["error"] is not None
    folder, rule = ours / _folder(name), REFUSED[name][1]
    task = json.loads((folder / "family.json").read_text("utf-8"))["task"]
    if rule is None:
        with pytest.raises(DatasetError):
            predicted.look(folder, task)
    else:
        _, report = predicted.look(folder, task)
        assert rule in {found.rule.id for found in report.blocking()}


@pytest.mark.parametrize("name", READ)
def test_what_ultralytics_reads_is_read_alike(places: Any, name: str) -> None:
    """The same files, whatever way leads to them, with as many objects in all of them."""
    ours, done = places
    folder, theirs = ours / _folder(name), done[_folder(name)]
    assert theirs["error"] is None
    content, report = predicted.look(folder, "detect")
    rows = content.images.to_pylist()
    train = [row for row in rows if row["split"] == "train" and row["effect"] != "drop"]
    assert {_real(folder / to_name(row["file"])) for row in train} == {
        _real(folder / path.strip("'")) for path in theirs["kept"]
    }
    counted = {_real(folder / path.strip("'")): len(of["rows"]) for path, of in theirs["kept"].items()}
    ids = {row["image_id"]: _real(Path(to_name(row["file"]))) for row in train}
    objects = [ids[row] for row in content.objects["image_id"].to_pylist() if row in ids]
    assert {path: objects.count(path) for path in counted} == counted
    assert (report.blocking() != ()) == (name in _BLOCKED)


def test_a_loop_of_links_is_gone_through_once(places: Any) -> None:
    """ultralytics follows it forty deep, and trains forty copies without labels; its tree of links has no loop."""
    ours, done = places
    assert len(done["a-loop-of-links"]["kept"]) > 30
    content, report = predicted.look(ours / "a-loop-of-links", "detect")
    assert content.counts == {"train": 1, "val": 1}
    assert report.blocking() == ()


# A missing or faulty file is dropped, and nothing is learned from empty labels: ultralytics only mentions it
_BLOCKED = {"a list with a missing image", "empty label files only", "nc without names"}


def _real(path: Path) -> str:
    return os.path.realpath(path).replace("/theirs/", "/ours/")
