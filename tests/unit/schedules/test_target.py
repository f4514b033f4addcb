"""What can be scheduled, and what is refused when the schedule is made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.errors import ConfigError, ParameterError, RequestError
from workbench.schedules.target import read_policy, read_target

Make = Callable[..., Path]


def test_a_notebook_is_kept_by_its_absolute_path_with_parameters_of_its_own_types(
    notebook: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = notebook()
    monkeypatch.chdir(path.parent)
    found = read_target(path.name, {"epochs": "5", "name": "5"}, {"priority": 2})
    assert found == {"notebook": str(path), "parameters": {"epochs": 5, "name": "5"}, "policy": {"priority": 2}}


def test_a_misspelt_parameter_is_refused_with_the_one_that_was_meant(notebook: Make) -> None:
    with pytest.raises(ParameterError, match="Did you mean 'epochs'"):
        read_target(str(notebook()), {"epohcs": "5"}, {})


def test_a_value_of_the_wrong_type_is_refused(notebook: Make) -> None:
    with pytest.raises(ParameterError, match="five"):
        read_target(str(notebook()), {"epochs": "five"}, {})


@pytest.mark.parametrize("target", ["no-such.ipynb", "no-such.yaml", "reports/", "trian"])
def test_what_is_not_there_is_refused(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RequestError):
        read_target(target, {}, {})


def test_a_misspelt_job_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(RequestError, match="Did you mean 'train'"):
        read_target("trian", {}, {})


def test_a_training_keeps_what_differs_from_the_defaults_with_its_policy() -> None:
    found = read_target("train", {"data": "digits", "epochs": "5"}, {"attempts": 2})
    assert found == {"config": {"data": "digits", "epochs": 5, "attempts": 2}}


def test_a_file_that_a_training_names_is_kept_by_its_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data.yaml").write_text("names: [a]")
    monkeypatch.chdir(tmp_path)
    assert read_target("train", {"data": "data.yaml"}, {})["config"]["data"] == str(tmp_path / "data.yaml")


@pytest.mark.parametrize("text", ["data: digits\nepochs: 50\n", '{"data": "digits", "epochs": 50}'])
def test_a_config_file_is_read_and_words_change_it(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    assert read_target(str(path), {"imgsz": "320"}, {})["config"] == {"data": "digits", "epochs": 50, "imgsz": 320}


@pytest.mark.parametrize("text", ["- a\n- b", "epochs: [", "epohcs: 5\ndata: d", "epochs: five\ndata: d", ""])
def test_a_config_file_that_is_not_valid_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError):
        read_target(str(path), {}, {})


def test_a_training_without_data_is_refused() -> None:
    with pytest.raises(ConfigError, match="data is empty"):
        read_target("train", {"epochs": "5"}, {})


def test_other_job_notebooks_are_taken_by_name() -> None:
    found = read_target("evaluate", {"split": "val"}, {})
    assert Path(found["notebook"]).name == "evaluate.ipynb"
    assert found["parameters"] == {"split": "val"}


def test_a_policy_out_of_range_is_refused() -> None:
    assert read_policy({"attempts": None, "max_hours": 2.0}) == {"max_hours": 2.0}
    with pytest.raises(ConfigError, match="max_hours"):
        read_policy({"max_hours": -1.0})
