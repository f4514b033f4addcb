"""What a conversation may talk about: the workspace's datasets, runs, exports, endpoints and devices, as plain facts.

What lives here: reading them, cheaply enough for every turn. What does not: what is said about them (``chat``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from workbench.chat.context import Context, DatasetFact, EndpointFact, ExportFact, RunFact
from workbench.config.schema import DEFAULTS
from workbench.conversations.devices import devices
from workbench.conversations.measured import LastEpochs
from workbench.conversations.performing import DEPLOYMENTS
from workbench.database import RunRow
from workbench.datasets import registry
from workbench.datasets.registry import Dataset
from workbench.deployments.model import RECORD_NAME, alive, read_record
from workbench.errors import StorageError, UnknownNameError
from workbench.exports.formats import MADE
from workbench.paths import RunPaths
from workbench.runs.model import RunState
from workbench.runs.training.checkpoint_files import finished_epochs

if TYPE_CHECKING:
    from workbench.workspace import Workspace

RUNS: Final = 50  # the newest; nobody means an older one without naming it to a command
EXPORTS: Final = 20  # as above


class Facts:
    """Reads the facts of a workspace.

    Args:
        workspace: whose.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._configs: dict[str, dict[str, Any]] = {}
        self._ended: dict[tuple[str, str, int], RunFact] = {}
        self._made: dict[str, ExportFact] = {}  # those that are complete: they stay as they are
        self._last_epochs = LastEpochs()

    def read(self, session: str = "") -> Context:
        """Return what may be talked about now.

        Args:
            session: the id of the session that talks: its runs are meant before others.

        Raises:
            StorageError: when the workspace cannot be read.
        """
        self._workspace.look()
        rows = self._newest()
        datasets, damaged = self._datasets()
        return Context(
            datasets=datasets,
            runs=tuple(self._run(row) for row in rows),
            run=_meant(rows, session),
            devices=self._devices,
            formats=MADE,
            deployments=DEPLOYMENTS,
            exports=tuple(self._export(row) for row in self._newest("export", EXPORTS)),
            endpoints=tuple(self._endpoints()),
            damaged=damaged,
        )

    def _datasets(self) -> tuple[tuple[DatasetFact, ...], tuple[str, ...]]:
        """Return the datasets, and the names of those whose records are damaged."""
        found, damaged = [], []
        for name in registry.names(self._workspace.paths):
            try:
                found.append(_dataset(registry.load(self._workspace.paths, name)))
            except StorageError:
                damaged.append(name)
            except UnknownNameError:  # it was removed at this moment
                continue
        return tuple(found), tuple(damaged)

    def _export(self, row: RunRow) -> ExportFact:
        if row.id in self._made and row.state == RunState.COMPLETED:
            return self._made[row.id]
        form, proven = "", None
        with suppress(StorageError, UnknownNameError):  # of a damaged run, the row is what there is
            form = str(self._workspace.ledger.spec(row.id).parameters.get("format", ""))
        if row.state == RunState.COMPLETED:
            with suppress(StorageError):
                parity = self._workspace.ledger.result(row.id).details.get("parity")
                proven = bool(parity.get("passed")) if isinstance(parity, Mapping) else None
        fact = ExportFact(row.id, row.source or row.model or "", form, row.state, proven)
        if row.state == RunState.COMPLETED:
            self._made[row.id] = fact
        return fact

    def _endpoints(self) -> Iterator[EndpointFact]:
        folder = self._workspace.paths.deployments
        for record in sorted(folder.glob(f"*/{RECORD_NAME}")):
            with suppress(StorageError, UnknownNameError):  # a damaged record stops no conversation
                found = read_record(record.parent)
                made = Path(found.model_folder).parent.name
                yield EndpointFact(found.name, made, found.url, alive(found))

    @cached_property
    def _devices(self) -> tuple[str, ...] | None:
        # A shared server gives the run to a worker on another machine, whose devices nobody here knows
        return None if self._workspace.settings.prefect_api_url else devices()

    def _newest(self, kind: str | None = None, most: int = RUNS) -> list[RunRow]:
        query = select(RunRow).order_by(RunRow.created_at.desc(), RunRow.id.desc()).limit(most)
        if kind is not None:
            query = query.where(RunRow.kind == kind)
        with self._workspace.database.transaction() as session:
            return list(session.scalars(query))

    def _run(self, row: RunRow) -> RunFact:
        paths = self._workspace.paths.run(row.id)
        if not RunState(row.state).ended:
            return self._read(row, paths)
        key = (row.id, row.state, _bytes(paths))
        if key not in self._ended:
            self._ended[key] = self._read(row, paths)
        return self._ended[key]

    def _read(self, row: RunRow, paths: RunPaths) -> RunFact:
        reason, changed = "", {}
        if row.state != RunState.COMPLETED:
            with suppress(StorageError, UnknownNameError):  # of a damaged run, the row is what there is
                standing = self._workspace.ledger.standing(row.id)
                reason, changed = standing.reason, _flat(standing.changes)
        config = {**self._config(row.id), **changed}
        trains = row.kind == "train"
        metrics = self._metrics(row, paths) if trains else {}
        name = row.headline_name or (_headline_name(config) if trains else "")
        return RunFact(
            id=row.id,
            state=row.state,
            name=row.name,
            kind=row.kind,
            epoch=finished_epochs(paths) if trains else None,
            epochs=config.get("epochs", DEFAULTS["epochs"]) if trains else None,
            headline=row.headline_value if row.headline_value is not None else metrics.get(name),
            headline_name=name,
            metrics=metrics,
            config={key: value for key, value in config.items() if key in DEFAULTS and value != _listed(DEFAULTS[key])},
            reason=reason,
            created_at=row.created_at,
        )

    def _config(self, run_id: str) -> dict[str, Any]:
        if run_id not in self._configs:
            try:
                spec = self._workspace.ledger.spec(run_id)
            except (StorageError, UnknownNameError):
                return {}
            self._configs[run_id] = dict(spec.config or _flat(spec.parameters))
        return self._configs[run_id]

    def _metrics(self, row: RunRow, paths: RunPaths) -> dict[str, float]:
        if row.state != RunState.COMPLETED:
            return self._last_epochs.of(paths)
        with suppress(StorageError):
            found = self._workspace.ledger.result(row.id).metrics
            return {name: value for name, value in found.items() if isinstance(value, float) and isfinite(value)}
        return {}


def _dataset(dataset: Dataset) -> DatasetFact:
    return DatasetFact(
        name=dataset.name,
        task=dataset.task,
        images=sum(dataset.images.values()),
        classes=tuple(dataset.names[key] for key in sorted(dataset.names)),
        description=str(dataset.origin.get("description", "")),
        splits={split: count for split, count in dataset.images.items() if count},
        problems=tuple(dict.fromkeys((*dataset.blocking.values(), *dataset.problems))),
        blocking=bool(dataset.blocking),
    )


def _meant(rows: list[RunRow], session: str) -> str | None:
    """Return the run that is meant when none is named: of the session, then training, then going, then the newest."""

    def likelihood(row: RunRow) -> tuple[bool, bool, bool]:
        return row.session == session, row.kind == "train", not RunState(row.state).ended

    return max(rows, key=likelihood).id if rows else None


def _headline_name(config: Mapping[str, Any]) -> str:
    from workbench.config.catalogue import headline_metric

    return headline_metric(str(config.get("task") or DEFAULTS["task"]))


def _flat(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a job notebook as one config: its settings beside the dozen."""
    settings = parameters.get("settings")
    own = {name: value for name, value in parameters.items() if name != "settings"}
    return {**own, **settings} if isinstance(settings, Mapping) else own


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _bytes(paths: RunPaths) -> int:
    """Return how long the ledger's log of a run is: it grows with every step, e.g. when the run is resumed."""
    try:
        return (paths.events / "ledger.jsonl").stat().st_size
    except OSError:
        return 0
