"""Formats, there and back again, judged by other readers: pycocotools and the installed ultralytics."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import random
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from workbench.datasets import formats

_SIDES = (37, 53, 61, 90)


def _quietly(make, *arguments):
    with contextlib.redirect_stdout(io.StringIO()):
        return make(*arguments)


def _mask(number, width, height):
    rows, columns = np.mgrid[:height, :width]
    mask = ((rows - height / 2) ** 2 + (columns - width / 2) ** 2 < (5 + number % 9) ** 2).astype(np.uint8)
    mask[height // 2, width // 2] = 0
    return mask


def _runs(mask):
    flat = np.concatenate(([0], mask.flatten(order="F"), [2])).astype(np.int8)
    edges = np.flatnonzero(np.diff(flat))
    return np.diff(np.concatenate(([0], edges))).tolist()


def _annotation(number, kind, size, rng):
    from pycocotools import mask as coco_mask

    width, height = size
    if kind == "polygon":
        rings = [
            [round(rng.uniform(0, size[at % 2]), rng.choice((0, 1, 2, 3))) for at in range(2 * rng.randint(3, 9))]
            for _ in range(rng.randint(1, 3))
        ]
        return {
            "segmentation": rings,
            "area": round(rng.uniform(1, 900), 4),
            "bbox": [round(rng.uniform(0, 9), 2), 2.25, 10.1, 7.3],
        }
    mask = _mask(number, width, height)
    rle = coco_mask.encode(np.asfortranarray(mask))
    counts = rle["counts"].decode() if kind == "compressed" else _runs(mask)
    return {
        "segmentation": {"size": [height, width], "counts": counts},
        "area": int(mask.sum()),
        "bbox": [float(value) for value in coco_mask.toBbox(rle)],
        "iscrowd": int(kind == "crowd"),
    }


@pytest.fixture(scope="module")
def coco(tmp_path_factory):
    """A COCO set of polygons, both kinds of run lengths, crowds, key points, odd sizes and gaps between all ids."""
    root, rng = tmp_path_factory.mktemp("coco"), random.Random(7)
    (root / "annotations").mkdir()
    names = ["nose", "left_eye", "right_eye"]
    categories = [
        {"id": 2, "name": "person", "supercategory": "animal", "keypoints": names, "skeleton": [[1, 2], [1, 3]]},
        {"id": 17, "name": "cat", "supercategory": "animal"},
        {"id": 90, "name": "tooth brush", "supercategory": ""},
    ]
    for split in ("train", "val"):
        (root / f"{split}2017").mkdir()
        images, annotations = [], []
        for index in range(8):
            size = (rng.choice(_SIDES), rng.choice(_SIDES))
            image_id = 1000 + 17 * index
            name = f"{image_id:012d}.jpg"
            Image.new("RGB", size, (index, 90, 3)).save(root / f"{split}2017" / name)
            images.append({"id": image_id, "file_name": name, "width": size[0], "height": size[1], "license": 4})
            for kind in ("polygon", "compressed", "runs", "crowd", "polygon"):
                found = _annotation(len(annotations), kind, size, rng)
                row = {
                    "id": 900 + 3 * len(annotations),
                    "image_id": image_id,
                    "category_id": rng.choice((17, 90)),
                    "iscrowd": 0,
                }
                annotations.append({**row, **found})
        points = [10.5, 11.25, 2, 0, 0, 0, 20.1, 21, 1]
        person = _annotation(0, "polygon", (30, 30), rng)
        annotations.append(
            {"id": 5, "image_id": 1000, "category_id": 2, "iscrowd": 0, "keypoints": points, "num_keypoints": 2}
            | person
        )
        document = {"images": images, "annotations": annotations, "categories": categories}
        (root / "annotations" / f"instances_{split}2017.json").write_text(json.dumps(document))
    return root


def _equal(before, after):
    """Assert that two files are equal by pycocotools' own reading."""
    from pycocotools.coco import COCO

    one, other = _quietly(COCO, str(before)), _quietly(COCO, str(after))
    assert one.cats == other.cats
    assert one.imgs == other.imgs
    assert set(one.anns) == set(other.anns)
    for key, annotation in one.anns.items():
        found = other.anns[key]
        assert {name: found.get(name) for name in annotation if name != "segmentation"} == {
            name: value for name, value in annotation.items() if name != "segmentation"
        }
        assert (one.annToMask(annotation) == other.annToMask(found)).all()
    return len(one.anns)


@pytest.mark.parametrize("split", ["train", "val"])
def test_coco_comes_back_equal_by_pycocotools_own_reading(coco, tmp_path, split):
    content = formats.read(coco)
    assert formats.write(content, "coco", tmp_path / "out") == ()
    count = _equal(
        coco / f"annotations/instances_{split}2017.json", tmp_path / f"out/annotations/instances_{split}.json"
    )
    assert count == 41


def test_coco_read_again_says_the_same(coco, tmp_path):
    first = formats.read(coco)
    formats.write(first, "coco", tmp_path / "out")
    second = formats.read(tmp_path / "out")
    for name in ("cls", "kind", "rle", "crowd", "source_id"):
        assert first.objects[name].to_pylist() == second.objects[name].to_pylist()
    assert first.classes.equals(second.classes)
    assert first.options == second.options


@pytest.fixture(scope="module")
def content(coco):
    """The COCO set, read."""
    return formats.read(coco)


def _yolo_rows(folder):
    return {path.name: path.read_text().splitlines() for path in sorted(folder.rglob("labels/**/*.txt"))}


_ROWS = {
    "detect": "{} 0.5 0.25 0.123456789 0.2",
    "segment": "{} 0.1 0.2 0.3 0.123456 0.333333333 0.9 0.05 0.5",
    "obb": "{} 0.1 0.1 0.4 0.2 0.35 0.5 0.05 0.4",
    "pose": "{} 0.5 0.5 0.25 0.3 0.5 0.55 2 0.123456 0.4 1 0 0 0",
}


@pytest.fixture
def yolo(tmp_path):
    """Return a maker of a YOLO set for a task."""

    def make(task):
        root = tmp_path / task
        for split in ("train", "val"):
            for index in range(3):
                image, label = root / f"images/{split}/{index}.jpg", root / f"labels/{split}/{index}.txt"
                for path in (image, label):
                    path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (97, 61), (index, 9, 9)).save(image)
                label.write_text("".join(_ROWS[task].format(cls) + "\n" for cls in range(index)))
        more = "kpt_shape: [3, 3]\nflip_idx: [0, 2, 1]\n" if task == "pose" else ""
        (root / "data.yaml").write_text(
            f"train: images/train\nval: images/val\nnames: [cat, dog]\ntask: {task}\n{more}"
        )
        return root

    return make


@pytest.mark.parametrize("task", _ROWS)
@pytest.mark.parametrize("through", ["yolo", "coco", "ndjson"])
def test_yolo_comes_back_through_any_format_that_can_hold_it(yolo, tmp_path, task, through):
    from workbench.datasets import scan

    root = yolo(task)
    first = scan.probe(formats.read(root / "data.yaml", task=task))
    losses = formats.write(first, through, tmp_path / "between")
    expected = {
        ("coco", "obb"): {"rotated boxes, written as polygons": 6},
        ("coco", "pose"): {"flip_idx: which key points change sides in a mirror": 1},
    }
    assert {loss.what: loss.count for loss in losses} == expected.get((through, task), {})
    between = formats.read(tmp_path / "between", task=task)
    assert between.format == through
    formats.write(between, "yolo", tmp_path / "back")
    assert _yolo_rows(tmp_path / "back") == _yolo_rows(root)
    assert formats.read(tmp_path / "back/data.yaml", task=task).names == first.names


@pytest.mark.parametrize("task", _ROWS)
def test_ndjson_comes_back_number_by_number(yolo, tmp_path, task):
    from workbench.datasets import scan

    first = scan.probe(formats.read(yolo(task) / "data.yaml", task=task))
    formats.write(first, "ndjson", tmp_path / "one")
    formats.write(formats.read(tmp_path / "one"), "ndjson", tmp_path / "two")
    assert (tmp_path / "one/dataset.ndjson").read_bytes() == (tmp_path / "two/dataset.ndjson").read_bytes()


@pytest.mark.parametrize("task", ["detect", "segment", "pose", "obb"])
def test_ultralytics_takes_every_image_of_what_is_written_for_it_from_coco(content, tmp_path, task):
    """Its own check of images and labels drops none, and finds as many rows as were written."""
    from ultralytics.data.utils import verify_image_label

    options = {"kpt_shape": [3, 3]} if task == "pose" else {}
    formats.write(replace(content, task=task, options=options), "yolo", tmp_path / "out")
    written = kept = 0
    points = options.get("kpt_shape", (0,))[0]
    for image in sorted((tmp_path / "out/images").rglob("*.jpg")):
        label = tmp_path / "out/labels" / image.parent.name / f"{image.stem}.txt"
        found = verify_image_label((str(image), str(label), "", task == "pose", 3, points, 3, False))
        assert found[0] is not None, found[-1]
        written += len(set(label.read_text().splitlines()))
        kept += len(found[1])
    assert kept == written == 66  # 82 without the 16 crowds


def test_the_outlines_of_masks_fill_the_masks_again_in_ultralytics(content, tmp_path):
    from ultralytics.data.utils import polygon2mask

    from workbench.datasets.formats import labels, shapes

    only = content.objects.filter(np.array([kind == "rle" for kind in content.objects["kind"].to_pylist()]))
    sizes = dict(enumerate(zip(content.images["width"].to_pylist(), content.images["height"].to_pylist(), strict=True)))
    rows = list(labels.values(replace(content, task="segment", objects=only), formats.Tally()))
    masks = [row for row in only.to_pylist() if not row["crowd"]]
    assert len(rows) == len(masks) == 32
    for (image_id, (_, *places)), row in zip(rows, masks, strict=True):
        width, height = sizes[image_id]
        outline = np.array(places, np.float32).reshape(-1, 2) * (width, height)
        filled = polygon2mask((height, width), [outline.reshape(-1)])
        mask = shapes.decode(row["rle"], width, height)
        assert int((filled != mask).sum()) == 1  # the hole, which is said to be lost


def test_ultralytics_own_converter_makes_the_same_labels_of_our_ndjson(yolo, tmp_path):
    from ultralytics.data.converter import convert_ndjson_to_yolo

    root = yolo("segment")
    formats.write(formats.read(root / "data.yaml", task="segment"), "ndjson", tmp_path / "out")
    made = asyncio.run(convert_ndjson_to_yolo(tmp_path / "out/dataset.ndjson", tmp_path / "made"))
    ours = sorted(path.read_text().split() for path in root.rglob("labels/**/*.txt"))
    theirs = sorted(path.read_text().split() for path in made.parent.rglob("labels/**/*.txt"))
    assert [[float(word) for word in words] for words in ours] == [[float(word) for word in words] for words in theirs]
    assert len(list(made.parent.rglob("images/**/*.jpg"))) == 6
