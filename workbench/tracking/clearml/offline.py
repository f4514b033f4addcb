"""A ClearML session in files, as clearml itself writes one with ``CLEARML_OFFLINE_MODE=1``.

What lives here: ``task.json``, ``metrics.jsonl``, ``log.jsonl`` and the files beside them, which
``clearml.Task.import_offline_session(folder)`` sends to a server. What does not: what stands in them
(``records``).

clearml's own offline task is not used: it takes no time of measurement, writes from threads and takes seconds to close.
An event may stand in ``metrics.jsonl`` more than once, when it was sent again; a server keeps one.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from workbench import storage
from workbench.errors import TrackerError, storage_error
from workbench.tracking.base import EndState
from workbench.tracking.clearml.records import Fields, location, named

_PREFIX, _METRICS, _LOG = "offline-", "metrics.jsonl", "log.jsonl"
_STATUS: dict[EndState, str] = {
    "completed": "completed",
    "failed": "failed",
    "crashed": "failed",
    "cancelled": "stopped",
}


class Session:
    """One task in files; fulfils the same methods as ``server.Server``.

    Args:
        folder: the session becomes a folder in it, named by the id of the task.
        files: URL where clearml's import puts checkpoints of models; empty: it registers them where they lie.

    Raises:
        StorageError: from every method: when the disk is full or the folder is read-only.
    """

    def __init__(self, folder: Path, files: str = "") -> None:
        self._parent, self._files, self._project, self._task = folder, files, "", ""
        self._data: Fields = {}

    def begin(self, fields: Fields, project: str, _tag: str, _remote: str | None) -> str:
        """Go on with the session in the folder, or begin one; return its id.

        Raises:
            TrackerError: when the session cannot be read.
        """
        # The folder belongs to one run: its tag and the id of its task add nothing.
        known = sorted(self._parent.glob(f"{_PREFIX}*/task.json"))
        self._data = storage.get_json(known[0]) if known else {"execution": {"artifacts": []}}
        self._task = str(self._data.get("id") or f"{_PREFIX}{uuid.uuid4().hex}")
        self._project = project
        self._data |= {**fields, "id": self._task, "project_name": named(project), "status": "in_progress"}
        self._data |= {"offline_folder": self._folder.as_posix(), "status_reason": "", "status_message": ""}
        self._data.setdefault("offline_output_models", [])
        for name in (_METRICS, _LOG):
            _cut(self._folder / name)
        self._save()
        return self._task

    def report(self, events: Sequence[Fields]) -> None:
        """Add events."""
        self._append(_METRICS, events)

    def note(self, lines: Sequence[Fields]) -> None:
        """Add lines to the log, less those that are there."""
        if lines:
            known = {(line["timestamp"], line["msg"]) for line in self._logged()}
            self._append(_LOG, [line for line in lines if (line["timestamp"], line["msg"]) not in known])

    def upload(self, file: Path, place: str) -> tuple[str, str]:
        """Copy a file to the session; return its path below ``data``, and where it lies."""
        place = f"{location(self._project)}/run.{self._task}/{place}"
        target = self._folder / "data" / place
        storage.copy(file, target)
        return place, target.as_posix()

    def attach(self, artifact: Fields) -> None:
        """Add an artifact, in the place of one with the same key."""
        artifacts = self._data["execution"]["artifacts"]
        artifacts[:] = [other for other in artifacts if other["key"] != artifact["key"]]
        artifacts.append(artifact)
        self._save()

    def register(self, model: Fields, _alias: str) -> None:
        """Add the task's version of a model, in the place of one with the same name."""
        models = self._data["offline_output_models"]
        models[:] = [other for other in models if other["init"]["name"] != model["name"]]
        said = {name: model[name] for name in ("name", "tags", "comment", "framework")}
        empty: Fields = {"config_text": None, "config_dict": None, "label_enumeration": {}}
        weights: Fields = dict.fromkeys(("upload_uri", "target_filename", "register_uri", "iteration"))
        weights |= {"weights_filename": model["uri"], "update_comment": False, "is_package": False}
        entry = {
            "init": {**empty, **said},
            "weights": weights,
            "output_uri": self._files or None,
            "id": f"{self._task}-{model['name']}",
        }
        models.append(entry)
        self._save()

    def end(self, state: EndState, reason: str) -> None:
        """Note the terminal state; clearml's import knows only ``completed``."""
        self._data |= {"status": _STATUS[state], "status_reason": state, "status_message": reason}
        self._save()

    def close(self) -> None:
        """Nothing is held."""

    @property
    def url(self) -> str | None:
        """Files have no page."""
        return None

    @property
    def _folder(self) -> Path:
        return self._parent / self._task

    def _save(self) -> None:
        storage.put_json(self._folder / "task.json", self._data)

    def _append(self, name: str, events: Iterable[Fields]) -> None:
        own = [{**event, "task": self._task} for event in events]
        if name == _LOG:
            own = [{key: value for key, value in event.items() if key != "type"} for event in own]
        if not own:
            return
        path = self._folder / name
        try:
            with path.open("ab") as file:
                file.write(orjson.dumps(own) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise storage_error(error, path) from error

    def _logged(self) -> Iterator[dict[str, Any]]:
        path = self._folder / _LOG
        if not path.is_file():
            return
        for line in filter(None, path.read_text(encoding="utf-8").split("\n")):
            try:
                yield from json.loads(line)
            except ValueError as error:
                raise TrackerError(
                    f"'{path}' is damaged: {error}.",
                    "One JSON list a line.",
                    "Remove the file, then `workbench trackers sync`.",
                    backend="clearml",
                    retry=False,
                ) from error


def _cut(path: Path) -> None:
    """Take away a last line that a killed process did not finish; it was never acknowledged."""
    if not path.is_file():
        return
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        os.truncate(path, len(whole))
