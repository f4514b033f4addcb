"""The details of one run: facts, attempts, config, differences, log, and what came of it.

What lives here: requests about one run or a few, and noticing that an open run's files grew. What does not: what it
measured and kept (``board_media``).
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from workbench.config.schema import TrainingConfig
from workbench.errors import WorkbenchError, storage_error
from workbench.metrics.tail import Event
from workbench.paths import RunPaths
from workbench.runs.model import RunSpec, RunState
from workbench.widgets.state.board_media import BoardMedia, OfRun
from workbench.widgets.state.board_query import Filter, passes
from workbench.widgets.state.board_roster import Listed
from workbench.widgets.state.messages import Reply, Request, answers
from workbench.workspace import Workspace

LOG_BYTES: Final = 1 << 16
LOG_LINES: Final = 400
PEERS: Final = 50
COMPARED: Final = 12
_OPEN: Final = 8  # runs whose files are watched at once
_ESCAPES: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|[\x00-\x08\x0b-\x1f\x7f]")


class OfAttempt(OfRun):
    """A question about one attempt; 0 means the last."""

    attempt: int = Field(0, ge=0)


class Peers(OfRun):
    """A question for runs to compare one with."""

    text: str = Field("", max_length=400)


class Several(Request):
    """A question about several runs."""

    runs: tuple[str, ...] = Field(min_length=2, max_length=COMPARED)


class OfOther(OfRun):
    """A question about a run beside another one."""

    other: str = Field(max_length=80)


class BoardDetail(BoardMedia):
    """A board with the details of its runs."""

    def __init__(self, workspace: Workspace, *, readonly: bool = False) -> None:
        super().__init__(workspace, readonly=readonly)
        self._opened: OrderedDict[str, Mapping[str, int]] = OrderedDict()

    @answers("open")
    def open(self, request: OfRun) -> Reply:
        """Answer with what a run is, and watch its files from now on.

        Raises:
            UnknownNameError: when there is no such run.
        """
        with self._lock:
            run = self.known(request.run)
            self._opened[run.id] = _sizes(self.workspace.paths.run(run.id))
            self._opened.move_to_end(run.id)
            while len(self._opened) > _OPEN:
                self._opened.popitem(last=False)
            return Reply(self._facts(run), python=f'ws.run("{run.id}")')

    @answers("close")
    def close(self, request: OfRun) -> Reply:
        """Stop watching a run's files."""
        with self._lock:
            self._opened.pop(request.run, None)
        return Reply()

    @answers("log")
    def log(self, request: OfAttempt) -> Reply:
        """Answer with the last lines that an attempt wrote; ``lines`` is null when it wrote no log.

        Raises:
            StorageError: when the log cannot be read.
        """
        paths = self.workspace.paths.run(self.known(request.run).id)
        numbers = paths.attempts()
        number = request.attempt or (numbers[-1] if numbers else 0)
        path = paths.attempt(number).log
        if number not in numbers or not path.is_file():
            return Reply({"attempt": number, "lines": None, "cut": False})
        lines, cut = tail(path)
        return Reply({"attempt": number, "lines": lines, "cut": cut, "path": path})

    @answers("peers")
    def peers(self, request: Peers) -> Reply:
        """Answer with runs that one can be compared with: those of its own notebook first, then the newest."""
        with self._lock:
            run = self.known(request.run)
            fits = passes(Filter(text=request.text))
            others = [other for other in self.roster.runs if other.id != run.id and fits(other)]
        others.sort(key=lambda other: (other.notebook != run.notebook, other.dataset != run.dataset))
        return Reply([{"id": other.id, "name": other.name, "state": other.state} for other in others[:PEERS]])

    @answers("compare")
    def compare(self, request: Several) -> Reply:
        """Answer with the settings in which runs differ, and their headlines.

        Raises:
            UnknownNameError: when one of the runs is not there.
            StorageError: when one is damaged.
        """
        ids = list(dict.fromkeys(request.runs))
        with self._lock:
            rows = [self.row(self.known(run_id)) for run_id in ids]
        found = self.workspace.history.differences(ids)
        names = list(next(iter(found.values()), {}))
        data = {"runs": rows, "settings": {name: [found[run_id][name] for run_id in ids] for name in names}}
        return Reply(data, python=f"ws.history.differences({ids!r})".replace("'", '"'))

    @answers("differences")
    def differences(self, request: OfOther) -> Reply:
        """Answer as ``compare``, for a run and another one."""
        return self.compare(Several(runs=(request.run, request.other)))

    def tick(self) -> Iterator[tuple[str, Any]]:
        """Look once; beside what a board yields, ``touched`` says which files of an open run grew."""
        yield from super().tick()
        with self._lock:
            opened = dict(self._opened)
        for run_id, before in opened.items():
            now = _sizes(self.workspace.paths.run(run_id))
            if now != before:
                with self._lock:
                    if run_id in self._opened:
                        self._opened[run_id] = now
                yield "touched", {"run": run_id, "parts": sorted(name for name in now if now[name] != before[name])}

    def _facts(self, run: Listed) -> dict[str, Any]:
        ledger, paths = self.workspace.ledger, self.workspace.paths.run(run.id)
        row = self.row(run, (), self._places())
        spec: RunSpec | None = None
        events: list[Event] = []
        damage = str(row["damage"])
        try:
            spec = ledger.spec(run.id)
            events = ledger.events(run.id) if damage else _ledger_events(paths)
        except (WorkbenchError, OSError, KeyError) as error:
            damage = damage or str(getattr(error, "happened", error))
        return {
            "run": row,
            "damage": damage,
            "folder": paths.root,
            "home": Path.home(),
            "facts": _what(spec) if spec else {},
            "attempts": _attempts(paths, events),
            "config": _config(spec, self.depth(run).standing.changes) if spec else [],
            "made": self._made(run.id),
        }

    def _made(self, run_id: str) -> list[dict[str, Any]]:
        """Return what came from a run: exports and measurements, and the deployments of each export."""
        served: dict[str, list[dict[str, str]]] = {}
        with suppress(WorkbenchError):  # a damaged deployment hides no run
            for endpoint in self.workspace.deployments.alive():
                run = Path(endpoint.model_folder).parent.name
                served.setdefault(run, []).append({"name": endpoint.name, "url": endpoint.url})
        came = [run for run in self.roster.runs if run.source == run_id]
        return [
            {
                "id": run.id,
                "name": run.name,
                "notebook": run.notebook,
                "state": run.state,
                "served": served.get(run.id, []),
            }
            for run in came
        ]


def tail(path: Path) -> tuple[list[str], bool]:
    """Return the last lines of a log as a terminal would leave them, and whether there are more above.

    Raises:
        StorageError: when it cannot be read.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - LOG_BYTES))
            data = file.read(LOG_BYTES)
    except OSError as error:
        raise storage_error(error, path) from error
    lines = data.decode(errors="replace").split("\n")
    cut = size > len(data)
    if cut:
        lines = lines[1:]
    # A progress bar writes its line over and over: the last state of it counts.
    shown = [_ESCAPES.sub("", line.rstrip("\r").rsplit("\r", 1)[-1]).rstrip() for line in lines]
    while shown and not shown[-1]:
        shown.pop()
    return shown[-LOG_LINES:], cut or len(shown) > LOG_LINES


def _sizes(paths: RunPaths) -> Mapping[str, int]:
    """Return how many bytes the parts of a run have that grow: its logs, its events, its attempts."""
    numbers = paths.attempts()
    log = paths.attempt(numbers[-1]).log if numbers else paths.root / "none"
    return {
        "log": _bytes(log),
        "metrics": sum(_bytes(file) for file in _files(paths.events) if not file.name.startswith("ledger")),
        "state": _bytes(paths.events / "ledger.jsonl") + _bytes(paths.result),
        "media": len(_files(paths.media)),
    }


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _files(folder: Path) -> Sequence[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _ledger_events(paths: RunPaths) -> list[Event]:
    from workbench.metrics.tail import read_events
    from workbench.runs.ledger import WRITER

    return read_events(paths.events, (WRITER,))


def _what(spec: RunSpec) -> dict[str, Any]:
    hardware: Mapping[str, Any] = spec.lock.get("hardware") or {}
    code: Mapping[str, Any] = spec.lock.get("code") or {}
    dataset, model = spec.dataset, spec.model
    return {
        "notebook": spec.notebook,
        "project": spec.project,
        "session": spec.session,
        "tags": spec.tags,
        "note": spec.note,
        "model": model and {"ref": model.ref, "kind": model.kind, "task": model.task},
        "dataset": dataset and {"name": dataset.name, "images": dataset.images, "digest": dataset.digest},
        "seed": spec.seed,
        "source": spec.source,
        "machine": hardware.get("processor"),
        "cores": hardware.get("cores"),
        "code": code.get("commit") or code.get("version"),
    }


def _attempts(paths: RunPaths, events: Sequence[Event]) -> list[dict[str, Any]]:
    """Return the attempts: when each began and ended, how, and its executed notebook and log."""
    found: dict[int, dict[str, Any]] = {number: {"attempt": number} for number in paths.attempts()}
    going: dict[str, Any] | None = None
    for event in events:
        state = event.get("state") if event["kind"] == "state" else None
        if state == RunState.RUNNING.value and "attempt" in event:
            going = found.setdefault(int(event["attempt"]), {"attempt": int(event["attempt"])})
            going["began"] = float(event["at"])
        elif state not in {None, RunState.CANCELLING.value} and going is not None:
            ended = "retried" if state == RunState.QUEUED.value else state
            going |= {"ended": float(event["at"]), "state": ended, "reason": str(event.get("reason", ""))}
            going = None
    for number, told in found.items():
        files = paths.attempt(number)
        told |= {name: path for name, path in (("notebook", files.notebook), ("log", files.log)) if path.is_file()}
    return [found[number] for number in sorted(found, reverse=True)]


def _config(spec: RunSpec, changes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the settings, each with where its value comes from: ``default``, ``set``, or ``changed`` on the way."""
    recorded = dict(spec.config if spec.config is not None else spec.parameters)
    later = {name: value for name, value in changes.items() if name != "settings"} | dict(changes.get("settings") or {})
    usual = TrainingConfig().model_dump(mode="json") if spec.config is not None else {}
    found = []
    for name, value in {**recorded, **later}.items():
        if name in later and later[name] != recorded.get(name):
            found.append({"name": name, "value": value, "origin": "changed", "before": recorded.get(name)})
        else:
            found.append(
                {"name": name, "value": value, "origin": "default" if usual.get(name, ...) == value else "set"}
            )
    return sorted(found, key=lambda one: (one["origin"] == "default", one["name"]))
