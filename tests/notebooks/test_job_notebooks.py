"""The parameters of the job notebooks: what they take is what the workbench passes."""

from __future__ import annotations

import ast
import inspect

import pytest
from pydantic import ValidationError

from workbench import Workspace, paths
from workbench.config.limits import OWNED
from workbench.config.schema import DEFAULTS, DOZEN, TrainingConfig
from workbench.errors import ConfigError, ParameterError
from workbench.exports.request import ExportRequest
from workbench.runs.model import DatasetLock, ModelLock, RunSpec, RunState
from workbench.runs.notebook.parameters import check_notebook, read_parameters

TRAIN = paths.notebook("jobs", "train")
WRONG = {
    "run_dir": 1,
    "model": None,
    "data": ["a.yaml"],
    "epochs": "10",
    "batch": "16",
    "imgsz": 320.5,
    "device": {"cuda": 0},
    "optimizer": 1,
    "lr0": "0.01",
    "patience": None,
    "seed": 1.5,
    "workers": [8],
    "amp": 2,
    "settings": ["plots"],
}
# Legal values of every kind that the trainer's keys take; a key is tried with each.
_NUMBERS = (True, False, 0, 1, 2, 3, 16, 320, 0.001, 0.25, 0.5, 1.5, 90.0)
_WORDS = ("ram", "val", "test", "mean", "mixup", "augmix", "AdamW", "onnx", "botsort.yaml", "some.yaml", "segment")
_TRIED = (*_NUMBERS, *_WORDS, [0])
_WITH = {"task": {"model": "best.pt"}}  # of a model that names its task, the task cannot change


@pytest.fixture
def trained(workspace, tmp_path):
    """A training run with a checkpoint, as its folder would say."""
    spec = RunSpec(
        id="train-1",
        kind="train",
        notebook="train",
        project="default",
        session="today",
        dataset=DatasetLock(name="d", uri="d", digest="0", images={"test": 3}, data_yaml=str(tmp_path / "d.yaml")),
        model=ModelLock(ref="yolo26n.yaml", kind="scratch", task="detect", path="yolo26n.yaml"),
    )
    workspace.ledger.record(spec)
    run = workspace.run("train-1")
    run.paths.checkpoints.mkdir()
    (run.paths.checkpoints / "best.pt").write_bytes(b"weights")
    return run


def _changed(name):
    """Return every config that differs from the defaults in ``name`` and is legal, one for each value tried."""
    for value in _TRIED:
        try:
            config = TrainingConfig(**_WITH.get(name, {}), **{name: value})
        except ConfigError:
            continue
        if getattr(config, name) != DEFAULTS[name]:
            yield config


def test_train_takes_the_run_the_dozen_and_settings():
    assert list(read_parameters(TRAIN)) == ["run_dir", *DOZEN, "settings"]


@pytest.mark.parametrize("name", DOZEN)
def test_a_default_of_the_notebook_is_the_default_of_the_config(name):
    default = read_parameters(TRAIN)[name].default
    assert default == TrainingConfig.model_fields[name].default
    assert type(default) is type(TrainingConfig.model_fields[name].default)


def test_an_untouched_notebook_trains_the_default_config():
    given = {name: found.default for name, found in read_parameters(TRAIN).items() if name != "run_dir"}
    assert TrainingConfig.from_parameters(**given) == TrainingConfig()


@pytest.mark.parametrize("job", ["train", "export", "evaluate"])
def test_every_annotation_accepts_its_default(job):
    for name, found in read_parameters(paths.notebook("jobs", job)).items():
        checked = found.check(found.default)
        assert (checked, type(checked)) == (found.default, type(found.default)), name


@pytest.mark.parametrize("name", ["run_dir", *DOZEN, "settings"])
def test_every_annotation_refuses_a_wrong_type(name):
    with pytest.raises(ValidationError):
        read_parameters(TRAIN)[name].check(WRONG[name])
    with pytest.raises(ParameterError, match=name):
        check_notebook(TRAIN, {name: WRONG[name]})


@pytest.mark.parametrize("job", ["train", "export", "evaluate"])
def test_every_parameter_says_what_it_is(job):
    silent = [name for name, found in read_parameters(paths.notebook("jobs", job)).items() if len(found.doc) < 8]
    assert silent == []


@pytest.mark.parametrize("name", sorted(set(DEFAULTS) - set(OWNED)))
def test_every_setting_of_the_trainer_reaches_it_through_the_notebook(name):
    configs = list(_changed(name))
    assert configs
    for config in configs:
        passed = check_notebook(TRAIN, config.parameters())
        assert TrainingConfig.from_parameters(**passed) == config


def test_all_settings_are_covered():
    assert len(DEFAULTS) == len(TrainingConfig.model_fields) == 120
    assert set(DEFAULTS) == set(TrainingConfig.model_fields)


@pytest.mark.parametrize("name", OWNED)
def test_what_the_workbench_decides_is_refused_in_settings(name):
    with pytest.raises(ConfigError, match=name):
        TrainingConfig.from_parameters(settings={name: "anything"})


@pytest.mark.parametrize("job", ["train", "export", "evaluate"])
def test_an_unknown_parameter_is_refused(job):
    with pytest.raises(ParameterError, match="epoch5"):
        check_notebook(paths.notebook("jobs", job), {"epoch5": 1})


def test_an_unknown_setting_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="mosaic"):
        TrainingConfig.from_parameters(settings={"mozaic": 0.5})


def test_what_train_passes_is_what_its_notebook_takes():
    assert {"run_dir", *TrainingConfig().parameters()} == set(read_parameters(TRAIN))


@pytest.mark.parametrize("job", ["export", "evaluate"])
def test_what_is_passed_is_what_the_notebook_takes(job, workspace, trained):
    made = getattr(workspace, job)(trained)
    spec = workspace.run(made.id).spec
    notebook = paths.notebook("jobs", spec.notebook)
    passed = {"run_dir": str(trained.paths.root), **spec.parameters}
    assert spec.notebook == job
    assert set(passed) == set(read_parameters(notebook))
    assert check_notebook(notebook, passed) == passed
    assert passed["checkpoint"].endswith("best.pt")
    assert workspace.run(made.id).state is RunState.QUEUED


def test_the_default_of_the_notebook_is_the_default_of_the_method():
    method = inspect.signature(Workspace.evaluate).parameters["split"]
    assert read_parameters(paths.notebook("jobs", "evaluate"))["split"].default == method.default
    notebook = read_parameters(paths.notebook("jobs", "export"))
    wanted = ExportRequest().parameters()
    assert {name: notebook[name].default for name in wanted} == wanted


@pytest.mark.parametrize("job", ["train", "export", "evaluate"])
def test_every_parameter_is_used_by_a_later_cell(job):
    import nbformat

    notebook = nbformat.read(paths.notebook("jobs", job), as_version=4)
    later = [
        cell.source
        for cell in notebook.cells
        if cell.cell_type == "code" and "parameters" not in cell.metadata.get("tags", [])
    ]
    used = {node.id for source in later for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    used |= set(DOZEN) if "DOZEN" in used else set()
    assert set(read_parameters(paths.notebook("jobs", job))) <= used
