"""Weights & Biases as a tracker, with a server or offline.

What lives here: one run of the workbench as one W&B run of the same id. What does not: when to send and what to do
after an error (``delivery``), what the library is told of its surroundings (``options``), the format of its
files (``fragments``).

W&B's library writes every record into a file of its own, a fragment, before it uploads it. ``send`` returns once the
rows are in that file. A process that goes on starts a new fragment: offline, all fragments are the run, and
``wandb sync`` puts them together; online, what the server lacks of the former fragments is logged again. A row counts
once because its ``serial`` is its W&B step.

| ours | in W&B |
|---|---|
| project, run | project, run with the same id |
| setting; locks | ``config``; ``config.workbench`` |
| metric | ``<scope>/<name>`` in a row of ``<scope>_step``, ``epoch`` and its own time; NaN and infinities stay |
| checkpoint, notebook, export, certificate | artifact of that type, ``<run>-<kind>-<name>`` |
| other file; text | file of the run, ``workbench/<kind>/<name>``, with its step ``workbench/<kind>/<step>/<name>`` |
| model | artifact of type ``model``, with the alias |
| failed, crashed, cancelled | exit status 1, 70, 130: ``failed``; ``summary.workbench_state`` says it exactly |
"""

from __future__ import annotations

import glob
import json
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

import psutil

from workbench import settings, storage
from workbench.errors import StorageError, TrackerError
from workbench.tracking.base import Ended, EndState, File, Item, Measured, Model, Started, Text
from workbench.tracking.naming import mapped, scoped
from workbench.tracking.wandb import options
from workbench.tracking.wandb.fragments import records

if TYPE_CHECKING:
    from wandb import Artifact, Run

_ANY = re.compile(r"[^\0]")
_ID = re.compile(r"[A-Za-z0-9_-]")
_PART = re.compile(r"[\w. -]")
_ARTIFACT = re.compile(r"[A-Za-z0-9_.-]")
_LARGE = frozenset({"checkpoint", "notebook", "export", "certificate"})
_EXITS: dict[EndState, int] = {"completed": 0, "failed": 1, "crashed": 70, "cancelled": 130}
_WRITTEN_S, _UPLOAD_S, _UPLOAD_BYTES_S = 10.0, 45, 1_000_000
_NO = re.compile(r"\b(?:error|HTTP|upload:) (?:401|403|404)\b|permission denied", re.IGNORECASE)
# What the library only notes in its log while it says that all is well.
_LOST = re.compile(r"filestream: (?:fatal|json decode) error|runupserter: failed to upload")


_Key: TypeAlias = tuple[str, str]


class WandbTracker:
    """One run in Weights & Biases.

    Args:
        folder: private to the run and this backend.

    Raises:
        TrackerError: when the environment says neither how to reach W&B nor that it is to be offline.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._offline = options.mode() == "offline"
        self._run: Run | None = None
        self._started: Started | None = None
        self._held = 0  # the last serial that a fragment holds
        self._awaited: set[_Key] = set()  # what the library was told and has not written yet
        self._artifacts: set[tuple[str, str]] = set()
        self._fragment, self._read = Path(), 0
        self._log_read = 0
        self._scopes: set[str] = set()

    def open(self, started: Started, remote: str | None) -> str:
        """Begin the run, or go on with it in a new fragment.

        Raises:
            TrackerError: when the server does not answer within 20 s, or refuses.
        """
        run_id = remote or mapped(started.run, _ID, 64)
        former = sorted(self._folder.glob("wandb/*run-*/*.wandb"))
        with self._answered():
            self._run, self._started = _init(self._folder, run_id, started, self._offline), started
            self._fragment, self._read = Path(self._run.settings.sync_file).absolute(), 0
            self._go_on([path for path in former if not path.parent.is_symlink()])
        return run_id

    def send(self, items: Sequence[Item]) -> None:
        """Deliver; rows that a fragment has, and artifacts that W&B has, are not sent again.

        Raises:
            TrackerError: when the library does not write, or an upload takes longer than 45 s and a second for each MB.
        """
        with self._answered():
            self._measure([item for item in items if isinstance(item, Measured)])
            for item in items:
                if isinstance(item, Text):
                    name = f"{mapped(item.name, _PART, 200)}.txt"
                    self._keep(storage.put_text(self._folder / "files" / "text", item.text), "text", item.step, name)
                elif isinstance(item, File) and item.kind not in _LARGE:
                    self._keep(item.path, item.kind, item.step, mapped(item.name, _PART, 200))
                elif isinstance(item, (File, Model)):
                    self._log_artifact(item)
            self._wait_until_written()
            self._look_into_log()

    def close(self, ended: Ended | None) -> None:
        """Finish; a run that goes on is marked as interrupted until somebody opens it again.

        Raises:
            TrackerError: when not everything is uploaded within 45 s.
        """
        if self._run is None:
            return
        with self._answered():
            if ended is None:
                self._run.mark_preempting()
            else:
                told = {"workbench_state": ended.state, "workbench_reason": ended.reason}
                final = {scoped("final", name, _ANY, 300): value for name, value in ended.metrics.items()}
                self._run.summary.update({**told, **final})
            self._run.finish(exit_code=1 if ended is None else _EXITS[ended.state])
            self._run = None
            self._awaited.add(("exit", ""))
            self._wait_until_written()
            self._look_into_log()
        if ended is not None and not self._offline:  # all has arrived: what is kept for a restart is of no more use
            for child in self._folder.iterdir():
                shutil.rmtree(child, ignore_errors=True)

    @property
    def url(self) -> str | None:
        """The run's page; None offline."""
        return None if self._run is None else self._run.url

    @property
    def _on(self) -> Run:
        if self._run is None:
            raise TrackerError("The W&B run is not open.", "A call of open() first.", retry=True)
        return self._run

    def _go_on(self, former: Sequence[Path]) -> None:
        """Take over what former fragments hold; what the server has not got of it is logged again."""
        self._held = 0 if self._offline else max(self._on.starting_step - 1, 0)
        for path in former:
            if self._offline:
                self._held = max([self._held, *(serial for serial, _ in _rows(path, self._held))])
                self._artifacts |= _artifacts(path)
            else:
                self._log_again(path)
        self._wait_until_written()

    def _log_again(self, path: Path) -> None:
        for serial, row in _rows(path, self._held):
            self._log(row, serial)
        files = path.parent / "files"
        for kept in sorted(kept for kept in (files / "workbench").rglob("*") if kept.is_file()):
            place = Path(self._on.dir) / kept.relative_to(files)
            storage.link(kept, place)
            self._save(place)

    def _measure(self, rows: Iterable[Measured]) -> None:
        for row in rows:
            serial = row.serial or self._held + 1
            if serial <= self._held:
                continue
            names = {scoped(row.scope, name, _ANY, 300): name for name in row.values}
            front = next(iter(names)).partition("/")[0] if names else mapped(row.scope, _ANY, 40)
            self._define(front, row.scope, {key: name for key, name in names.items() if key != f"{row.scope}/{name}"})
            told: dict[str, Any] = {key: row.values[name] for key, name in names.items()}
            told |= {f"{front}_step": row.step, "_timestamp": row.at}
            if row.epoch is not None:
                told["epoch"] = row.epoch
            self._log(told, serial)

    def _log(self, row: dict[str, Any], serial: int) -> None:
        self._on.log(row, step=serial, commit=True)
        self._held = serial
        self._awaited = {key for key in self._awaited if key[0] != "row"} | {("row", str(serial))}

    def _define(self, front: str, scope: str, true: Mapping[str, str]) -> None:
        if front not in self._scopes:
            self._scopes.add(front)
            plain = front.replace(".", "\\.")  # an unmarked point would go a level deeper
            self._on.define_metric(f"{plain}_step", hidden=True)
            self._on.define_metric(f"{plain}/*", step_metric=f"{plain}_step")
        if true:
            names = {f"workbench.name.{key}": f"{scope}/{name}" for key, name in true.items()}
            self._on.config.update(names, allow_val_change=True)  # type: ignore[no-untyped-call]

    def _wait_until_written(self) -> None:
        """Wait for all to be in the file: what the library has only in memory is lost when it is killed."""
        deadline = time.monotonic() + _WRITTEN_S
        while True:
            for body, end in records(self._fragment, self._read):
                self._read, deadline = end, time.monotonic() + _WRITTEN_S
                self._awaited.difference_update(_keys(body))
            if not self._awaited:
                return
            if time.monotonic() > deadline:
                raise TrackerError(
                    f"W&B's library has not written {min(self._awaited)} into '{self._fragment}'.",
                    f"A library that runs, and a disk that takes it within {_WRITTEN_S:.0f} s.",
                    "It is tried again.",
                    retry=True,
                )
            time.sleep(options.FLUSH_S / 2)

    def _look_into_log(self) -> None:
        """Raise what the library has noted of an upload that it has given up."""
        log = self._fragment.parent / "logs" / "debug-internal.log"
        if self._offline or not log.is_file():
            return
        with log.open("rb") as file:
            file.seek(self._log_read)
            new = file.read()
        self._log_read += len(new)
        for line in new.decode(errors="replace").splitlines():
            if _LOST.search(line):
                raise _refused(line.partition('"msg":')[2], retry=not _NO.search(line))

    def _keep(self, source: Path, kind: str, step: int | None, name: str) -> None:
        folder = Path(self._on.dir) / "workbench" / kind
        path = (folder if step is None else folder / str(step)) / name
        with suppress(StorageError):  # a file that is gone by now holds nothing up
            storage.link(source, path)
            self._save(path)

    def _save(self, path: Path) -> None:
        self._on.save(glob.escape(str(path)), base_path=self._on.dir, policy="now")
        self._awaited.add(("file", str(path.relative_to(self._on.dir))))

    def _log_artifact(self, item: File | Model) -> None:
        found = self._copy(item)
        if found is None:
            return
        artifact = _artifact(self._started.run if self._started else "", item, found)
        name, digest = artifact.name, artifact.digest  # an upload adds the version to the name
        if (name, digest) in self._artifacts:
            return
        logged = self._on.log_artifact(artifact, aliases=[item.alias] if isinstance(item, Model) else None)
        if self._offline:
            self._awaited.add(("artifact", f"{name} {digest}"))
        else:
            logged.wait(timeout=_UPLOAD_S + found.stat().st_size // _UPLOAD_BYTES_S)
        self._artifacts.add((name, digest))

    def _copy(self, item: File | Model) -> Path | None:
        """Return a copy of the bytes that are meant, which stays as it is; None when they are gone or newer ones."""
        name = item.path.name
        incoming = self._folder / "files" / name
        try:
            storage.link(item.path, incoming)
            found = storage.sha256(incoming)
            if item.sha256 and found != item.sha256:
                return None
            copy = self._folder / "files" / found[:16] / name
            storage.link(incoming, copy)
        except StorageError:
            return None
        return copy

    @contextmanager
    def _answered(self) -> Iterator[None]:
        """Turn what the library raises into a ``TrackerError`` that says whether trying again may help."""
        wandb = _library(self._folder)
        try:
            yield
        except TrackerError:
            raise
        except (wandb.errors.AuthenticationError, wandb.errors.UsageError) as error:
            raise _refused(error, retry=False) from error
        except Exception as error:  # a library that has died, or was answered nonsense, raises anything
            raise _refused(error, retry=not _NO.search(str(error))) from error


def _refused(error: Exception | str, retry: bool) -> TrackerError:
    said = " ".join(str(error).split())[:500] or type(error).__name__
    return TrackerError(
        f"Weights & Biases: {said}",
        "A server that answers, and takes what it is sent.",
        "It is tried again." if retry else "Correct WANDB_API_KEY or WANDB_BASE_URL; then sync again.",
        retry=retry,
    )


def _library(folder: Path) -> ModuleType:
    """Import W&B's library, with its own files in ``folder`` and its reports about itself off."""
    settings.export_environment(options.environment(folder))
    import wandb

    return wandb


def _leave() -> None:
    """Give up a run that an error left behind in this process; its fragment holds what it was told."""
    import wandb

    if wandb.run is not None:
        # Ending it the regular way would wait for a server that perhaps is away, and would tell it a state.
        for child in psutil.Process().children():
            with suppress(psutil.Error):
                if child.name().startswith("wandb-core"):
                    child.kill()
        with suppress(Exception, SystemExit):  # it says in many ways that it has lost its other half
            wandb.teardown(exit_code=1)
    wandb.teardown()


def _init(folder: Path, run_id: str, started: Started, offline: bool) -> Run:
    import wandb

    _leave()
    folder.mkdir(exist_ok=True)
    return wandb.init(
        id=run_id,
        resume="allow",
        project=mapped(started.project, _PART, 128),
        name=started.name,
        group=started.session[:128] or None,
        job_type=started.kind,
        tags=list(dict.fromkeys(tag[:64] for tag in started.tags if tag)),
        notes=started.note or None,
        config=options.config(started),
        dir=str(folder),
        mode="offline" if offline else "online",
        allow_val_change=True,
        settings=wandb.Settings(**options.switches()),
    )


def _artifact(run: str, item: File | Model, path: Path) -> Artifact:
    import wandb

    if isinstance(item, Model):
        name, kind = mapped(item.name, _ARTIFACT, 128), "model"
        about: dict[str, Any] = {"name": item.name, "task": item.task, "metrics": dict(item.metrics), **item.tags}
    else:
        name, kind = mapped(f"{run}-{item.kind}-{item.name}", _ARTIFACT, 128), item.kind
        about = {"name": item.name, "step": item.step}
    artifact = wandb.Artifact(name, kind, metadata={**about, "run": run, "sha256": item.sha256})
    artifact.add_file(str(path), policy="immutable", skip_cache=True)
    return artifact


def _record(body: bytes) -> Any:
    from wandb.proto import wandb_internal_pb2

    return wandb_internal_pb2.Record.FromString(body)  # type: ignore[attr-defined]


def _keys(body: bytes) -> set[_Key]:
    """Return what a record stands for."""
    record = _record(body)
    if record.HasField("history"):
        return {("row", str(record.history.step.num))}
    if record.HasField("files"):
        return {("file", file.path) for file in record.files.files}
    if record.HasField("artifact"):
        return {("artifact", f"{record.artifact.name} {record.artifact.digest}")}
    return {("exit", "")} if record.HasField("exit") else set()


def _rows(path: Path, after: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows of a fragment whose step is above ``after``, each with its step."""
    for body, _ in records(path):
        record = _record(body)
        if record.HasField("history") and record.history.step.num > after:
            row = {".".join(item.nested_key) or item.key: json.loads(item.value_json) for item in record.history.item}
            yield int(record.history.step.num), {key: row[key] for key in row if key not in ("_step", "_runtime")}


def _artifacts(path: Path) -> set[tuple[str, str]]:
    """Return name and digest of the artifacts of a fragment."""
    found = (_record(body) for body, _ in records(path))
    return {(record.artifact.name, record.artifact.digest) for record in found if record.HasField("artifact")}
