"""What a ClearML server, or an offline session, holds of a run."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.contract.tracking.clearml_server import ClearmlServer
from tests.contract.tracking.suite import (
    Remote,
    RemoteModel,
    sha256,
)
from workbench.tracking.clearml import records

Fields = dict[str, Any]
STATUS = {"in_progress": "running", "completed": "completed", "failed": "failed", "stopped": "cancelled"}


def config_of(task: Fields) -> dict[str, str]:
    """Return the hyperparameters by the names of the contract."""
    return {
        name if section == "config" else f"{section}.{name}": item["value"]
        for section, items in task["hyperparams"].items()
        for name, item in items.items()
    }


def series_of(events: Iterable[Fields]) -> dict[tuple[str, str], list[tuple[int, float, float]]]:
    """Return the scalars as a server keeps them: the last of each task, metric, variant and iteration."""
    last = {(event["metric"], event["variant"], event["iter"]): event for event in events}
    series = defaultdict(list)
    for (metric, variant, step), event in last.items():
        if step != records.SINGLE_VALUE:
            series[records.named_by(metric, variant)].append((step, event["value"], event["timestamp"] / 1000))
    return series


def singles_of(events: Iterable[Fields]) -> dict[str, float]:
    """Return the single values, e.g. the final metrics, by name."""
    return {event["variant"]: event["value"] for event in events if event["iter"] == records.SINGLE_VALUE}


def files_of(task: Fields, images: Iterable[Fields], download: Callable[[str], bytes]) -> dict[tuple[str, str], str]:
    """Return the sha256 of what was uploaded, by kind and name."""
    found = {(event["metric"], event["variant"]): sha256(download(event["url"])) for event in images}
    for artifact in task["execution"].get("artifacts") or []:
        said = dict(artifact["display_data"])
        found[said["kind"], said["name"]] = sha256(download(artifact["uri"]))
        assert artifact["hash"] == found[said["kind"], said["name"]]
    return found


def texts_of(lines: Iterable[Fields]) -> dict[str, list[tuple[int, str]]]:
    """Return the texts by name."""
    texts = defaultdict(list)
    for line in lines:
        if match := re.fullmatch(r"\[(.*), step (-?\d+)\] (.*)", line["msg"], re.DOTALL):
            texts[match[1]].append((int(match[2]), match[3]))
    return texts


def online(server: ClearmlServer, task_id: str) -> Remote:
    """Return what the server holds of a task."""
    task = server.tasks[task_id]
    models = [server.models[item["model"]] for item in task["models"].get("output", [])]
    return Remote(
        STATUS[task["status"]],
        config_of(task),
        series_of(server.of(task_id, "training_stats_scalar")),
        files_of(task, server.of(task_id, "training_debug_image"), server.download),
        [
            RemoteModel(made["name"], "latest" * ("latest" in made["tags"]), sha256(server.download(made["uri"])))
            for made in models
        ],
        texts_of(server.of(task_id, "log")),
    )


def jsonl(path: Path) -> list[Fields]:
    """Return the events of an offline session's file; a line is a list of them."""
    return [event for line in path.read_text().split("\n")[:-1] for event in json.loads(line)] if path.is_file() else []


def offline(task_id: str, folder: Path) -> Remote:
    """Return what an offline session holds."""
    session = folder / task_id
    task, events = json.loads((session / "task.json").read_text()), jsonl(session / "metrics.jsonl")
    return Remote(
        STATUS[task["status"]],
        config_of(task),
        series_of(event for event in events if event["type"] == "training_stats_scalar"),
        files_of(task, (event for event in events if "url" in event), lambda uri: Path(uri).read_bytes()),
        [
            RemoteModel(
                made["init"]["name"],
                "latest" * ("latest" in made["init"]["tags"]),
                sha256(Path(made["weights"]["weights_filename"]).read_bytes()),
            )
            for made in task["offline_output_models"]
        ],
        texts_of(jsonl(session / "log.jsonl")),
    )
