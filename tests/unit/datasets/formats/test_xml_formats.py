"""Pascal VOC and CVAT."""

from __future__ import annotations

import json

import numpy as np
import pytest

from workbench.datasets.formats import cvat, shapes, voc, xmlfile
from workbench.datasets.formats.xmlfile import XmlError
from workbench.errors import DatasetError

pytestmark = pytest.mark.slow

_BOMB = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><annotation>&b;</annotation>'


def _voc(*objects, name="a.jpg", size="<size><width>64</width><height>48</height></size>"):
    return f"<annotation><filename>{name}</filename>{size}{''.join(objects)}</annotation>"


def _object(name="cat", box=(6.4, 4.8, 38.4, 28.8), more=""):
    sides = "".join(
        f"<{side}>{value}</{side}>" for side, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    return f"<object><name>{name}</name>{more}<bndbox>{sides}</bndbox></object>"


@pytest.fixture
def voc_set(tmp_path, picture, text):
    """Return a maker of a VOC folder with one image."""

    def make(content):
        picture("JPEGImages/a.jpg")
        text("Annotations/a.xml", content)
        return tmp_path

    return make


def test_a_voc_box_and_what_is_said_of_it(voc_set):
    more = "<difficult>1</difficult><truncated>0</truncated><pose>Left</pose>"
    content = voc.read(voc_set(_voc(_object(more=more))))
    (row,) = content.objects.to_pylist()
    assert [row[name] for name in ("cx", "cy", "w", "h")] == pytest.approx([0.35, 0.35, 0.5, 0.5])
    assert json.loads(row["attributes"]) == {"difficult": True, "pose": "Left"}
    assert content.names == {0: "cat"}


def test_voc_splits_come_from_imagesets(voc_set, text):
    text("ImageSets/Main/val.txt", "a\n")
    assert voc.read(voc_set(_voc(_object()))).counts == {"val": 1}


def test_voc_masks_and_parts_are_said_to_be_lost(voc_set, picture):
    picture("SegmentationClass/a.png")
    content = voc.read(voc_set(_voc(_object(more="<part><name>head</name></part>"))))
    assert {loss.what for loss in content.losses} == {"segmentation masks", "parts of objects"}


def test_a_voc_file_whose_image_was_renamed_is_found_by_its_own_name(voc_set):
    content = voc.read(voc_set(_voc(_object(), name="DSC0001.JPG")))
    assert content.images["path"].to_pylist() == ["JPEGImages/a.jpg"]
    assert content.issues.num_rows == 0


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (_voc(_object(box=("x", 1, 2, 3))), "label-number"),
        (_voc(_object(box=("nan", 1, 2, 3))), "label-number"),
        (_voc(_object(name="")), "label-class-unknown"),
        (_voc("<object><name>cat</name></object>"), "label-number"),
    ],
)
def test_one_bad_voc_object_is_an_issue_and_the_others_are_read(voc_set, content, rule):
    content = content.replace("</annotation>", _object(name="dog") + "</annotation>")
    found = voc.read(voc_set(content))
    assert found.issues["rule"].to_pylist() == [rule]
    assert found.objects.num_rows == 1


@pytest.mark.parametrize("content", ["<annotation>", "no xml", "", _BOMB])
def test_a_voc_file_that_is_no_xml_is_an_issue(voc_set, text, picture, content):
    picture("JPEGImages/b.jpg")
    text("Annotations/b.xml", content)
    found = voc.read(voc_set(_voc(_object())))
    assert [(row["rule"], row["path"]) for row in found.issues.to_pylist()] == [
        ("label-unreadable", "Annotations/b.xml")
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused_in_any_encoding(encoding):
    with pytest.raises(XmlError, match="declares a document type"):
        xmlfile.parse(_BOMB.replace("1.0", f'1.0" encoding="{encoding}').encode(encoding))


def test_a_large_xml_file_is_read_an_element_at_a_time(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text("<r>" + "<image><box/></image>" * 1000 + "</r>")
    assert sum(len(element) for element in xmlfile.elements(path, ("image",))) == 1000


_CVAT = """<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta><task><labels>
<label><name>cat</name></label><label><name>person</name></label>
<label><name>nose</name><parent>person</parent></label><label><name>tail</name><parent>person</parent></label>
</labels></task></meta><image id="7" name="a.jpg" subset="Train" width="64" height="48">{}</image></annotations>"""


@pytest.fixture
def cvat_set(tmp_path, picture, text):
    """Return a maker of a CVAT folder with one image and the shapes given."""

    def make(*elements):
        picture("images/a.jpg")
        text("annotations.xml", _CVAT.format("".join(elements)))
        return tmp_path

    return make


def test_cvat_boxes_upright_and_turned(cvat_set):
    sides = 'xtl="6.4" ytl="4.8" xbr="38.4" ybr="28.8"'
    box = f'<box label="cat" {sides} occluded="{{}}" rotation="{{}}"><attribute name="id">x</attribute></box>'
    content = cvat.read(cvat_set(box.format(1, 0), box.format(0, 90)))
    plain, turned = content.objects.to_pylist()
    assert [plain[name] for name in ("cx", "cy", "w", "h")] == pytest.approx([0.35, 0.35, 0.5, 0.5])
    assert json.loads(plain["attributes"]) == {"occluded": True, "attributes": {"id": "x"}}
    assert (turned["kind"], turned["w"], turned["h"]) == ("obb", pytest.approx(24 / 64), pytest.approx(32 / 48))
    assert (content.counts, content.task) == ({"train": 1}, "obb")


def test_cvat_polygons_points_tags_and_what_is_lost(cvat_set):
    content = cvat.read(
        cvat_set(
            '<polygon label="cat" points="0,0;32,0;32,24"/>',
            '<points label="cat" points="32,24;64,48"/>',
            '<tag label="person"/>',
            '<ellipse label="cat" cx="32" cy="24" rx="16" ry="12"/>',
            '<polyline label="cat" points="0,0;1,1"/>',
        )
    )
    kinds = content.objects["kind"].to_pylist()
    assert kinds == ["polygon", "pose", "class", "polygon"]
    assert content.objects["rings"][0].as_py() == [[0, 0, 0.5, 0, 0.5, 0.5]]
    assert content.objects["keypoints"][1].as_py() == [0.5, 0.5, 2, 1, 1, 2]
    assert content.objects["w"][3].as_py() == pytest.approx(0.5)
    assert [(loss.what, loss.count) for loss in content.losses] == [("polylines", 1)]


def test_cvat_skeletons_have_their_points_in_the_order_of_the_labels(cvat_set):
    content = cvat.read(
        cvat_set(
            '<skeleton label="person"><points label="tail" points="64,48" occluded="1"/></skeleton>',
            '<skeleton label="person"><points label="nose" points="32,24"/>'
            '<points label="tail" points="1,1" outside="1"/></skeleton>',
        )
    )
    assert content.objects["keypoints"].to_pylist() == [[0, 0, 0, 1, 1, 1], [0.5, 0.5, 2, 0, 0, 0]]
    assert content.options["kpt_shape"] == [2, 3]
    assert content.names == {0: "cat", 1: "person"}


def test_cvat_masks_are_placed_in_the_image(cvat_set):
    content = cvat.read(cvat_set('<mask label="cat" rle="1, 2, 3" left="10" top="20" width="3" height="2"/>'))
    mask = shapes.decode(content.objects["rle"][0].as_py(), 64, 48)
    assert np.argwhere(mask).tolist() == [[20, 11], [20, 12]]


@pytest.mark.parametrize(
    "element",
    [
        '<mask label="cat" rle="1, 2" left="10" top="20" width="3" height="2"/>',
        '<mask label="cat" rle="6" left="62" top="20" width="3" height="2"/>',
        '<box label="cat" xtl="nan" ytl="0" xbr="1" ybr="1"/>',
        '<polygon label="cat" points="0,0;1"/>',
    ],
)
def test_one_bad_cvat_shape_is_an_issue(cvat_set, element):
    content = cvat.read(cvat_set(element, '<tag label="cat"/>'))
    assert content.issues["rule"].to_pylist() == ["label-number"]
    assert content.objects.num_rows == 1


def test_cvat_tracks_find_their_frames_and_are_one_group(tmp_path, picture, text):
    for frame in range(3):
        picture(f"images/frame_{frame:06d}.png")
    box = '<box frame="{}" outside="{}" xtl="0" ytl="0" xbr="32" ybr="24"/>'
    text(
        "annotations.xml",
        "<annotations><meta><task><original_size><width>64</width><height>48</height></original_size></task></meta>"
        f'<track id="4" label="cat">{box.format(0, 0)}{box.format(1, 1)}{box.format(2, 0)}</track></annotations>',
    )
    content = cvat.read(tmp_path)
    assert content.images["path"].to_pylist() == ["images/frame_000000.png", "images/frame_000002.png"]
    assert len(set(content.images["group"].to_pylist())) == 1
    assert json.loads(content.objects["attributes"][0].as_py()) == {"track": "4"}


def test_a_cvat_file_that_is_no_xml_is_refused(cvat_set):
    root = cvat_set()
    (root / "annotations.xml").write_text("<annotations><image>")
    with pytest.raises(DatasetError, match="not valid XML"):
        cvat.read(root)
