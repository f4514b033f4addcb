"""What a real MLflow server holds of a run."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run

from tests.contract.tracking.suite import (
    Remote,
    RemoteModel,
)


def readback(server: str, remote: str) -> Remote:
    """Return what the server holds of a run."""
    client = MlflowClient(server, server)
    run = client.get_run(remote)
    true = {key.removeprefix("workbench.name."): value for key, value in run.data.tags.items()}
    series = defaultdict(list)
    for key in run.data.metrics:
        scope, _, name = true.get(key, key).partition("/")
        points = client.get_metric_history(remote, key)
        series[scope, name] = [(point.step, point.value, point.timestamp / 1000) for point in points]
    files = {}
    for path in _artifacts(client, remote):
        kind, _, name = path.partition("/")[0], *path.rpartition("/")[1:]
        if kind not in ("text", "model", "run.json"):
            files[kind, true.get(name, name)] = _sha256(client, remote, path)
    return Remote(
        {"FINISHED": "completed", "FAILED": "failed", "KILLED": "cancelled", "RUNNING": "running"}[run.info.status],
        _config(run, true),
        series,
        files,
        list(_models(client, remote)),
        _texts(client, remote, true),
    )


def _config(run: Run, true: Mapping[str, str]) -> dict[str, str]:
    locks = {key.removeprefix("workbench."): value for key, value in run.data.tags.items()}
    return {**locks, **{true.get(name, name): value for name, value in run.data.params.items()}}


def _artifacts(client: MlflowClient, remote: str, folder: str | None = None) -> Iterator[str]:
    for entry in client.list_artifacts(remote, folder):
        if entry.is_dir:
            yield from _artifacts(client, remote, entry.path)
        else:
            yield entry.path


def _sha256(client: MlflowClient, remote: str, path: str) -> str:
    return hashlib.sha256(Path(client.download_artifacts(remote, path)).read_bytes()).hexdigest()


def _texts(client: MlflowClient, remote: str, true: Mapping[str, str]) -> dict[str, list[tuple[int, str]]]:
    found = defaultdict(list)
    for path in _artifacts(client, remote, "text"):
        _, step, name = path.split("/")
        name = name.removesuffix(".txt")
        text = Path(client.download_artifacts(remote, path)).read_text(encoding="utf-8")
        found[true.get(name, name)].append((int(step), text))
    return found


def _models(client: MlflowClient, remote: str) -> Iterator[RemoteModel]:
    for version in client.search_model_versions(f"run_id = '{remote}'"):
        latest = client.get_model_version_by_alias(version.name, "latest").version == version.version
        path = version.source.removeprefix(f"runs:/{remote}/")
        yield RemoteModel(version.name, "latest" if latest else "", _sha256(client, remote, path))
