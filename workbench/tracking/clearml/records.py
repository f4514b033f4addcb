"""The workbench's records in ClearML's own words.

What lives here: tasks, events, artifacts and models as the ClearML API takes them, and the way back from a metric's
name there to ours. What does not: sending them (``server``) or keeping them in files (``offline``).

| ours | in ClearML |
|---|---|
| metric ``metrics/mAP50(B)`` of an epoch | scalar ``metrics``, series ``mAP50(B)``; no ``/``: both are the name |
| the same of another scope | ``metrics (batch)``: one iteration of a series holds one value |
| system metric | ``:monitor:gpu`` or ``:monitor:machine``, which do not count as iterations of the task |
| final metric of a completed run | single value ``Summary`` |
| NaN, the infinities, beyond 32 bits | no scalar: the server keeps none; one line of the log says so for each series |
| text | a line of the log |
| image, plot | debug sample ``<kind>``, series ``<name>``, with its step |
| any other file | artifact ``<kind>/<name>``, with its step ``<kind>/<step>/<name>`` |
| model | an output model; of its versions only the newest has the alias as a tag; never published |
| crashed | ``failed``; the status reason says it exactly |
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import orjson

from workbench.tracking.base import Ended, File, Measured, Model, Started, Text
from workbench.tracking.naming import mapped

Fields: TypeAlias = dict[str, Any]

# The iteration by which ClearML knows a single value; its own largest float is of 32 bits.
SINGLE_VALUE, SUMMARY, LARGEST = -(2**31), "Summary", 3.4028234663852886e38
IMAGES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".svg"})
_MONITORS = (":monitor:gpu", ":monitor:machine")
_SCOPED = re.compile(r"(?P<title>.*) \((?P<scope>[^()]*)\)", re.DOTALL)
_SCOPE = re.compile(r"[^()/]")
_PATH, _PATH_LIMIT, _SHORTEST_NAME = re.compile(r"[A-Za-z0-9_.-]"), 120, 3
_TYPES = {"train": "training", "export": "data_processing"}
_CONTENT = {".json": "application/json", ".ipynb": "application/x-ipynb+json"}
_OPERATOR = "__$"  # ClearML refuses a tag that begins so


def task(started: Started) -> Fields:
    """Return the fields of a task that say what a run is, less its project."""
    sections: dict[str, Mapping[str, Any]] = {
        "config": started.config,
        "dataset": started.dataset,
        "model": started.model,
        "code": started.code,
        "run": {"id": started.run, "kind": started.kind, "session": started.session, "attempt": started.attempt},
    }
    return {
        "name": named(started.name or started.run),
        "type": _TYPES.get(started.kind, "custom"),
        "comment": started.note,
        "tags": tags(run_tag(started.run), f"session:{started.session}", *started.tags),
        "hyperparams": {section: _parameters(section, values) for section, values in sections.items() if values},
        "script": {
            "version_num": str(started.code.get("commit") or started.code.get("version") or ""),
            "requirements": {"pip": _requirements(started.environment)},
        },
    }


def run_tag(run: str) -> str:
    """Return the tag by which the task of a run is found again."""
    return f"run:{run}"


def tags(*words: str) -> list[str]:
    """Return ``words`` as tags, each once, in order."""
    allowed = (word.lstrip(_OPERATOR) if word.startswith(_OPERATOR) else word for word in words)
    return list(dict.fromkeys(word for word in allowed if word))


def named(name: str) -> str:
    """Return ``name`` as a task, a project or a model may have it: at least three characters."""
    return name.ljust(_SHORTEST_NAME, "_")


def metric(scope: str, name: str) -> tuple[str, str]:
    """Return ``(metric, variant)``, title and series; never the same for two metrics."""
    if scope == "system":
        return _MONITORS["gpu" not in name.lower()], name
    title, _, series = name.partition("/")
    if not title or not series or title == series:
        title = series = name
    if scope == "epoch" and not _SCOPED.fullmatch(title) and title not in _MONITORS:
        return title, series
    return f"{title} ({mapped(scope, _SCOPE, 40)})", series


def named_by(title: str, series: str) -> tuple[str, str]:
    """Return ``(scope, name)`` of a metric, from what ``metric`` made of it."""
    if title in _MONITORS:
        return "system", series
    match = _SCOPED.fullmatch(title)
    title, scope = (match["title"], match["scope"]) if match else (title, "epoch")
    return scope, title if title == series else f"{title}/{series}"


def scalars(measured: Measured) -> list[Fields]:
    """Return an event for each value that ClearML keeps."""
    events = []
    for name, value in measured.values.items():
        if kept(value):
            title, series = metric(measured.scope, name)
            events.append(_event("training_stats_scalar", title, series, measured.step, measured.at) | {"value": value})
    return events


def kept(value: float) -> bool:
    """Return whether ClearML keeps a value: a finite number of 32 bits."""
    return math.isfinite(value) and abs(value) <= LARGEST


def summary(ended: Ended) -> list[Fields]:
    """Return the final metrics as single values."""
    return [
        _event("training_stats_scalar", SUMMARY, name, SINGLE_VALUE, ended.at) | {"value": value}
        for name, value in ended.metrics.items()
        if kept(value)
    ]


def line(text: Text) -> Fields:
    """Return a text as a line of the task's log."""
    return _line("INFO", text.at, f"[{text.name}, step {text.step}] {text.text}")


def refused(measured: Measured, name: str) -> Fields:
    """Return the line of the log that says that a series has numbers which ClearML does not keep."""
    value = measured.values[name]
    told = (
        f"{name} ({measured.scope}) is {value} at step {measured.step}; ClearML keeps finite numbers of 32 bits only."
    )
    return _line("WARNING", measured.at, told)


def image(file: File, path: str, uri: str) -> Fields:
    """Return an uploaded image as a debug sample."""
    event = _event("training_debug_image", file.kind, file.name, file.step or 0, file.at)
    return event | {"key": path, "url": uri}


def artifact(file: File, uri: str, size_bytes: int, sha256: str) -> Fields:
    """Return an uploaded file as an artifact of the task."""
    step = [] if file.step is None else [str(file.step)]
    return {
        "key": "/".join([file.kind, *step, file.name]),
        "type": "custom",
        "mode": "output",
        "uri": uri,
        "hash": sha256,
        "content_size": size_bytes,
        "timestamp": int(file.at),
        "type_data": {"content_type": _CONTENT.get(file.path.suffix.lower(), "application/octet-stream")},
        "display_data": [["kind", file.kind], ["name", file.name], *([["step", word] for word in step])],
    }


def model(made: Model, started: Started, uri: str) -> Fields:
    """Return a version of a registered model, less its task and project."""
    said = {"sha256": made.sha256, "task": made.task, "run": started.run, **made.metrics, **made.tags}
    return {
        "name": named(made.name),
        "uri": uri,
        "framework": "PyTorch",
        "ready": False,
        "tags": tags(
            made.alias, made.task, run_tag(started.run), *(f"{key}:{word}" for key, word in made.tags.items())
        ),
        "comment": f"From run {started.run}.",
        "metadata": [{"key": key, "type": "str", "value": _word(value)} for key, value in said.items()],
    }


def location(*parts: str) -> str:
    """Return the path of a file on the file server: of the plain characters that every store takes."""
    return "/".join(_part(part) for part in parts)


def _part(part: str) -> str:
    stem, dot, suffix = part.rpartition(".")
    if not stem or not re.fullmatch(r"[A-Za-z0-9]{1,8}", suffix):
        stem, dot, suffix = part, "", ""
    return mapped(stem, _PATH, _PATH_LIMIT) + dot + suffix


def _event(kind: str, title: str, series: str, step: int, at: float) -> Fields:
    return {"type": kind, "metric": title, "variant": series, "iter": step, "timestamp": _ms(at)}


def _line(level: str, at: float, message: str) -> Fields:
    return {"type": "log", "timestamp": _ms(at), "level": level, "worker": "workbench", "msg": message}


def _ms(at: float) -> int:
    return round(at * 1000)


def _parameters(section: str, values: Mapping[str, Any]) -> Fields:
    return {
        name: {"section": section, "name": name, "value": _word(value), "type": type(value).__name__}
        for name, value in values.items()
        if name
    }


def _word(value: Any) -> str:
    if isinstance(value, (Mapping, list, tuple)):
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    return str(value)


def _requirements(environment: Mapping[str, Any]) -> str:
    packages: Iterable[tuple[str, Any]] = environment.items()
    return "".join(f"{name}=={version}\n" for name, version in packages if name != "python")
