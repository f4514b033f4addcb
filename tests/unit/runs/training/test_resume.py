"""What may be different when a training is resumed."""

from __future__ import annotations

import pytest

from workbench.config.schema import TrainingConfig
from workbench.errors import ConfigError
from workbench.runs.training.resume import CHANGEABLE, check_changes


def test_what_does_not_change_the_finished_epochs_may_change() -> None:
    check_changes({"epochs": 20, "device": "cpu", "batch": 8, "workers": 0, "patience": 5, "plots": False}, finished=10)


@pytest.mark.parametrize("key", ["model", "data", "imgsz", "optimizer", "seed", "lr0", "cos_lr", "mosaic", "attempts"])
def test_what_would_make_it_another_training_is_refused_by_name(key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key}=1 cannot be changed") as caught:
        check_changes({"epochs": 20, key: 1})
    assert "Start a new run" in caught.value.todo
    assert [problem["key"] for problem in caught.value.fields["problems"]] == [key]


@pytest.mark.parametrize("epochs", [3, 7])
def test_fewer_epochs_than_are_finished_are_refused(epochs: int) -> None:
    with pytest.raises(ConfigError, match="7 epochs are finished"):
        check_changes({"epochs": epochs}, finished=7)


def test_every_setting_that_may_change_is_one_and_has_a_reason() -> None:
    assert set(CHANGEABLE) <= set(TrainingConfig.model_fields)
    assert all(len(reason) > 8 for reason in CHANGEABLE.values())
