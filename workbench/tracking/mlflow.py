"""MLflow as a tracker.

What lives here: one run of the workbench as one MLflow run, through ``MlflowClient`` only: no active run and no
autologging. What does not: when to send and what to do after an error (``delivery``).

| ours | in MLflow |
|---|---|
| project, run | experiment, run; found again by the tag ``workbench.run`` |
| setting | parameter; its first value stays, a later one is the tag ``workbench.changed.<name>`` |
| dataset lock | dataset of the run, and tags ``workbench.dataset.…``; all that is known is the artifact ``run.json`` |
| metric | ``<scope>/<name>`` with its step and its time in ms; the true name of a changed one is a tag |
| NaN; the infinities | NaN; ±1.797e308, as MLflow stores them |
| file, text | artifact ``<kind>/<name>``, with its step ``<kind>/<step>/<name>``; texts as ``text/<step>/<name>.txt`` |
| model | registered model and version; ``latest`` is MLflow's own word for the newest version |
| crashed | ``FAILED``; the tag ``workbench.state`` says it exactly |
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from workbench import settings, storage
from workbench.errors import StorageError, TrackerError
from workbench.tracking.base import Ended, EndState, File, Item, Measured, Model, Started, Text
from workbench.tracking.naming import mapped, scoped

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Metric, Run

# The user's own values win: they may know their server to be slow.
ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
_ALLOWED = re.compile(r"[\w./: -]")
_PART = re.compile(r"[\w. -]")  # of an artifact's path, and of a registered model's name
_NAME_LIMIT = 235  # of MLflow's 250: the true name is a tag `workbench.name.<name>`
_VALUE_LIMIT, _TAG_LIMIT, _BATCH, _TAGS = 6000, 8000, 1000, 100
_ENDS: dict[EndState, str] = {"completed": "FINISHED", "failed": "FAILED", "crashed": "FAILED", "cancelled": "KILLED"}
_FINAL = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "ENDPOINT_NOT_FOUND"}
_REFUSED = frozenset({*_FINAL.values(), "CUSTOMER_UNAUTHORIZED", "INVALID_PARAMETER_VALUE", "BAD_REQUEST"})


class MlflowTracker:
    """One run in an MLflow server.

    Args:
        folder: private to the run and this backend.

    Raises:
        TrackerError: when MLFLOW_TRACKING_URI is missing or names no server.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._address = folder, _address()
        self._client: MlflowClient | None = None
        self._run: Run | None = None
        self._tagged: set[str] = set()

    def open(self, started: Started, remote: str | None) -> str:
        """Begin the run, or go on with it; a deleted one is restored.

        Raises:
            TrackerError: when the server does not answer or refuses.
        """
        with self._answered():
            client = self._client = _client(self._address)
            run = self._run = _known(client, remote) or _found(client, started) or _created(client, started)
            if run.info.lifecycle_stage == "deleted":
                client.restore_run(run.info.run_id)
            client.update_run(run.info.run_id, status="RUNNING")
            self._describe(started, run.data.params)
        return str(run.info.run_id)

    def send(self, items: Sequence[Item]) -> None:
        """Deliver; the same item again changes nothing.

        Raises:
            TrackerError: when the server does not answer or refuses.
        """
        with self._answered():
            self._measure([item for item in items if isinstance(item, Measured)])
            for item in items:
                if isinstance(item, Text):
                    self._note(item)
                elif isinstance(item, File):
                    folder = item.kind if item.step is None else f"{item.kind}/{item.step}"
                    self._upload(item, folder)
                elif isinstance(item, Model):
                    self._register(item)

    def close(self, ended: Ended | None) -> None:
        """Set the run's status; a run that goes on stays ``RUNNING``.

        Raises:
            TrackerError: when the server does not answer or refuses.
        """
        if ended is None or self._run is None:
            return
        with self._answered():
            self._tag({"workbench.state": ended.state, "workbench.reason": ended.reason})
            self._on.set_terminated(self._id, status=_ENDS[ended.state], end_time=_ms(ended.at))

    @property
    def url(self) -> str | None:
        """The run's page."""
        if self._run is None:
            return None
        return f"{_public(self._address)}/#/experiments/{self._run.info.experiment_id}/runs/{self._id}"

    @property
    def _on(self) -> MlflowClient:
        if self._client is None:
            raise TrackerError("The MLflow run is not open.", "A call of open() first.", retry=False)
        return self._client

    @property
    def _id(self) -> str:
        return "" if self._run is None else str(self._run.info.run_id)

    def _describe(self, started: Started, known: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        names = {name: mapped(name, _ALLOWED, _NAME_LIMIT) for name in started.config}
        words = {names[name]: _word(value)[:_VALUE_LIMIT] for name, value in started.config.items()}
        new = [Param(name, word) for name, word in words.items() if name not in known]
        for part in _parts(new, _TAGS):
            self._on.log_batch(self._id, params=part)
        changed = {f"workbench.changed.{name}": word for name, word in words.items() if known.get(name, word) != word}
        self._tag({**_tags(started), **_true_names(names), **changed})
        if started.dataset:
            self._on.log_inputs(self._id, [_dataset(started.dataset)])
        self._log_text(orjson.dumps(asdict(started), option=orjson.OPT_INDENT_2, default=str).decode(), "run.json")

    def _measure(self, rows: Iterable[Measured]) -> None:
        from mlflow.entities import Metric

        points: list[Metric] = []
        names: dict[str, str] = {}
        for row in rows:
            for name, value in row.values.items():
                key = scoped(row.scope, name, _ALLOWED, _NAME_LIMIT)
                if key != f"{row.scope}/{name}":
                    names[f"{row.scope}/{name}"] = key
                points.append(Metric(key, value, _ms(row.at), row.step))
        self._tag(_true_names(names))
        for part in _parts(points, _BATCH):
            self._on.log_batch(self._id, metrics=part)

    def _note(self, text: Text) -> None:
        name = mapped(text.name, _PART, _NAME_LIMIT)
        self._tag(_true_names({text.name: name}))
        self._log_text(text.text, f"text/{text.step}/{name}.txt")

    def _upload(self, file: File | Model, folder: str) -> str | None:
        """Upload the bytes that are meant, and return the artifact's path; None when they are gone or newer ones."""
        true = file.name if isinstance(file, File) else file.path.name
        name = mapped(true, _PART, _NAME_LIMIT)
        copy = self._folder / "upload" / name
        try:
            storage.link(file.path, copy)  # keeps the bytes while the run goes on and writes new ones
            if file.sha256 and storage.sha256(copy) != file.sha256:
                self._tag({f"workbench.missing.{folder}/{name}"[:250]: "changed"})
                return None
            self._tag(_true_names({true: name}))
            self._on.log_artifact(self._id, str(copy), folder)
        except StorageError:
            self._tag({f"workbench.missing.{folder}/{name}"[:250]: "gone"})
            return None
        finally:
            copy.unlink(missing_ok=True)
        return f"{folder}/{name}"

    def _log_text(self, text: str, path: str) -> None:
        copy = storage.put_text(self._folder / "upload" / Path(path).name, text)
        self._on.log_artifact(self._id, str(copy), str(Path(path).parent) if "/" in path else None)
        copy.unlink(missing_ok=True)

    def _register(self, model: Model) -> None:
        name = mapped(model.name, _PART, _NAME_LIMIT)
        version = self._version(name, model.sha256) or self._new_version(name, model)
        if version is not None and model.alias != "latest":
            self._on.set_registered_model_alias(name, mapped(model.alias, re.compile(r"[\w-]"), 250), version)

    def _version(self, name: str, sha256: str) -> str | None:
        quoted = name.replace("'", "\\'")
        found = self._on.search_model_versions(f"name = '{quoted}' and run_id = '{self._id}'")
        return next((str(v.version) for v in found if v.tags.get("workbench.sha256") == sha256), None)

    def _new_version(self, name: str, model: Model) -> str | None:
        from mlflow.exceptions import MlflowException

        path = self._upload(model, f"model/{model.sha256[:16] or 'unknown'}")
        if path is None:
            return None
        try:
            self._on.create_registered_model(name, tags={"workbench.name": model.name, "workbench.task": model.task})
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        tags = {"workbench.sha256": model.sha256, "workbench.task": model.task, **model.tags}
        tags |= {f"metric.{mapped(key, _ALLOWED, _NAME_LIMIT)}": str(value) for key, value in model.metrics.items()}
        made = self._on.create_model_version(name, f"runs:/{self._id}/{path}", self._id, tags=tags)
        return str(made.version)

    def _tag(self, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        new = {key: value[:_TAG_LIMIT] for key, value in tags.items() if value and f"{key}={value}" not in self._tagged}
        for part in _parts([RunTag(key, value) for key, value in new.items()], _TAGS):
            self._on.log_batch(self._id, tags=part)
        self._tagged.update(f"{key}={value}" for key, value in tags.items())

    @contextmanager
    def _answered(self) -> Iterator[None]:
        """Turn what MLflow raises into a ``TrackerError`` that says whether trying again may help."""
        import requests
        from mlflow.exceptions import MlflowException

        try:
            yield
        except MlflowException as error:
            raise _refused(self._address, error, error.error_code not in _REFUSED) from error
        except requests.HTTPError as error:
            status = None if error.response is None else error.response.status_code
            raise _refused(self._address, error, status not in _FINAL) from error
        # A reply that is no reply of MLflow's fails wherever it is first looked into.
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise _refused(self._address, error, retry=True) from error


def _address() -> str:
    found = settings.variables("MLFLOW_").get("MLFLOW_TRACKING_URI", "")
    if found.startswith(("http://", "https://")):
        return found
    raise TrackerError(
        f"MLFLOW_TRACKING_URI is '{found}'." if found else "MLFLOW_TRACKING_URI is not set.",
        "The address of an MLflow server, e.g. http://localhost:5000.",
        "Set it, or start a server with `mlflow server`; or take mlflow out of OBSERVABILITY_BACKENDS.",
        retry=False,
    )


def _public(address: str) -> str:
    """Return the address without a user and a password."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")


def _refused(address: str, error: Exception, retry: bool) -> TrackerError:
    said = " ".join(str(error).split())[:500]
    return TrackerError(
        f"MLflow at '{_public(address)}': {said}",
        "An MLflow server that answers, and takes what it is sent.",
        "It is tried again." if retry else "Correct the address, the credentials or the rights; then sync again.",
        retry=retry,
    )


def _client(address: str) -> MlflowClient:
    given = settings.variables("MLFLOW_", "GIT_PYTHON_")
    settings.export_environment({name: value for name, value in ENVIRONMENT.items() if name not in given})
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=address, registry_uri=address)


def _known(client: MlflowClient, remote: str | None) -> Run | None:
    from mlflow.exceptions import MlflowException

    if remote is None:
        return None
    try:
        return client.get_run(remote)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None


def _found(client: MlflowClient, started: Started) -> Run | None:
    from mlflow.entities import ViewType

    experiment = _experiment(client, started.project)
    condition = f"tags.`workbench.run` = '{started.run}'"
    found = client.search_runs([experiment], condition, ViewType.ALL, max_results=1, order_by=["start_time ASC"])
    return found[0] if found else None


def _created(client: MlflowClient, started: Started) -> Run:
    # The tag goes with the run: killed right after this, the next one finds it.
    tags = {"workbench.run": started.run}
    experiment = _experiment(client, started.project)
    return client.create_run(experiment, start_time=_ms(started.at), tags=tags, run_name=started.name[:250])


def _experiment(client: MlflowClient, project: str) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(project)
    if found is None:
        try:
            return str(client.create_experiment(project))
        except MlflowException as error:  # another run of the project was faster
            found = client.get_experiment_by_name(project)
            if error.error_code != "RESOURCE_ALREADY_EXISTS" or found is None:
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _dataset(lock: Mapping[str, Any]) -> DatasetInput:
    """Return the dataset as MLflow lists it beside the run; its whole digest is a tag of the run."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    name, digest = str(lock.get("name") or "dataset")[:500], str(lock.get("digest") or "")[:36]
    source, profile = _word({"uri": lock.get("uri")}), _word(lock.get("images") or {})
    return DatasetInput(
        Dataset(name, digest, "uri", source, profile=profile), [InputTag("mlflow.data.context", "train")]
    )


def _tags(started: Started) -> dict[str, str]:
    words = {
        "mlflow.note.content": started.note,
        "mlflow.source.name": started.kind,
        "mlflow.source.type": "NOTEBOOK",
        "mlflow.source.git.commit": _word(started.code.get("commit") or ""),
        "workbench.kind": started.kind,
        "workbench.session": started.session,
        "workbench.tags": ", ".join(started.tags),
        "workbench.attempt": str(started.attempt),
        "workbench.state": "running",
    }
    locks = {"dataset": started.dataset, "model": started.model, "code": started.code}
    for lock, fields in locks.items():
        words |= {mapped(f"workbench.{lock}.{name}", _ALLOWED, 250): _word(value) for name, value in fields.items()}
    return words


def _true_names(names: Mapping[str, str]) -> dict[str, str]:
    return {f"workbench.name.{name}": true for true, name in names.items() if name != true}


def _word(value: Any) -> str:
    return orjson.dumps(value, default=str).decode() if isinstance(value, (dict, list, tuple)) else str(value)


def _ms(at: float) -> int:
    return round(at * 1000)


def _parts(values: Sequence[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(values), size):
        yield list(values[start : start + size])
