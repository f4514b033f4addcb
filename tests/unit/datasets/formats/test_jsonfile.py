"""Large JSON files, read a piece at a time."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.datasets.formats import jsonfile
from workbench.errors import DatasetError

pytestmark = pytest.mark.slow

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text('"\\{}[],: ab\u20ac', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('"\\{}[]ab', max_size=3), inner, max_size=3),
    max_leaves=12,
)


def _read(path, **options):
    found: dict[str, list[object]] = {}
    for batch in jsonfile.elements(path, **options):
        found.setdefault(batch.key, []).extend(batch.elements)
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    document=st.dictionaries(
        st.text("abc", min_size=1, max_size=2), st.lists(_VALUES, max_size=5) | _VALUES, max_size=4
    )
    | st.lists(_VALUES, max_size=5),
    block=st.integers(1, 40),
    indent=st.none() | st.integers(0, 2),
    escaped=st.booleans(),
)
def test_any_document_is_read_as_json_itself_reads_it_wherever_the_blocks_end(
    tmp_path, document, block, indent, escaped
):
    path = tmp_path / "any.json"
    path.write_text(json.dumps(document, indent=indent, ensure_ascii=escaped), "utf-8")
    arrays = {"": document} if isinstance(document, list) else document
    assert _read(path, block_bytes=block) == {
        key: value for key, value in arrays.items() if isinstance(value, list) and value
    }


def test_only_the_arrays_that_are_wanted_are_parsed(text):
    path = text("a.json", '{"skip": [1, {"x": [}], "keep": [2]}'.replace("[}", "[3]}"))
    assert _read(path, wanted=("keep",)) == {"keep": [2]}


@pytest.mark.parametrize("cut", [1, 9, 20, 36, 41])
def test_a_file_that_ends_early_is_refused_with_the_byte(text, cut):
    whole = '{"images": [{"id": 1, "name": "a\\"b"}, {"id": 2}]}'
    path = text("a.json", whole[:cut])
    with pytest.raises(DatasetError, match=f"ends early, at byte {cut}") as caught:
        _read(path, block_bytes=7)
    assert caught.value.fields["byte"] == cut


@pytest.mark.parametrize(
    ("content", "byte"),
    [('{"a": [1, nope]}', 10), ('{"a": [1], "b": [{"x": 1,}]}', 25), ('{"a": [1]} tail', 11), ("<html>", 0)],
)
def test_what_is_no_json_is_refused_with_the_byte_where_it_goes_wrong(text, content, byte):
    with pytest.raises(DatasetError, match="not valid JSON") as caught:
        _read(text("a.json", content))
    assert abs(caught.value.fields["byte"] - byte) <= 1


def test_an_empty_file_ends_early(text):
    with pytest.raises(DatasetError, match="ends early"):
        _read(text("a.json", " \n"))


def test_numbers_that_only_python_writes_are_read(text):
    found = _read(text("a.json", '{"a": [{"x": NaN}, {"x": 1e400}]}'))["a"]
    assert str(found[0]["x"]) == "nan"


def test_a_byte_order_mark_is_skipped(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf" + b'{"a": [1]}')
    assert _read(path) == {"a": [1]}


def test_memory_is_that_of_a_block_not_of_the_file(tmp_path):
    path = tmp_path / "big.json"
    path.write_text('{"a": [' + ",".join(['{"x": [1, 2, 3, 4]}'] * 150_000) + "]}", "utf-8")
    tracemalloc.start()
    count = sum(len(batch.elements) for batch in jsonfile.elements(path, block_bytes=1 << 13))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 150_000
    assert peak < path.stat().st_size / 2  # as Python objects the whole document takes ten times its size


def test_the_first_keys_are_told_without_reading_the_rest(text):
    path = text("a.json", '{"info": {"deep": 1}, "images": [{"id": 1}], "x')
    assert jsonfile.first_keys(path) == ("{", {"info", "images"})
    assert jsonfile.first_keys(text("b.json", '[{"data": {"image": "x"}, "annotations": []}]')) == (
        "[",
        {"data", "annotations"},
    )
    assert jsonfile.first_keys(text("c.json", "no")) is None
