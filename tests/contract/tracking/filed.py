"""A third party's tracker, installed beside the workbench, that writes down what it is told and misbehaves on demand.

What lives here: the package, and how it is installed. What does not: what is done with it (``test_forwarder``).
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CODE = '''
import json, os, signal, subprocess, sys, time
from workbench.errors import TrackerError
from workbench.tracking.base import Measured


class FiledTracker:
    def __init__(self, folder):
        self.folder = folder
        self.url = None

    def _mood(self, verb):
        """A mood is `<verb> <what>[ <count>]`: what happens at that verb, count times; for ever without a count."""
        path = self.folder.parent / (self.folder.name + ".mood")
        if not path.exists():
            return None
        words = path.read_text().split()
        if words[0] != verb:
            return None
        if len(words) == 3:
            left = int(words[2]) - 1
            path.write_text(f"{words[0]} {words[1]} {left}") if left else path.unlink()
        return words[1]

    def _note(self, verb, **fields):
        with open(self.folder / "told.jsonl", "a") as file:
            file.write(json.dumps({"verb": verb, "pid": os.getpid(), **fields}) + "\\n")

    def _misbehave(self, mood):
        if mood in ("hang", "orphan"):
            subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"], start_new_session=True)
        if mood == "orphan":
            os.kill(os.getpid(), signal.SIGKILL)
        if mood == "hang":
            time.sleep(600)
        if mood == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if mood == "raise":
            raise ValueError("hunter2-hunter2 is not what https://me:hunter2-hunter2@host/x wants")
        if mood == "down":
            raise TrackerError("The server is down.", "A server.", "Start it.", retry=True)
        if mood == "refuse":
            raise TrackerError("The key is wrong.", "A right key.", "Set FILED_KEY.", retry=False)
        if mood == "shout":
            sys.stdout.write("x" * 3_000_000)
            sys.stdout.flush()

    def open(self, started, remote):
        self._misbehave(self._mood("open"))
        self._note("open", attempt=started.attempt, remote=remote, run=started.run)
        self.url = "http://filed/" + started.run
        return "filed-" + started.run

    def send(self, items):
        mood = self._mood("send")
        if mood == "take-and-die":
            self._take(items)
            os.kill(os.getpid(), signal.SIGKILL)
        self._misbehave(mood)
        self._take(items)

    def _take(self, items):
        told = [
            {"kind": type(item).__name__, "at": item.at, "step": getattr(item, "step", None),
             "name": getattr(item, "name", None), "scope": getattr(item, "scope", None),
             "serial": getattr(item, "serial", None),
             "values": {name: repr(value) for name, value in item.values.items()} if isinstance(item, Measured) else {}}
            for item in items
        ]
        self._note("send", items=told)

    def close(self, ended):
        self._misbehave(self._mood("close"))
        self._note("close", state=ended.state if ended else None)
'''


@dataclass
class Filed:
    """What the trackers of one run were told.

    Attributes:
        folder: the run's ``trackers`` folder.
    """

    folder: Path

    def mood(self, words: str, name: str = "filed") -> None:
        """Make a tracker misbehave, e.g. ``send hang 1``; empty for good behaviour."""
        path = self.folder / f"{name}.mood"
        self.folder.mkdir(parents=True, exist_ok=True)
        path.write_text(words, encoding="utf-8") if words else path.unlink(missing_ok=True)

    def told(self, verb: str, name: str = "filed") -> list[dict[str, Any]]:
        """Return the calls of one kind."""
        path = self.folder / name / "told.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        return [call for line in lines if (call := json.loads(line))["verb"] == verb]

    def items(self, kind: str = "Measured", name: str = "filed") -> list[dict[str, Any]]:
        """Return what was sent, also what was sent twice."""
        return [item for call in self.told("send", name) for item in call["items"] if item["kind"] == kind]

    def steps(self, name: str = "filed") -> Counter[int]:
        """Return how often each step was sent."""
        return Counter(item["step"] for item in self.items(name=name))


@pytest.fixture
def filed_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the package where this process and its children look."""
    site = tmp_path / "site"
    (site / "filed-1.0.dist-info").mkdir(parents=True)
    (site / "filed_tracker.py").write_text(CODE, encoding="utf-8")
    (site / "filed-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: filed\nVersion: 1.0\n")
    (site / "filed-1.0.dist-info" / "entry_points.txt").write_text(
        "[workbench.trackers]\nfiled = filed_tracker:FiledTracker\nother = filed_tracker:FiledTracker\n"
        "broken = filed_tracker_that_is_not_there:FiledTracker\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("FILED_PASSWORD", "hunter2-hunter2")
