"""The one trained model that all tests share: a short `workbench demo`, watched from outside.

It runs as a person would run it, in a process of its own, on digit scenes whose classes have Korean names, with a
canary in every secret variable, and with a hook in every Python process that writes down whom it talks to.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from workbench.datasets.samples import build_digit_scenes
from workbench.exports.export import Export
from workbench.workspace import Workspace

KOREAN = ("영", "일", "이", "삼", "사", "오", "육", "칠", "팔", "구")
CANARY = "canary-3f1e9c-secret"
SECRETS = (
    "GOOGLE_API_KEY",
    "GEMINI_API_KEY",
    "WANDB_API_KEY",
    "CLEARML_API_ACCESS_KEY",
    "CLEARML_API_SECRET_KEY",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "PREFECT_API_KEY",
)
RECIPE = ("epochs=7",)
# Three trackers beside the run, into files: that needs no server
TRACKERS = {
    "OBSERVABILITY_BACKENDS": "database,wandb,clearml",
    "WANDB_MODE": "offline",
    "CLEARML_OFFLINE_MODE": "1",
}
_HOOK = Path(__file__).parent / "hook"


@dataclass(frozen=True)
class Trained:
    """What the demo left, and what was seen of it.

    Attributes:
        report: the object that it printed.
        workspace: the workspace folder.
        variables: the environment that it ran in.
        connections: ``{"pid", "event", "host"}`` of every attempt to talk to a host.
        left: processes that outlived it.
    """

    report: dict[str, Any]
    workspace: Path
    variables: dict[str, str]
    connections: list[dict[str, Any]]
    left: list[str]

    def export(self) -> Export:
        """Return the export of the demo, whatever other tests have exported since."""
        made = self.open().exports()
        return next(
            each for each in made if (each.summary()["format"], each.summary()["precision"]) == ("onnx", "fp32")
        )

    def open(self) -> Workspace:
        """Open its workspace in this process."""
        return Workspace(self.workspace)

    def command(self, *arguments: str, timeout_s: float = 180) -> subprocess.CompletedProcess[str]:
        """Run `workbench` in its environment."""
        return workbench(*arguments, variables=self.variables, timeout_s=timeout_s)


def workbench(*arguments: str, variables: dict[str, str], timeout_s: float = 180) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", "from workbench.cli import main; main()", *arguments],
        env=variables,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def members(engine: str) -> list[str]:
    """Return the command lines of the processes whose environment names the engine folder ``engine``."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and engine in process.environ().values():
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


@pytest.fixture(scope="session")
def korean_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the data.yaml of digit scenes whose classes are called 영 to 구."""
    data = build_digit_scenes(tmp_path_factory.mktemp("숫자") / "digits")
    content = yaml.safe_load(data.read_text(encoding="utf-8"))
    content["names"] = dict(enumerate(KOREAN))
    named = data.with_name("korean.yaml")
    named.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return named


@pytest.fixture(scope="session")
def engine_variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return an environment with an engine of its own, canaries for secrets, and the connection hook."""
    folder = tmp_path_factory.mktemp("engine")
    kept = {name: value for name, value in os.environ.items() if name not in {"PREFECT_API_URL", "DATABASE_URL"}}
    return {
        **kept,
        **{name: f"{CANARY}-{name.lower()}" for name in SECRETS},
        "WORKBENCH_ENGINE_HOME": str(folder / "engine"),
        "WORKBENCH_HOME": str(folder / "workspace"),
        "WORKBENCH_TEST_CONNECTIONS": str(folder / "connections.jsonl"),
        "PYTHONPATH": str(_HOOK),
    }


@pytest.fixture(scope="session")
def trained(korean_digits: Path, engine_variables: dict[str, str]) -> Iterator[Trained]:
    """Run the short demo once and return what it left; its engine is stopped at the end of the tests."""
    variables = engine_variables
    try:
        told = {**variables, **TRACKERS}
        done = workbench("demo", "--json", "--data", str(korean_digits), *RECIPE, variables=told, timeout_s=480)
        assert done.returncode == 0, done.stderr[-3000:]
        log = Path(variables["WORKBENCH_TEST_CONNECTIONS"])
        yield Trained(
            report=json.loads(done.stdout),
            workspace=Path(variables["WORKBENCH_HOME"]),
            variables=variables,
            connections=[json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()],
            left=members(variables["WORKBENCH_ENGINE_HOME"]),
        )
    finally:
        workbench("doctor", "--stop", "--json", variables=variables)
