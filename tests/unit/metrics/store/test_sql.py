"""SQL over the metrics of many runs: one SELECT, and no way out."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.logged import resumed, row, write
from workbench.errors import RequestError
from workbench.metrics.store import sql
from workbench.metrics.store.compact import compact
from workbench.metrics.store.reader import RunMetrics
from workbench.metrics.store.sql import query

pytestmark = pytest.mark.slow


@pytest.fixture
def runs(tmp_path: Path) -> dict[str, RunMetrics]:
    """Return a compacted run, one with a tail, one that is only logged, one that resumed since, and an empty one."""
    found = {}
    for name, compacted in (("compacted", 1), ("tail", 1), ("logged", 0), ("resumed", 1), ("empty", 0)):
        events, metrics = tmp_path / name / "events", tmp_path / name / "metrics"
        if name != "empty":
            write(events, "train-1", [row(step, {"loss": 1.0 / step, "it's": -step}, epoch=step) for step in (1, 2, 3)])
        if compacted:
            compact(events, metrics)
        if name == "tail":
            write(events, "train-1", [row(4, {"loss": math.nan}, epoch=4)])
        if name == "resumed":
            write(events, "train-2", [resumed(1), row(2, {"loss": 7.0}, epoch=2)])
        found[name] = RunMetrics(events, metrics)
    return found


def ask(runs: dict[str, RunMetrics], statement: str, **options: object) -> list[tuple[object, ...]]:
    return [tuple(line.values()) for line in query(runs, statement, **options).to_pylist()]


def test_every_point_that_counts_is_a_row(runs: dict[str, RunMetrics]) -> None:
    found = ask(runs, "SELECT run, max(step), count(*) FROM metrics WHERE name = 'loss' GROUP BY run ORDER BY run")
    assert found == [("compacted", 3, 3), ("logged", 3, 3), ("resumed", 2, 2), ("tail", 4, 4)]
    rows = ask(runs, "FROM metrics WHERE run IN ('resumed', 'tail') AND name = 'loss' ORDER BY run, step")
    assert rows[:2] == [
        ("resumed", "epoch", "loss", 1, 1.0, 1.0, 1, 1),
        ("resumed", "epoch", "loss", 2, 7.0, 2.0, 2, 2),
    ]
    assert [line[3] for line in rows[2:]] == [1, 2, 3, 4]
    assert math.isnan(rows[-1][4])


def test_the_summary_has_a_row_for_each_series(runs: dict[str, RunMetrics]) -> None:
    found = ask(runs, "SELECT run, last, last_step, min, min_step FROM summary WHERE name = 'it''s' ORDER BY run")
    assert found == [
        ("compacted", -3.0, 3, -3.0, 3),
        ("logged", -3.0, 3, -3.0, 3),
        ("resumed", -1.0, 1, -1.0, 1),
        ("tail", -3.0, 3, -3.0, 3),
    ]


def test_tables_of_the_caller_are_joined(runs: dict[str, RunMetrics]) -> None:
    table = pa.table({"run": ["logged"], "owner": ["ann"]})
    statement = "SELECT owner, count(*) FROM metrics JOIN runs USING (run) GROUP BY owner"
    assert ask(runs, statement, tables={"runs": table}) == [("ann", 6)]


def test_without_runs_the_tables_are_empty() -> None:
    assert ask({}, "SELECT count(*) FROM metrics, summary") == [(0,)]


def test_the_rows_are_limited_and_the_answer_says_so(runs: dict[str, RunMetrics]) -> None:
    whole = query(runs, "SELECT step FROM metrics")
    cut = query(runs, "SELECT step FROM metrics", rows=5)
    assert (len(whole), len(cut)) == (6 + 7 + 6 + 3, 5)
    assert b"cut" not in (whole.schema.metadata or {})
    assert (cut.schema.metadata or {})[b"cut"] == b"yes"


@pytest.mark.parametrize(
    "statement",
    [
        *("WITH a AS (SELECT 1) SELECT * FROM a", "VALUES (1), (2)", "DESCRIBE metrics"),
        *("SHOW TABLES", "SUMMARIZE summary", "SELECT 1;", "-- how many\nSELECT count(*) FROM metrics"),
    ],
)
def test_whatever_only_reads_is_answered(runs: dict[str, RunMetrics], statement: str) -> None:
    assert ask(runs, statement)


@pytest.mark.parametrize(
    "statement",
    [
        *("", "-- nothing", "SELECT 1; SELECT 2", "CREATE TABLE a (b INT)", "DROP VIEW metrics", "SET threads = 1"),
        *("DELETE FROM metrics", "PRAGMA version", "CALL range(3)", "RESET lock_configuration", "CHECKPOINT"),
        *("ATTACH '{outside}.db'", "INSTALL httpfs", "LOAD httpfs", "COPY (SELECT 1) TO '{outside}'"),
        *(
            "EXPORT DATABASE '{outside}'",
            "EXPLAIN ANALYZE COPY (SELECT 1) TO '{outside}'",
            "EXPLAIN SELECT 1",
            # a file that it may read is none that it may write
            "EXPLAIN ANALYZE COPY (SELECT 1 AS metrics) TO '{inside}' (FORMAT parquet, USE_TMP_FILE false)",
            "USE memory",
            "BEGIN",
        ),
        *("SELECT * FROM read_csv('{inside}')", "SELECT * FROM '{inside}'", "SELECT * FROM read_text('{inside}')"),
        *("SELECT * FROM glob('{folder}/*')", "SELECT * FROM read_parquet('{inside}')", "SELECT getenv('HOME')"),
        *("SELECT * FROM read_json('{inside}')", "SELECT * FROM sniff_csv('{inside}')", "FROM read_blob('{inside}')"),
        *(
            "SELECT * FROM query('DROP VIEW metrics')",
            "SELECT * FROM duckdb_secrets()",
            "FROM parquet_metadata('{inside}')",
        ),
        *(
            "SELECT * FROM outside_table",
            "SELECT * FROM query_table('{inside}')",
            "FROM parquet_schema('https://127.0.0.1/x')",
        ),
    ],
)
def test_nothing_else_is_and_nothing_outside_is_reached(
    runs: dict[str, RunMetrics], tmp_path: Path, statement: str
) -> None:
    outside_table = pa.table({"secret": [1]})  # DuckDB would find it in this frame
    assert len(outside_table) == 1
    (tmp_path / "inside.csv").write_text("a\n1\n")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RequestError):
        query(runs, statement.format(outside=tmp_path / "outside", inside=tmp_path / "inside.csv", folder=tmp_path))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELECT * FROM metrik", r"metrik.*Tables: metrics, runs, summary\..*Did you mean 'metrics'\?"),
        ("SELECT vale FROM metrics", r'"vale" not found.*value'),
        ("SELEC 1", "syntax error at or near"),
        ("SELECT * FROM read_text('/etc/hosts')", "reaches outside of the metrics"),
        ("DROP VIEW metrics", r"The query is DROP\. One SELECT\."),
        ("SELECT 1; SELECT 2", "The query is SELECT, SELECT"),
    ],
)
def test_what_is_wrong_is_said_with_a_hint(runs: dict[str, RunMetrics], statement: str, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        query(runs, statement, {"runs": pa.table({"run": ["a"]})})


def test_what_is_wrong_with_a_query_reads_no_run_into_memory(
    runs: dict[str, RunMetrics], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a file that cannot be read is worth a second time, which takes the points from the reader."""
    asked: list[bool] = []

    def parts(*arguments: Any, trusting: bool) -> Any:
        asked.append(trusting)
        return real(*arguments, trusting=trusting)

    real = sql._parts
    monkeypatch.setattr(sql, "_parts", parts)
    with pytest.raises(RequestError):
        ask(runs, "SELECT regexp_matches(name, '(') FROM metrics")
    assert asked == [True]


def test_a_query_that_takes_too_long_is_given_up() -> None:
    started = time.monotonic()
    with pytest.raises(RequestError, match=r"given up after 0\.2 s"):
        query(
            {},
            "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range % 7 = 3",
            timeout_s=0.2,
        )
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("damage", [b"", b"PAR1"])
def test_a_damaged_file_is_gone_round(runs: dict[str, RunMetrics], damage: bytes) -> None:
    folder = runs["compacted"].folder
    path = next(folder.root.rglob("points.parquet"))  # type: ignore[attr-defined]
    path.write_bytes(damage)
    assert ask(runs, "SELECT count(*) FROM metrics WHERE run = 'compacted'") == [(6,)]


def test_a_file_that_is_another_one_is_gone_round(runs: dict[str, RunMetrics], tmp_path: Path) -> None:
    write(tmp_path / "other" / "events", "train-1", [row(1, {"loss": 9.0})])
    compact(tmp_path / "other" / "events", tmp_path / "other" / "metrics")
    (other,) = (tmp_path / "other").rglob("points.parquet")
    (path,) = (tmp_path / "compacted").rglob("points.parquet")
    path.write_bytes(other.read_bytes())
    assert ask(runs, "SELECT count(*), max(value) FROM metrics WHERE run = 'compacted'") == [(6, 1.0)]


def test_a_final_value_that_a_resumed_training_takes_back_is_gone(tmp_path: Path) -> None:
    events, metrics = tmp_path / "events", tmp_path / "metrics"
    write(events, "train-1", [row(1, {"a": 1.0}, "final", epoch=1)])
    compact(events, metrics)
    write(events, "train-2", [resumed(1)])
    assert ask({"run": RunMetrics(events, metrics)}, "SELECT count(*) FROM metrics") == [(0,)]


def test_a_folder_with_an_odd_name_is_read_like_others(tmp_path: Path) -> None:
    root = tmp_path / "it's {1} [2] *"
    write(root / "events", "train-1", [row(1, {"a": 1.0})])
    compact(root / "events", root / "metrics")
    runs = {"it's": RunMetrics(root / "events", root / "metrics")}
    assert ask(runs, "SELECT run, value, time FROM metrics") == [("it's", 1.0, 1.0)]
