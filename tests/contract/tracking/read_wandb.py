"""What W&B's own files, or a server, hold of a run."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

from tests.contract.tracking.servers import WandbRun
from tests.contract.tracking.suite import (
    Remote,
    RemoteModel,
    sha256,
)
from workbench.tracking.wandb.fragments import records


def kept(folder: Path) -> WandbRun:
    """Return what the fragments of a folder hold, one after the other."""
    run = WandbRun()
    history, summary = [], {}
    for path in sorted(folder.glob("wandb/offline-run-*/*.wandb")):
        for body, _ in records(path):
            record = wandb_internal_pb2.Record.FromString(body)
            kind = record.WhichOneof("record_type")
            if kind == "history":
                history.append(json.dumps(_values(record.history.item)))
            elif kind == "summary":
                summary.update(_values(record.summary.update))
            elif kind in ("run", "config"):
                config = record.run.config if kind == "run" else record.config
                run.config.update({key: {"value": value} for key, value in _values(config.update).items()})
            elif kind == "artifact":
                run.artifacts.append(_artifact(record.artifact))
            elif kind == "exit":
                run.exit_code = record.exit.exit_code
        files = path.parent / "files"
        run.files.update({str(file.relative_to(files)): file.read_bytes() for file in files.rglob("*.*")})
    run.lines = {"wandb-history.jsonl": history, "wandb-summary.json": [json.dumps(summary)]}
    return run


def _values(items: Any) -> dict[str, Any]:
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}


def _artifact(record: Any) -> dict[str, Any]:
    uploads = {entry.path: Path(entry.local_path).read_bytes() for entry in record.manifest.contents}
    metadata = json.loads(record.metadata)
    named = {"name": record.name, "type": record.type, "digest": record.digest, "aliases": list(record.aliases)}
    return {**named, "uploads": uploads, "metadata": metadata}


def remote_of(run: WandbRun) -> Remote:
    """Return a run as the contract wants it."""
    config = {key: entry["value"] for key, entry in run.config.items()}
    true = {key.removeprefix("workbench.name."): value for key, value in config.items()}
    series = defaultdict(list)
    for row in run.history:
        for key, value in row.items():
            if "/" in key:
                scope, _, name = true.get(key, key).partition("/")
                front = key.partition("/")[0]
                series[scope, name].append((row[f"{front}_step"], float(value), row["_timestamp"]))
    words = {key: str(value) for key, value in config.items()}
    for lock in ("dataset", "code"):
        words |= {f"{lock}.{key}": str(value) for key, value in config["workbench"][lock].items()}
    return Remote(
        str(run.summary.get("workbench_state", "running")),
        words,
        series,
        dict(_files(run)),
        [_model(made) for made in run.artifacts if made["type"] == "model"],
        _texts(run),
    )


def _files(run: WandbRun) -> Iterator[tuple[tuple[str, str], str]]:
    for path, data in run.files.items():
        parts = path.split("/")
        if parts[0] == "workbench" and parts[1] != "text":
            yield (parts[1], parts[-1]), sha256(data)
    for made in run.artifacts:
        for name, data in made["uploads"].items():
            if made["type"] != "model" and name != "manifest.json":
                yield (made["type"], made["metadata"]["name"]), sha256(data)


def _model(made: dict[str, Any]) -> RemoteModel:
    data = next(data for name, data in made["uploads"].items() if name != "manifest.json")
    return RemoteModel(made["metadata"]["name"], "latest" if "latest" in made["aliases"] else "", sha256(data))


def _texts(run: WandbRun) -> dict[str, list[tuple[int, str]]]:
    found = defaultdict(list)
    for path, data in run.files.items():
        parts = path.split("/")
        if parts[:2] == ["workbench", "text"]:
            found[parts[-1].removesuffix(".txt")].append((int(parts[2]), data.decode()))
    return found
