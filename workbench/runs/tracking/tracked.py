"""A run's folder as a tracker is told of it.

What lives here: what the spec, the events and the files of a run mean in the words of ``tracking.base``. What does not:
telling it to anybody (``tracking.delivery``). Nothing here needs the database, or the notebook's engine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeGuard, cast, get_args

from pydantic import ValidationError

from workbench import storage
from workbench.errors import StorageError
from workbench.metrics.rows import current
from workbench.metrics.tail import Event, parse, read_events
from workbench.paths import RunPaths
from workbench.runs.lease import is_held
from workbench.runs.model import RunResult, RunSpec, RunState
from workbench.runs.standing import Standing, fold
from workbench.serving.spec import SPEC_NAME
from workbench.settings import SECRET
from workbench.tracking.base import Ended, EndState, File, FileKind, Item, Measured, Model, Started, Text

_LEDGER = "ledger"
_HEAD_BYTES = 1 << 16  # an attempt that resumes says so among its first lines
_WORDS: dict[str | None, float] = {None: math.nan, "NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class TrackedRun:
    """One run, read from its folder whenever it is asked.

    Args:
        folder: the run's folder.

    Raises:
        StorageError: when its run.json is missing or damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.paths = RunPaths(folder)
        self.events = self.paths.events
        try:
            self._spec = RunSpec.model_validate(storage.get_json(self.paths.spec))
        except ValidationError as error:
            raise StorageError(
                f"'{self.paths.spec}' is damaged: {error}.", "A run.json written by the workbench."
            ) from error
        self._resumed: dict[Path, list[Event]] = {}

    def started(self) -> Started:
        """Return what the run is, with the number of its last attempt and what was changed for it."""
        spec, standing = self._spec, self._standing()
        lock = spec.lock
        return Started(
            run=spec.id,
            name=spec.name or spec.id,
            kind=spec.kind,
            project=spec.project,
            session=spec.session,
            at=datetime.fromisoformat(spec.created_at).timestamp(),
            tags=spec.tags,
            note=spec.note,
            attempt=standing.attempt,
            config=_masked({**(spec.config or spec.parameters), **standing.changes}),
            dataset=spec.dataset.model_dump(exclude={"data_yaml"}) if spec.dataset else {},
            model=spec.model.model_dump(exclude={"path"}) if spec.model else {},
            code=lock.get("code", {}),
            environment={"python": lock.get("python", ""), **lock.get("packages", {})} if lock else {},
        )

    def items(self, events: Sequence[Event], serial: int) -> list[Item]:
        """Return what events of the log mean, without rows that a later attempt is known to have measured again.

        Args:
            events: with the name of their ``writer``, in the order of the log.
            serial: how many events of metrics came before them.
        """
        numbers: dict[int, int] = {}
        for event in events:
            if event["kind"] == "metrics":
                numbers[id(event)] = serial = serial + 1
        sound = [event for event in events if _is_sound(event)]
        found = (self._item(event, numbers.get(id(event), 0)) for event in current([*self._heads(), *sound]))
        return [item for item in found if item is not None]

    def ended(self) -> Ended | None:
        """Return how the run ended; None while it goes on, or may go on by itself."""
        standing = self._standing()
        result = self._result()
        if result is not None and not standing.state.ended and is_held(self.paths.lease):
            return None  # it is being written down at this moment
        state = RunState.COMPLETED if result is not None else standing.state
        for word in get_args(EndState):
            if state == word:
                metrics = _floats(result.metrics) if result is not None else {}
                return Ended(word, standing.since, standing.reason, metrics)
        return None

    def last_items(self) -> list[Item]:
        """Return the executed notebook, what the result names, and the model of a completed training."""
        ended, result = self.ended(), self._result()
        if ended is None:
            return []
        sums = {artifact.path: artifact.sha256 for artifact in result.artifacts} if result is not None else {}
        files = list(self._last_files(ended.at, sums))
        model = self._model(files, ended) if ended.state == "completed" else None
        return [*files, model] if model is not None else [*files]

    def goes(self) -> bool:
        """Return whether a process of the run lives, or the run waits to be tried again."""
        standing = self._standing()  # of a run that was deleted meanwhile nothing is left, not even an attempt
        return is_held(self.paths.lease) or (standing.state is RunState.QUEUED and standing.attempt > 0)

    def _last_files(self, at: float, sums: Mapping[str, str]) -> Iterator[File]:
        attempts = self.paths.attempts()
        named: list[tuple[FileKind, Path]] = [("checkpoint", self.paths.checkpoints / "best.pt")]
        if attempts:
            named.append(("notebook", self.paths.attempt(attempts[-1]).notebook))
        exported = (path for name in sums if (path := self.paths.root / name).is_relative_to(self.paths.export))
        named.extend(("certificate" if path.name.startswith("certificate") else "export", path) for path in exported)
        for kind, path in named:
            if path.is_file():
                yield File(kind, path.name, path, at, sha256=sums.get(path.relative_to(self.paths.root).as_posix(), ""))

    def _model(self, files: Sequence[File], ended: Ended) -> Model | None:
        """Return what a registry is told of: the best checkpoint of a training, or an export that is one file."""
        spec = self._spec
        name = {"train": "best.pt", "export": self._exported()}.get(spec.kind)
        file = next((file for file in files if file.name == name), None)
        if file is None or spec.model is None:
            return None
        data = spec.dataset
        tags = {"run": spec.id, "project": spec.project, "session": spec.session, "kind": spec.kind}
        if data is not None:
            tags |= {"dataset": data.name, "dataset_digest": data.digest}
        words = [data.name if data else spec.project, spec.model.task]
        if spec.kind == "export":
            tags |= {"source": spec.source or "", "format": str(spec.parameters.get("format"))}
            words += [str(spec.parameters.get(word)) for word in ("format", "precision") if word in spec.parameters]
        return Model(
            name="-".join(words),
            path=file.path,
            sha256=file.sha256 or storage.sha256(file.path),
            task=spec.model.task,
            at=ended.at,
            metrics=ended.metrics,
            tags=tags,
        )

    def _exported(self) -> str:
        """Return the name of the exported model's file; of one that is a folder no file has that name."""
        path = self.paths.export / SPEC_NAME
        return str(storage.get_json(path).get("weights", "")) if path.is_file() else ""

    def _item(self, event: Event, serial: int) -> Item | None:
        at, step = float(event["at"]), event.get("step")
        if event["kind"] == "metrics":
            values, scope = _floats(event["values"]), str(event.get("scope", "batch"))
            return Measured(scope, event["step"], values, at, event.get("epoch"), serial) if values else None
        if event["kind"] == "text" and {"name", "text"} <= event.keys():
            return Text(str(event["name"]), str(event["text"]), step if type(step) is int else 0, at)
        if event["kind"] == "file" and {"name", "path"} <= event.keys():
            kind = cast("FileKind", event.get("file_kind"))
            known: FileKind = kind if kind in get_args(FileKind) else "file"
            path = self.paths.root / str(event["path"])
            digest = str(event.get("sha256") or "")
            name = str(event["name"])
            shown = name if name.endswith(path.suffix) else name + path.suffix  # people open it by its ending
            return File(known, shown, path, at, step if type(step) is int else None, digest)
        return None

    def _heads(self) -> list[Event]:
        """Return what the attempts said that went on from a checkpoint; each says it once, at its beginning."""
        for path in sorted(self.events.glob("*-*.jsonl")):
            if path not in self._resumed:
                with path.open("rb") as file:
                    head = file.read(_HEAD_BYTES)
                said = [{**event, "writer": path.stem} for event in parse(head) if event["kind"] == "resumed"]
                if said or len(head) == _HEAD_BYTES:
                    self._resumed[path] = said
        return [event for said in self._resumed.values() for event in said]

    def _standing(self) -> Standing:
        return fold(read_events(self.events, (_LEDGER,)))

    def _result(self) -> RunResult | None:
        try:
            return (
                RunResult.model_validate(storage.get_json(self.paths.result)) if self.paths.result.is_file() else None
            )
        except (StorageError, ValueError):
            return None


def _masked(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings without the values of those that are named like secrets, e.g. a notebook's parameter api_key."""
    return {name: "***" if SECRET.search(name) else value for name, value in config.items()}


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_sound(event: Event) -> bool:
    """Return whether a line says what its kind promises: a notebook of the user's may write anything."""
    return _is_number(event["at"]) and (event["kind"] != "metrics" or _is_row(event))


def _is_row(event: Event) -> bool:
    return (
        type(event.get("step")) is int and type(event.get("epoch", 0)) is int and isinstance(event.get("values"), dict)
    )


def _floats(values: Mapping[str, Any]) -> dict[str, float]:
    """Return those that are numbers, or words for numbers that are not finite; null is what some write for NaN."""
    found = {
        name: _WORDS.get(value) if value is None or isinstance(value, str) else value for name, value in values.items()
    }
    return {name: float(value) for name, value in found.items() if _is_number(value)}
