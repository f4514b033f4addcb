"""The ledger: every run is in it before anything starts, and its folder says what happened.

What lives here: recording, states, results, listing, rebuilding the rows. What does not: starting or running
anything.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select

from workbench import storage
from workbench.database import Database, ExportRow, RunRow
from workbench.errors import ConflictError, RunError, StorageError, UnknownNameError, did_you_mean, storage_error
from workbench.metrics.log import EventLog
from workbench.metrics.tail import Event, read_events
from workbench.paths import RunPaths, WorkspacePaths
from workbench.processes import boot_id
from workbench.runs.lease import locked
from workbench.runs.model import NEXT, Policy, RunResult, RunSpec, RunState
from workbench.runs.standing import Standing, fold

WRITER = "ledger"  # states and launches are in this one log, in the order in which they happened


class Ledger:
    """The runs of one workspace.

    Args:
        paths: where the workspace lies.
        database: the view that answers lists.
    """

    def __init__(self, paths: WorkspacePaths, database: Database) -> None:
        self.paths, self.database = paths, database

    def record(self, spec: RunSpec, code_diff: str = "", notebook: bytes = b"") -> None:
        """Write the run's folder, complete or not at all, and its row.

        Args:
            spec: what the run is.
            code_diff: the uncommitted changes of the workbench's own code.
            notebook: the notebook, when it is not one of the workbench's own.

        Raises:
            StorageError: when the disk is full or the workspace is read-only; nothing is left behind.
        """
        folder = self.paths.run(spec.id)
        draft = RunPaths(self.paths.runs / f".new-{spec.id}-{secrets.token_hex(2)}")
        try:
            draft.root.mkdir(parents=True)
            storage.put(draft.spec, spec.model_dump_json(indent=2).encode() + b"\n")
            if code_diff:
                storage.put(draft.code, code_diff.encode())
            if notebook:
                storage.put(draft.notebook, notebook)
            with EventLog(draft.events, WRITER) as log:
                log.append("state", state=RunState.QUEUED.value, **_clock())
            draft.root.rename(folder.root)
        except OSError as error:
            raise storage_error(error, folder.root) from error
        finally:
            if draft.root.exists():
                storage.remove(draft.root)
        try:
            self.database.put(_row(spec, RunState.QUEUED, None))
        except StorageError:
            storage.remove(folder.root)
            raise

    def resolve(self, name: str) -> str:
        """Return the id of a run named by its id, the beginning of its id, its name, or ``last``.

        Raises:
            UnknownNameError: when no run, or more than one, fits.
        """
        rows = self.rows() if name else []  # an empty variable of a shell script means no run, not any
        ids = [row.id for row in rows]
        if name in ids:
            return name
        if name == "last" and ids:
            return ids[0]
        found = [row.id for row in rows if row.id.startswith(name)] or [row.id for row in rows if row.name == name]
        if len(found) == 1 or (found and all(row.name == name for row in rows if row.id in found)):
            return found[0]
        raise UnknownNameError(
            f"{len(found) or 'No'} run{'s fit' if found else ' is named'} '{name}'.",
            "A run's id, the beginning of it, its name, or 'last'.",
            did_you_mean(name, ids) or "See `workbench runs list`.",
            name=name,
        )

    def spec(self, run_id: str) -> RunSpec:
        """Return what the run is.

        Raises:
            UnknownNameError: when the run is not there.
            StorageError: when its run.json is damaged.
        """
        path = self._spec_file(run_id)
        try:
            return RunSpec.model_validate(storage.get_json(path))
        except ValidationError as error:
            raise StorageError(f"'{path}' is damaged: {error}.", "A run.json written by the workbench.") from error

    def events(self, run_id: str) -> list[Event]:
        """Return what happened so far, oldest first."""
        return read_events(self.paths.run(run_id).events)

    def state(self, run_id: str) -> RunState:
        """Return where the run stands, from its folder.

        Raises:
            UnknownNameError: when the run is not there.
        """
        return self.standing(run_id).state

    def standing(self, run_id: str) -> Standing:
        """Return where the run stands and how it got there, from its folder.

        Raises:
            UnknownNameError: when the run is not there.
        """
        self._spec_file(run_id)
        folder = self.paths.run(run_id)
        # The order of the lines, not their times, says what came first: clocks are set back.
        standing = fold(read_events(folder.events, (WRITER,)))
        return replace(standing, state=RunState.COMPLETED) if folder.result.is_file() else standing

    def policy(self, run_id: str) -> Policy:
        """Return how hard the run is tried, with what was changed when it was resumed."""
        return self.spec(run_id).policy.model_copy(update=dict(self.standing(run_id).policy))

    def result(self, run_id: str) -> RunResult:
        """Return the result of a completed run.

        Raises:
            RunError: when the run is not complete.
        """
        path = self.paths.run(run_id).result
        if not path.is_file():
            state = self.state(run_id)
            raise RunError(
                f"Run '{run_id}' has no result: it is {state}.",
                "A completed run.",
                f"See `workbench runs show {run_id}`.",
                run=run_id,
                state=state.value,
            )
        return RunResult.model_validate(storage.get_json(path))

    def move(self, run_id: str, state: RunState, by: str, *, since: Standing | None = None, **fields: object) -> None:
        """Write the step to ``state`` and refresh the row.

        Args:
            run_id: the run.
            state: where it goes.
            by: who says so, e.g. ``attempt-1``.
            since: where the run stood when the step was decided on; a run that has moved meanwhile is left alone.
            fields: ``reason``, ``attempt``, ``due_at``, ``after``, ``changes``, …

        Raises:
            ConflictError: when that step is not possible from where the run stands.
            UnknownNameError: when the run is not there.
        """
        self._spec_file(run_id)
        with locked(self.paths.run(run_id).gate):
            standing = self.standing(run_id)
            current = standing.state
            if state not in NEXT[current] or (since is not None and standing != since):
                raise ConflictError(
                    f"Run '{run_id}' cannot become {state}: it is {current}.",
                    f"From {current} a run can become {', '.join(sorted(NEXT[current])) or 'nothing else'}.",
                    f"See `workbench runs show {run_id}`.",
                    run=run_id,
                    state=current.value,
                )
            self._append(run_id, "state", state=state.value, by=by, **_clock(), **fields)
        self._refresh_or_note(run_id)

    def launched(self, run_id: str, number: int, launch: str) -> None:
        """Note what the launcher calls the launch, so that any process can ask about it or end it.

        Raises:
            UnknownNameError: when the run is not there.
        """
        self._spec_file(run_id)
        with locked(self.paths.run(run_id).gate):
            self._append(run_id, "launch", number=number, launch=launch)

    def complete(self, run_id: str, result: RunResult, by: str) -> None:
        """Publish the result, which makes the run complete."""
        with locked(self.paths.run(run_id).gate):
            storage.put(self.paths.run(run_id).result, result.model_dump_json(indent=2).encode() + b"\n")
            self._append(run_id, "state", state=RunState.COMPLETED.value, by=by, **_clock())
        self._refresh_or_note(run_id)

    def refresh(self, run_id: str) -> None:
        """Make the run's rows again from its folder."""
        state = None
        while state is not self.state(run_id):  # another process may move it meanwhile, and put its row before ours
            state = self.state(run_id)
            self.database.put(*self.build_rows(run_id))

    def build_rows(self, run_id: str) -> list[RunRow | ExportRow]:
        """Return the rows that the run's folder stands for."""
        spec, state = self.spec(run_id), self.state(run_id)
        result = self.result(run_id) if state is RunState.COMPLETED else None
        rows: list[RunRow | ExportRow] = [_row(spec, state, result)]
        if spec.kind == "export" and result is not None:
            rows.append(_export_row(spec, result))
        return rows

    def rows(self, kind: str | None = None, project: str | None = None, state: str | None = None) -> list[RunRow]:
        """Return the runs, newest first."""
        query = select(RunRow).order_by(RunRow.created_at.desc(), RunRow.id.desc())
        for column, value in ((RunRow.kind, kind), (RunRow.project, project), (RunRow.state, state)):
            if value is not None:
                query = query.where(column == value)
        with self.database.transaction() as session:
            return list(session.scalars(query))

    def unended(self) -> list[str]:
        """Return the runs whose rows do not say that they ended, oldest first."""
        going = [state.value for state in RunState if not state.ended]
        query = select(RunRow.id).where(RunRow.state.in_(going)).order_by(RunRow.created_at, RunRow.id)
        with self.database.transaction() as session:
            return [run_id for run_id in session.scalars(query) if self.paths.run(run_id).spec.is_file()]

    def ids_on_disk(self) -> list[str]:
        """Return the ids of the run folders, sorted."""
        if not self.paths.runs.is_dir():
            return []
        return sorted(folder.name for folder in self.paths.runs.iterdir() if _is_run(folder))

    def delete(self, run_id: str) -> None:
        """Remove a run that has ended, with everything it made.

        Raises:
            ConflictError: when it is still going, or a run that is still going reads its checkpoint.
        """
        state = self.state(run_id)
        if not state.ended:
            raise ConflictError(
                f"Run '{run_id}' is {state}.",
                "Only a run that has ended can be deleted.",
                f"Cancel it first: `workbench runs cancel {run_id}`.",
            )
        readers = [row.id for row in self.rows() if row.source == run_id and not RunState(row.state).ended]
        if readers:
            raise ConflictError(
                f"Run '{run_id}' is read by run '{readers[0]}'.",
                "A run that no run in progress exports or measures.",
                f"Wait for it, or cancel it: `workbench runs cancel {readers[0]}`.",
                runs=readers,
            )
        storage.remove(self.paths.run(run_id).root)
        self.database.delete(RunRow, run_id)
        self.database.delete(ExportRow, run_id)

    def _append(self, run_id: str, kind: str, **fields: object) -> None:
        with EventLog(self.paths.run(run_id).events, WRITER) as log:
            log.append(kind, **fields)

    def _refresh_or_note(self, run_id: str) -> None:
        """Refresh the row; the database is a view, so its outage must not end a run."""
        try:
            self.refresh(run_id)
        except StorageError as error:
            self._append(run_id, "log", level="warning", message=f"The database was not told: {error}")

    def _spec_file(self, run_id: str) -> Path:
        path = self.paths.run(run_id).spec
        if not path.is_file():
            raise UnknownNameError(f"No run '{run_id}'.", "A run in this workspace.", "See `workbench runs list`.")
        return path


def _clock() -> dict[str, Any]:
    """Return what an attempt's time is counted by, see ``Standing.seconds_until``."""
    return {"monotonic": round(time.monotonic(), 3), "boot": boot_id()}


def _is_run(folder: Path) -> bool:
    return not folder.name.startswith(".") and (folder / "run.json").is_file()


def _row(spec: RunSpec, state: RunState, result: RunResult | None) -> RunRow:
    headline = result.headline if result and result.headline and isfinite(result.headline.value) else None
    return RunRow(
        id=spec.id,
        kind=spec.kind,
        notebook=spec.notebook,
        project=spec.project,
        session=spec.session,
        name=spec.name,
        tags=list(spec.tags),
        note=spec.note,
        model=spec.model.ref if spec.model else None,
        dataset=spec.dataset.name if spec.dataset else None,
        source=spec.source,
        state=state.value,
        created_at=spec.created_at,
        seconds=result.seconds if result else None,
        headline_name=headline.name if headline else None,
        headline_value=headline.value if headline else None,
    )


def _export_row(spec: RunSpec, result: RunResult) -> ExportRow:
    return ExportRow(
        run=spec.id,
        source=spec.source or (spec.model.ref if spec.model else ""),
        format=str(result.details.get("format", "")),
        bytes=int(result.details.get("bytes", 0)),
        parity="passed" if result.details.get("parity", {}).get("passed") else "unproven",
        created_at=spec.created_at,
    )
