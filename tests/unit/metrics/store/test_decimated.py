"""Many points as few: real ones, with the exact extremes, from whichever level of the pyramid."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.logged import assert_stands_for, row, write
from workbench.metrics.store import generation, sorted_files
from workbench.metrics.store.compact import compact
from workbench.metrics.store.points import Key
from workbench.metrics.store.pyramid import buckets, level_sizes, merged, points, pyramid, thin_points
from workbench.metrics.store.reader import RunMetrics

pytestmark = pytest.mark.slow

COMPACTED, TAIL = 50_000, 700
VALUES = st.one_of(st.integers(-3, 3).map(float), st.sampled_from([math.nan, math.inf, -math.inf]))


def line(values: list[float]) -> np.ndarray:
    steps = np.arange(len(values)) * 2
    return points(steps, np.array(values, "f8"), steps / 4)


@given(st.lists(VALUES, min_size=1, max_size=60), st.integers(1, 9), st.integers(1, 9))
def test_a_bucket_knows_its_extremes_and_its_first_nan(values: list[float], width: int, wider: int) -> None:
    rows = line(values)
    for found, size in ((buckets(rows, width), width), (merged(buckets(rows, width), wider), width * wider)):
        for bucket, start in zip(found, range(0, len(values), size), strict=True):
            part = values[start : start + size]
            numbers = [value for value in part if not math.isnan(value)]
            nans = [at for at, value in enumerate(part) if math.isnan(value)]
            assert (bucket["first_step"], bucket["count"], bucket["nans"]) == (start * 2, len(part), len(nans))
            assert repr(float(bucket["min"])) == repr(min(numbers, default=math.nan))
            assert repr(float(bucket["max"])) == repr(max(numbers, default=math.nan))
            for name, choose in (("min", min), ("max", max)):
                place = start + part.index(choose(numbers)) if numbers else start
                assert (bucket[f"{name}_step"], bucket[f"{name}_at"]) == (place * 2, place / 2)
            if nans:
                assert (bucket["nan_step"], bucket["nan_at"]) == ((start + nans[0]) * 2, (start + nans[0]) / 2)


@given(st.lists(VALUES, min_size=1, max_size=200), st.integers(10, 40))
def test_thinned_points_are_real_with_the_extremes_and_both_ends(values: list[float], limit: int) -> None:
    found = thin_points(line(values), limit)
    assert len(found) <= limit
    shown = dict(zip(found["step"].tolist(), found["value"].tolist(), strict=True))
    assert all(repr(value) == repr(values[step // 2]) for step, value in shown.items())
    assert {0, 2 * (len(values) - 1)} <= shown.keys()
    numbers = [value for value in values if not math.isnan(value)]
    assert not numbers or {min(numbers), max(numbers)} <= set(shown.values())


@pytest.mark.parametrize("count", [0, 1, 64, 65, 4096, 4097, 70_000])
def test_the_levels_of_a_series_are_as_many_as_its_count_says(count: int) -> None:
    levels = pyramid(line([0.0] * count))
    assert [len(level) for level in levels] == level_sizes(count)
    assert all(level["count"].sum() == count for level in levels)
    assert not levels or len(levels[-1]) <= 64


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunMetrics, list[tuple[int, float, float]]]:
    """Return a long series with a tail, among short ones, and all its points."""
    root = tmp_path_factory.mktemp("long")
    chance = np.random.default_rng(3)
    values = chance.normal(size=COMPACTED + TAIL).cumsum()
    values[chance.integers(0, len(values), 40)] = math.nan
    values[[17, 40_000, 50_400]] = math.inf, -math.inf, math.inf
    rows = [row(3 * step, {"a": value}) for step, value in enumerate(values.tolist())]
    short = [row(step, {name: step}) for step in range(3000) for name in ("A", "b")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorted_files, "GROUP_ROWS", 10_000)
        patch.setattr(sorted_files, "GROUP_BUCKETS", 500)
        write(root / "events", "train-1", [*short, *rows[:COMPACTED]])
        compact(root / "events", root / "metrics")
    write(root / "events", "train-1", rows[COMPACTED:])
    return RunMetrics(root / "events", root / "metrics"), [
        (3 * step, value, 3.0 * step) for step, value in enumerate(values.tolist())
    ]


@settings(deadline=None, max_examples=60)
@given(
    limit=st.integers(10, 3000),
    begin=st.integers(-5, 152_200),
    length=st.sampled_from([0, 1, 300, 9000, 60_000, 200_000]),
)
def test_a_zoomed_series_stands_for_its_range(
    long: tuple[RunMetrics, list[tuple[int, float, float]]], limit: int, begin: int, length: int
) -> None:
    metrics, everything = long
    found = metrics.series("a", points=limit, steps=(begin, begin + length))
    assert_stands_for(found, [point for point in everything if begin <= point[0] <= begin + length], limit)


@pytest.mark.parametrize("limit", [10, 11, 12, 100, 790, 2000, 50_699, 50_700])
def test_a_whole_series_stands_for_all_its_points(
    long: tuple[RunMetrics, list[tuple[int, float, float]]], limit: int
) -> None:
    metrics, everything = long
    assert_stands_for(metrics.series("a", points=limit), everything, limit)


def test_a_chart_of_a_long_series_reads_neither_its_rows_nor_its_finest_level(
    long: tuple[RunMetrics, list[tuple[int, float, float]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    real = generation.Generation.buckets

    def noted(self: generation.Generation, key: Key, level: int, start: int, stop: int) -> np.ndarray:
        read.append((level, stop - start))
        return real(self, key, level, start, stop)

    monkeypatch.setattr(generation.Generation, "buckets", noted)
    monkeypatch.setattr(generation.Generation, "points", None)
    assert long[0].series("a", points=12).decimated
    assert read == [(2, 13)]
