"""What we read as text and what we accept, held against the imported ultralytics (in a process of its own)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench.config import catalogue, limits
from workbench.config.rules import Rule
from workbench.config.schema import TrainingConfig
from workbench.settings import environment

pytestmark = pytest.mark.slow

_ASK = """
import json, sys
from ultralytics.cfg import get_cfg, TASK2METRIC
from ultralytics.nn.tasks import guess_model_task, yaml_model_load
from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES
question = json.load(sys.stdin)
for overrides in question["overrides"]:
    get_cfg(overrides=overrides)
from workbench.config import catalogue, source
assert "yolo26n" in source.constant("utils.downloads", "GITHUB_ASSETS_STEMS")  # no literal: left to an import
measured = catalogue.measure("yolo26n-depth")
print(json.dumps({
    "metrics": TASK2METRIC,
    "assets": sorted(GITHUB_ASSETS_NAMES),
    "tasks": {name: guess_model_task(yaml_model_load(name)) for name in question["models"]},
    "parameters": measured.parameters, "gflops": measured.gflops,
}))
"""


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory, legal: Callable[[str, Rule], list[Any]]) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("ultralytics")
    rules = {name: rule for name, rule in limits.rules().items() if name not in limits.OWNED and name != "task"}
    configs = [TrainingConfig(**{name: value}) for name, rule in rules.items() for value in legal(name, rule)]
    models = [
        entry.yaml for entry in catalogue.models() if entry.scale in ("n", "") and entry.name + ".yaml" == entry.yaml
    ]
    question = {"overrides": [config.overrides() for config in configs], "models": models}
    done = subprocess.run(
        [sys.executable, "-c", _ASK],
        input=json.dumps(question),
        env=environment(YOLO_OFFLINE="1", YOLO_AUTOINSTALL="0", YOLO_CONFIG_DIR=str(folder)),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_ultralytics_accepts_whatever_a_config_hands_to_its_trainer(answer: dict[str, Any]) -> None:
    assert answer["metrics"]  # the child would have failed at the first refused override


def test_the_metrics_and_asset_names_read_as_text_are_the_imported_ones(answer: dict[str, Any]) -> None:
    assert {task: catalogue.headline_metric(task) for task in limits.TASKS} == answer["metrics"]
    assert sorted(catalogue._assets()) == answer["assets"]


def test_every_task_of_the_catalogue_is_the_one_that_ultralytics_guesses(answer: dict[str, Any]) -> None:
    # None is rtdetr, which ultralytics trains with a class of its own, as detection.
    guessed = {name: task or "detect" for name, task in answer["tasks"].items()}
    assert guessed == {name: catalogue.task_of(name) for name in guessed}


def test_a_model_without_stated_figures_is_counted_by_building_it(answer: dict[str, Any]) -> None:
    assert catalogue.find("yolo26n-depth").parameters is None
    assert 1_000_000 < answer["parameters"] < 10_000_000
    assert answer["gflops"] > 1
