"""What the dataset browser answers: windows of images, counts, one image, what is picked and kept."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.waiting import until
from workbench.datasets.pictures.thumbs import Picture, Thumb, Thumbs
from workbench.datasets.registry import Dataset
from workbench.errors import DatasetError, RequestError
from workbench.widgets.state.grid import GridModel
from workbench.widgets.state.grid_pictures import Pictures, Wanted
from workbench.widgets.state.messages import Sent
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow  # goes through much of the house

NAMES = ["cat", "<b>dog</b>", "신호등, 빨강"]


def draw(path: Path, seed: int, width: int = 64) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((width, 48)).save(path)
    return path


def make(folder: Path) -> Path:
    """Six images to train on and three to measure on: a copy of the first, a torn one, one without labels."""
    for split, count in (("train", 6), ("val", 3)):
        for number in range(count):
            draw(folder / "images" / split / f"{split}{number}.png", number + 10 * count, 64 + 8 * (number % 2))
            text = folder / "labels" / split / f"{split}{number}.txt"
            text.parent.mkdir(parents=True, exist_ok=True)
            rows = [f"{number % 3} 0.5 0.5 {0.5 - each / 10} 0.5\n" for each in range(number + 1)]
            text.write_text("".join(rows) if number < 5 else "", "utf-8")
    shutil.copy(folder / "images/train/train0.png", folder / "images/val/val0.png")
    torn = folder / "images/train/train4.png"
    torn.write_bytes(torn.read_bytes()[:60])
    told = {"path": str(folder), "train": "images/train", "val": "images/val", "names": dict(enumerate(NAMES))}
    (folder / "data.yaml").write_text(yaml.safe_dump(told, allow_unicode=True), "utf-8")
    return folder / "data.yaml"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grid")
    Workspace(folder / "workspace").datasets.add(make(folder / "pets"), "pets")
    return folder


@pytest.fixture
def workspace(prepared: Path, tmp_path: Path) -> Workspace:
    """A workspace of one's own with the dataset ``pets``, whose images lie elsewhere."""
    shutil.copytree(prepared / "workspace", tmp_path / "workspace", symlinks=True)
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def model(workspace: Workspace) -> Iterator[GridModel]:
    def keep(name: str, text: str) -> Dataset:
        return workspace.datasets.keep_view("pets", name, text)

    made = GridModel(workspace.datasets.show("pets"), keep)
    yield made
    made.close()


def send(model: GridModel, kind: str, **body: Any) -> Sent:
    sent = model.answer({"v": 1, "id": "1", "view": "a", "kind": kind, **body})
    json.dumps(sent.content, allow_nan=False)
    return sent


def ask(model: GridModel, kind: str, **body: Any) -> dict[str, Any]:
    sent = send(model, kind, **body)
    assert sent.content["kind"] == "ok", sent.content
    found: dict[str, Any] = sent.content["data"]
    return found


def problem(model: GridModel, kind: str, **body: Any) -> dict[str, str]:
    sent = send(model, kind, **body)
    assert sent.content["kind"] == "error"
    told: dict[str, str] = sent.content["data"]
    return told


def test_hello_says_what_the_dataset_is(model: GridModel) -> None:
    told = ask(model, "hello")
    assert (told["name"], told["task"], told["images"], told["splits"]) == ("pets", "detect", 9, ["train", "val"])
    assert [each["name"] for each in told["classes"]] == NAMES


def test_a_window_gives_rows_with_shapes_and_the_bytes_of_their_thumbnails(model: GridModel) -> None:
    sent = send(model, "window", where="split:train", start=1, count=2, size=64)
    first, second = sent.content["data"]["rows"]
    assert (first["path"], first["count"], first["shown"]) == ("images/train/train1.png", 2, [64, 43])
    assert first["shapes"][0] == {"c": 1, "b": [16.0, 10.75, 32.0, 21.5]}
    assert [first["thumb"], second["thumb"]] == [0, 1]
    assert [bytes(each[:4]) for each in sent.buffers] == [b"RIFF", b"RIFF"]


def test_what_masks_mark_comes_with_the_pictures(tmp_path: Path) -> None:
    for number in range(2):
        draw(tmp_path / f"roads/images/train/{number}.png", number)
        values = np.full((48, 64), 255, np.uint8)
        values[12:36, 16:48] = 7
        place = tmp_path / f"roads/masks/train/{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(place)
    told = {"path": str(tmp_path / "roads"), "train": "images/train", "val": "images/train", "names": ["road", "sky"]}
    told |= {"masks_dir": "masks", "label_mapping": {7: 1}}
    (tmp_path / "roads/data.yaml").write_text(yaml.safe_dump(told))
    dataset = Workspace(tmp_path / "workspace").datasets.add(tmp_path / "roads/data.yaml", "roads", task="semantic")
    model = GridModel(dataset)
    try:
        row = ask(model, "window", where="split:train", start=0, count=1, size=64)["rows"][0]
        assert [(shape["c"], shape["b"]) for shape in row["shapes"]] == [(1, [16, 12, 32, 24])]
        (late,) = ask(model, "late", ids=[1], size=64)["thumbs"]
        assert late["shapes"] == row["shapes"]
        until(lambda: ask(model, "image", image=0)["ready"], 30)
        assert ask(model, "image", image=0)["shapes"][0]["c"] == 1
    finally:
        model.close()


def test_a_window_beyond_the_end_is_cut(model: GridModel) -> None:
    assert [row["id"] for row in ask(model, "window", start=7, count=50)["rows"]] == [7, 8]
    assert ask(model, "window", start=100, count=5) == {"start": 9, "total": 9, "rows": []}


def test_an_image_that_cannot_be_decoded_says_why_and_the_others_are_shown(model: GridModel) -> None:
    sent = send(model, "window", start=0, count=9)
    rows = {row["path"][7:]: row for row in sent.content["data"]["rows"]}
    assert "train4.png" in "".join(rows)
    assert rows["train/train4.png"]["problem"] != ""
    assert rows["train/train4.png"]["thumb"] == -1
    assert len(sent.buffers) == 8


def test_a_window_without_pictures_makes_none(model: GridModel) -> None:
    sent = send(model, "window", start=0, count=9, pictures=False)
    assert len(sent.buffers) == 0
    assert not model.dataset.workspace.thumbnails.exists()


def test_a_slow_disk_holds_up_no_answer_and_late_pictures_are_given_when_they_are_there(tmp_path: Path) -> None:
    awake = threading.Event()

    class Slow(Thumbs):
        def get(self, picture: Picture, size: int = 256) -> Thumb:
            assert awake.wait(30)
            return Thumb(picture.file.encode())

    pictures = Pictures(Slow(tmp_path), wait_s=0.01)
    wanted = [Wanted(number, Picture(str(number)), 64) for number in range(2)]
    assert pictures.thumbs(wanted) == {}
    awake.set()
    until(lambda: {image: thumb.data for image, thumb in pictures.thumbs(wanted).items()} == {0: b"0", 1: b"1"}, 30)
    pictures.close()


def test_pictures_that_nobody_waits_for_any_more_are_not_made(tmp_path: Path) -> None:
    made: list[str] = []

    class Counting(Thumbs):
        def get(self, picture: Picture, size: int = 256) -> Thumb:
            made.append(picture.file)
            time.sleep(0.05)
            return Thumb(b"x")

    pictures = Pictures(Counting(tmp_path), wait_s=0.0)
    pictures.thumbs([Wanted(number, Picture(str(number)), 64) for number in range(50)])
    pictures.thumbs([Wanted(99, Picture("99"), 64)])
    time.sleep(0.3)
    assert "99" in made
    assert len(made) < 10
    pictures.close()


def test_sql_selects_images_and_meets_the_view(model: GridModel) -> None:
    sql = "SELECT image_id FROM objects GROUP BY 1 HAVING count(*) > 1"
    assert ask(model, "choose", sql=sql)["images"] == 6
    assert ask(model, "choose", sql=sql, where="split:val")["images"] == 2
    python = send(model, "choose", where="split:val").content["python"]
    assert python == "wb.browse(ws.datasets.show('pets'), 'split:val')"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"where": "split:vall"}, "vall"),
        ({"sql": "SELECT path FROM images"}, "no column 'image_id'"),
        ({"sql": "SELECT 'x' AS image_id"}, "no column 'image_id'"),
        ({"sql": "DROP TABLE images"}, "SELECT"),
        ({"sql": "SELECT * FROM pictures"}, "pictures"),
    ],
)
def test_a_filter_that_cannot_be_understood_is_told_in_three_beats(
    model: GridModel, body: dict[str, str], said: str
) -> None:
    told = problem(model, "choose", **body)
    assert said in " ".join(told.values())
    assert all(told.values())


def test_counts_are_of_the_images_that_a_filter_selects(model: GridModel) -> None:
    assert ask(model, "count", part="splits")["splits"] == {"train": 6, "val": 3}
    sql = "SELECT image_id FROM images WHERE split = 'val'"
    assert ask(model, "count", part="classes", sql=sql)["classes"] == {
        "0": [[0, 1], 1],
        "1": [[0, 1], 2],
        "2": [[0, 1], 3],
    }
    bins = ask(model, "count", part="objects", where="split:train")["bins"]
    assert sum(images for _, _, images in bins) == 6
    assert bins[0] == [
        0,
        0,
        1 + (ask(model, "choose", where='path:"images/train/train4.png" AND background')["images"]),
    ]
    assert ask(model, "count", part="sizes")["more"] == 0


def test_issues_are_counted_by_rule_those_that_block_first(model: GridModel) -> None:
    rules = ask(model, "count", part="issues")["rules"]
    assert "leak-exact" in {rule["rule"] for rule in rules}
    graveness = ["error", "warning", "info"]
    assert [rule["severity"] for rule in rules] == sorted((rule["severity"] for rule in rules), key=graveness.index)
    assert all(rule["title"]["ko"] and rule["title"]["en"] for rule in rules)
    leak = ask(model, "count", part="issues", where="split:train")["rules"]
    assert "leak-exact" not in {rule["rule"] for rule in leak}


def test_a_pair_of_copies_is_given_side_by_side(model: GridModel) -> None:
    told = ask(model, "pairs", rule="leak-exact")
    (pair,) = told["pairs"]
    assert told["total"] == 1
    assert (pair["image"]["path"], pair["other"]["path"]) == ("images/val/val0.png", "images/train/train0.png")
    assert pair["how"] == "the same bytes as"


def test_one_image_has_its_facts_its_labels_and_a_large_picture(model: GridModel) -> None:
    sent = send(model, "image", image=1, size=256)
    told = sent.content["data"]
    assert (told["width"], told["height"], len(told["objects"]), told["ready"]) == (72, 48, 2, True)
    assert told["objects"][0] == {"cls": 1, "kind": "box", "box": [18.0, 12.0, 36.0, 24.0], "crowd": False, "line": 1}
    assert bytes(sent.buffers[0][:4]) == b"RIFF"


def test_an_image_that_is_not_there_is_refused(model: GridModel) -> None:
    assert "no image 9" in problem(model, "image", image=9)["happened"]


def test_places_ids_and_all_can_be_picked_and_come_back_as_ids_view_and_table(model: GridModel) -> None:
    told: list[int] = []
    model.changed = told.append
    ask(model, "pick", where="split:val", start=0, stop=2)
    ask(model, "pick", how="toggle", ids=[0, 6])
    selection = model.selection
    assert selection.ids.tolist() == [0, 7]
    assert selection.view == 'path:"images/train/train0.png","images/val/val1.png"'
    assert model.index.select(selection.view).to_pylist() == [0, 7]
    assert selection.frame()["split"].tolist() == ["train", "val"]
    assert [row["id"] for row in ask(model, "window", start=0, count=9)["rows"] if row["picked"]] == [0, 7]
    ask(model, "pick", where="split:val", all=True)
    assert model.selection.view == "split:val"
    ask(model, "pick", ids=[])
    assert told == [2, 2, 3, 0]
    with pytest.raises(RequestError, match="No image is selected"):
        _ = model.selection.view


def test_what_is_picked_by_hand_beyond_what_a_view_can_say_is_refused(model: GridModel, monkeypatch: Any) -> None:
    monkeypatch.setattr("workbench.widgets.state.grid_selection.LENGTH", 60)
    ask(model, "pick", ids=[0, 3, 7])
    with pytest.raises(RequestError, match="picked by hand make a view that is too long"):
        _ = model.selection.view


def test_a_filter_and_a_selection_are_kept_as_views(model: GridModel, workspace: Workspace) -> None:
    ask(model, "pick", ids=[2])
    assert ask(model, "keep", name="small-val", where="split:val")["views"] == {"small-val": "split:val"}
    sent = send(model, "keep", name="mine", of="selection")
    assert workspace.datasets.show("pets").views["mine"] == 'path:"images/train/train2.png"'
    assert sent.content["python"].startswith("ws.datasets.keep_view('pets', 'mine', ")
    assert ask(model, "choose", where="view:small-val")["images"] == 3
    assert model.selection.ids.tolist() == [2]
    assert "cannot name" in problem(model, "keep", name="Not a name", where="split:val")["happened"]


def test_a_browser_that_only_shows_keeps_nothing(workspace: Workspace) -> None:
    model = GridModel(workspace.datasets.show("pets"), readonly=True)
    assert "keep" not in model.kinds
    with pytest.raises(DatasetError, match="only shows"):
        model.keep_as("mine", "split:val")
    model.close()


def test_a_dataset_that_was_removed_is_told_and_one_that_came_anew_is_opened_anew(
    model: GridModel, workspace: Workspace, prepared: Path
) -> None:
    ask(model, "pick", ids=[0])
    assert ask(model, "choose")["stale"] is False
    workspace.datasets.remove("pets")
    assert "was removed while it was browsed" in problem(model, "window", start=0, count=1)["happened"]
    workspace.datasets.add(prepared / "pets/data.yaml", "pets")
    assert ask(model, "choose")["stale"] is True
    assert ask(model, "hello")["selected"] == 0
    assert ask(model, "choose")["stale"] is False
