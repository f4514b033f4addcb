"""What the runs of a workspace measured, and questions about many of them at once.

What lives here: which runs a question is about. What does not: the answers (``metrics``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pyarrow as pa

from workbench.errors import ConflictError, StorageError
from workbench.metrics.store import manifest
from workbench.metrics.store.archive import archive, open_archive
from workbench.metrics.store.compact import compact, is_complete
from workbench.metrics.store.generation import LocalFolder
from workbench.metrics.store.reader import POINTS, RunMetrics, Series, compare, summaries
from workbench.metrics.store.shared import LivePoints, live_points
from workbench.metrics.store.sql import ROWS, query
from workbench.paths import RunPaths
from workbench.runs.ledger import Ledger
from workbench.runs.model import RunState

_RUNS = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "name", "kind", "state", "project", "session", "model", "dataset")),
        ("source", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("note", pa.string()),
        ("created_at", pa.string()),
        ("seconds", pa.float64()),
        ("headline_name", pa.string()),
        ("headline_value", pa.float64()),
    ]
)
_WAIT_S = 30.0
_PARAMS = pa.schema([(name, pa.string()) for name in ("run", "name", "value")])


class History:
    """The metrics of all runs of a workspace.

    Args:
        ledger: the runs.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._read: dict[str, RunMetrics] = {}

    def of(self, run: str) -> RunMetrics:
        """Return the metrics of one run.

        Args:
            run: its id, the beginning of it, its name, or ``last``; or the URI that it was archived to.

        Raises:
            UnknownNameError: when there is no such run.
            StorageError: when there is no archive at the URI.
        """
        run_id = self._resolve(run)
        if run_id not in self._read:
            self._read[run_id] = open_archive(run_id) if _is_uri(run_id) else self._open(run_id)
        return self._read[run_id]

    def archive(self, run: str, uri: str, **options: Any) -> None:
        """Copy the metrics of a run that has ended to object storage; every question can be asked of them there.

        Args:
            run: its id, the beginning of it, its name, or ``last``.
            uri: a folder of its own, e.g. ``s3://bucket/runs/first``.
            options: for fsspec, e.g. credentials.

        Raises:
            UnknownNameError: when there is no such run.
            ConflictError: when it goes on.
            StorageError: when it cannot be written there.
        """
        run_id = self._ledger.resolve(run)
        state = self._ledger.state(run_id)
        if not state.ended:
            raise ConflictError(
                f"Run '{run_id}' is {state}.", "A run that has ended.", f"Wait for it: workbench runs watch {run_id}"
            )
        paths = self._ledger.paths.run(run_id)
        if compact(paths.events, paths.metrics, wait_s=_WAIT_S) is None:
            raise ConflictError(
                f"The metrics of run '{run_id}' are being compacted.",
                "A moment in which nobody does that.",
                "Try again.",
            )
        archive(LocalFolder(paths.metrics), uri, **options)

    def compare(
        self, runs: Iterable[str], names: Sequence[str], scope: str = "epoch", points: int | None = POINTS
    ) -> dict[str, dict[str, Series]]:
        """Return the same metrics of several runs: by run, then by name; a run lacks what it has not measured.

        Args:
            runs: as for ``of``.
            names: of metrics.
            scope: ``batch``, ``epoch``, …
            points: at most as many of each; None for all.

        Raises:
            UnknownNameError: when there is no such run, or none of them has one of the metrics.
        """
        return compare({self._resolve(run): self.of(run) for run in runs}, names, scope, points)

    def summary(self, runs: Iterable[str] | None = None) -> pa.Table:
        """Return first, last, least and greatest value of every series: one row each.

        Args:
            runs: as for ``of``; all runs of the workspace when left out.

        Raises:
            UnknownNameError: when there is no such run.
        """
        if runs is None:
            return summaries(self._all())
        return summaries({self._resolve(run): self.of(run) for run in runs})

    def differences(self, runs: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the settings in which runs differ, by run, then by setting; None where a run has no such setting.

        Args:
            runs: ids, beginnings of ids, names, or ``last``.

        Raises:
            UnknownNameError: when there is no such run.
        """
        return differing({run_id: self._settings(run_id) for run_id in map(self._ledger.resolve, runs)})

    def query(self, statement: str, rows: int = ROWS) -> pa.Table:
        """Answer one SELECT over all runs, in DuckDB's SQL; nothing can be changed by it.

        Tables: ``metrics`` (run, scope, name, step, value, time, attempt, epoch), ``summary`` (run, scope, name, count,
        first, last, min, max, mean, …), ``runs`` (id, name, state, model, dataset, …) and ``params`` (run, name, value
        as text): the settings of each run.

        Args:
            statement: the SELECT.
            rows: at most as many are returned; the schema's metadata has ``cut`` when there were more.

        Returns:
            An Arrow table; ``.to_pandas()`` makes a data frame of it.

        Raises:
            RequestError: when it is no single SELECT, or names what is not there.
        """
        runs, mentioned = self._all(), set(re.findall(r"\w+", statement.lower()))
        tables = {"runs": self._runs(), "params": self._params(runs if "params" in mentioned else ())}
        return query(runs, statement, tables, rows=rows)

    def live(self, run: str, since: int = 0) -> LivePoints:
        """Return the points of a run on another machine, which its tracker ``database`` has put into DATABASE_URL.

        Args:
            run: its id.
            since: the ``sequence`` of an earlier call; 0 for all points so far.

        Raises:
            StorageError: when the database does not answer.
        """
        return live_points(self._ledger.database, run, since)

    def _resolve(self, run: str) -> str:
        return run if _is_uri(run) else self._ledger.resolve(run)

    def _open(self, run_id: str) -> RunMetrics:
        return open_metrics(self._ledger.paths.run(run_id), ended=self._ledger.state(run_id).ended)

    def _all(self) -> dict[str, RunMetrics]:
        """Return the metrics of all runs, without asking the ledger about each, or looking closer than needed."""
        rows = self._ledger.rows()
        for row in rows:
            if row.id not in self._read:
                run = self._ledger.paths.run(row.id)
                bare = RunState(row.state).ended and not (run.metrics / manifest.NAME).is_file()
                self._read[row.id] = open_metrics(run, ended=bare)
        return {row.id: self._read[row.id] for row in rows}

    def _runs(self) -> pa.Table:
        rows = [row.row() for row in self._ledger.rows()]
        return pa.table({name: [row[name] for row in rows] for name in _RUNS.names}, schema=_RUNS)

    def _params(self, ids: Iterable[str]) -> pa.Table:
        found: list[tuple[str, str, str]] = []
        for run_id in ids:
            with suppress(StorageError):  # a damaged run keeps nobody from asking about the others
                found += [(run_id, name, _text(value)) for name, value in self._settings(run_id).items()]
        columns = zip(*found, strict=True) if found else ((), (), ())
        return pa.table([pa.array(column, pa.string()) for column in columns], schema=_PARAMS)

    def _settings(self, run_id: str) -> Mapping[str, Any]:
        spec = self._ledger.spec(run_id)
        return spec.config or spec.parameters


def differing(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return, of the settings of some runs, those in which they differ; None where a run has no such setting."""
    names = sorted({name for one in settings.values() for name in one})
    found = [name for name in names if len({_text(one.get(name)) for one in settings.values()}) > 1]
    return {run_id: {name: one.get(name) for name in found} for run_id, one in settings.items()}


def open_metrics(run: RunPaths, *, ended: bool) -> RunMetrics:
    """Return the metrics of a run; one that ended without that, e.g. in a crash, is compacted first."""
    if ended and not is_complete(run.events, run.metrics):
        with suppress(StorageError):  # on a disk that is full or read-only, its logs answer
            compact(run.events, run.metrics)
    return RunMetrics(run.events, run.metrics)


def _is_uri(name: str) -> bool:
    return "://" in name


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
