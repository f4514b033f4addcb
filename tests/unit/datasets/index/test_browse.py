"""An index is looked through page by page, and its counts are those of the tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.datasets.index import Index
from workbench.errors import DatasetError, RequestError, StorageError
from workbench.sql import Limits

pytestmark = pytest.mark.slow


@pytest.fixture
def index(written: Path) -> Iterator[Index]:
    with Index(written) as opened:
        yield opened


def _ids(page) -> list[int]:
    return page.images["image_id"].to_pylist()


def test_pages_forward_show_every_image_once(index: Index) -> None:
    seen, page = [], index.page(limit=4)
    while True:
        seen += _ids(page)
        if page.after is None:
            break
        page = index.page(after=page.after, limit=4)
    assert seen == list(range(10))


def test_pages_backward_show_every_image_once(index: Index) -> None:
    seen, page = [], index.page(before=10, limit=4)
    while True:
        assert len(_ids(page)) <= 4
        seen = _ids(page) + seen
        if page.before is None:
            break
        page = index.page(before=page.before, limit=4)
    assert seen == list(range(10))


def test_a_page_of_a_view_goes_on_behind_an_image_that_is_not_in_it(index: Index) -> None:
    first = index.page("class:dog", limit=2)
    assert (_ids(first), first.before, first.after) == ([0, 1], None, 1)
    rest = index.page("class:dog", after=1)
    assert (_ids(rest), rest.before, rest.after) == ([2], 2, None)
    assert _ids(index.page("split:val", before=8)) == [6, 7]
    assert _ids(index.page("split:val", after=7)) == [8]


def test_a_page_has_the_objects_and_the_issues_of_its_images_only(index: Index) -> None:
    page = index.page(after=0, limit=2)
    assert page.objects["object_id"].to_pylist() == [3, 4, 5]
    assert page.objects["image_id"].to_pylist() == [1, 1, 2]
    assert page.issues["rule"].to_pylist() == ["label-number", "image-truncated"]
    assert page.images["objects"].to_pylist() == [2, 1]
    assert index.page("background").objects.num_rows == 0


def test_images_that_lie_apart_come_with_their_objects(index: Index) -> None:
    page = index.images([6, 0])
    assert _ids(page) == [0, 6]
    assert page.objects["object_id"].to_pylist() == [0, 1, 2, 7, 8]
    assert page.objects["rings"].to_pylist()[-1] == [[0.1, 0.1, 0.4, 0.1, 0.4, 0.6]]


@pytest.mark.parametrize("options", [{"limit": 0}, {"limit": 1001}, {"after": 1, "before": 2}])
def test_a_page_that_makes_no_sense_is_refused(index: Index, options: dict[str, int]) -> None:
    with pytest.raises(RequestError, match="cannot be given"):
        index.page(**options)


def test_pages_behind_the_last_and_before_the_first_image_are_empty(index: Index) -> None:
    assert _ids(index.page(after=9)) == []
    assert _ids(index.page(before=0)) == []
    assert _ids(index.page("small", after=99)) == []


def test_an_image_that_is_not_there_is_refused(index: Index) -> None:
    with pytest.raises(RequestError, match="no image 10"):
        index.images([3, 10])


def test_the_histogram_has_every_class_of_every_split(index: Index) -> None:
    rows = index.histogram().to_pylist()
    assert len(rows) == 4 * 3
    counted = {(row["split"], row["name"]): (row["images"], row["objects"]) for row in rows if row["images"]}
    assert counted == {
        ("train", "person"): (2, 3),
        ("train", "dog"): (3, 3),
        ("train", "traffic light"): (1, 1),
        ("val", "고양이"): (1, 1),
        ("val", "person"): (1, 1),
    }
    person = next(row for row in rows if row["name"] == "person" and row["split"] == "train")
    assert (person["small"], person["medium"], person["large"]) == (1, 2, 0)


def test_the_histogram_of_a_view_counts_its_images_only(index: Index) -> None:
    rows = [row for row in index.histogram("class:person AND large").to_pylist() if row["images"]]
    assert [(row["split"], row["name"], row["objects"]) for row in rows] == [("val", "person", 1), ("val", "고양이", 1)]
    everything = "split:train,val OR background"
    assert index.histogram(everything).to_pylist() == index.histogram().to_pylist()


def test_the_summary_counts_background_and_dropped_images(index: Index) -> None:
    whole = {row.pop("split"): row for row in index.summary().to_pylist()}
    sizes = {"small": 1, "medium": 0, "large": 1}
    assert whole["val"] == {"objects": 2, "images": 3, **sizes, "background": 2, "dropped": 1}
    assert whole["train"]["background"] == 2
    assert list(whole) == ["train", "val", ""]
    val = index.summary("split:val").to_pylist()
    assert val == [{"split": "val", **whole["val"]}]


def test_sizes_of_images_come_with_the_most_frequent_first(index: Index) -> None:
    assert index.sizes().to_pylist()[0] == {"split": "train", "width": 640, "height": 480, "images": 6}
    assert index.sizes("split:val").column("images").to_pylist() == [2, 1]


def test_sql_sees_five_tables_and_columns_that_are_not_stored(index: Index) -> None:
    found = index.query("SELECT path, objects, label FROM images WHERE phash = 18446744073709551615")
    assert found.to_pylist() == [{"path": "a/night_1.jpg", "objects": 3, "label": None}]
    assert index.query("FROM objects").schema.names[-1] == "attributes"
    both = "SELECT name, count(*) AS n FROM objects JOIN classes USING (cls) GROUP BY ALL ORDER BY n DESC LIMIT 1"
    assert index.query(both).to_pylist() == [{"name": "person", "n": 4}]
    assert index.query("SELECT rule FROM issues WHERE image_id IS NULL").to_pylist() == [{"rule": "class-unused"}]
    assert index.query("SELECT images FROM stats WHERE cls IS NULL AND split = 'val'").to_pylist() == [{"images": 3}]


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("DELETE FROM images", "The query is DELETE"),
        ("SELECT 1; SELECT 2", "SELECT, SELECT"),
        ("", "The query is nothing"),
        ("COPY images TO '{outside}.csv'", "The query is COPY"),
        ("EXPLAIN ANALYZE SELECT 1", "EXPLAIN"),
        ("ATTACH '{outside}.db'", "ATTACH"),
        ("SELECT * FROM read_text('{outside}')", "outside"),
        ("SELECT * FROM '{outside}'", "outside|failed"),
        ("SELECT * FROM glob('/*')", "outside"),
        ("SELECT * FROM imags", "Did you mean 'images'"),
        ("SELECT pth FROM images", "failed.*pth"),
        ("SELEC 1", "failed"),
    ],
)
def test_sql_that_does_more_than_select_here_is_refused(
    index: Index, tmp_path: Path, statement: str, says: str
) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text("word\nsecret\n")
    with pytest.raises(RequestError, match=f"(?s){says}") as caught:
        index.query(statement.format(outside=outside))
    assert "secret" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [outside]


def test_sql_is_bounded_in_rows_and_time(index: Index) -> None:
    cut = index.query("SELECT * FROM range(100)", Limits(rows=7))
    assert (len(cut), cut.schema.metadata) == (7, {b"cut": b"yes"})
    endless = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = 3"
    with pytest.raises(RequestError, match=r"given up after 0\.1 s"):
        index.query(endless, Limits(timeout_s=0.1))


def test_an_index_that_is_not_there_or_damaged_is_named(tmp_path: Path, written: Path) -> None:
    with pytest.raises(DatasetError, match="no index"):
        Index(tmp_path / "nothing")
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "index.json").write_bytes((written / "index.json").read_bytes()[:40])
    with pytest.raises(StorageError):
        Index(tmp_path / "torn")
