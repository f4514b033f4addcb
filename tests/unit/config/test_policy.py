"""The run policy as a part of the training config."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from workbench.config import limits, policy
from workbench.config.defaults import specs
from workbench.config.policy import Policy
from workbench.config.rules import Refusal
from workbench.config.schema import DOZEN, TrainingConfig
from workbench.errors import ConfigError
from workbench.runs.model import RunSpec

CHOSEN: dict[str, Any] = {
    "attempts": 5,
    "first_delay_s": 1.0,
    "factor": 1.5,
    "max_delay_s": 30.0,
    "max_hours": 48.0,
    "silence_s": 120.0,
    "priority": -3,
}
TRIED = (-101, -100, -1, 0, 0.0, 1e-9, 0.5, 1, 1.0, 2.5, 100, 101, 8760, 8761, 86_400, 86_401, float("inf"), None)


def _accepts(key: str, value: Any) -> bool:
    try:
        limits.rules()[key].check(value)
    except Refusal:
        return False
    return True


def _validates(key: str, value: Any) -> bool:
    try:
        Policy.model_validate({key: value}, strict=True)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("key", Policy.model_fields)
def test_a_config_takes_exactly_what_the_policy_takes(key: str) -> None:
    whole = [value for value in TRIED if not (isinstance(value, float) and key in ("attempts", "priority"))]
    assert {value: _accepts(key, value) for value in whole} == {value: _validates(key, value) for value in whole}


def test_the_policy_has_a_section_of_its_own_which_comes_last() -> None:
    sections = [spec.section for spec in limits.fields().values()]
    assert sections[-7:] == ["Run policy"] * 7
    assert "Run policy" not in sections[:-7]


def test_a_key_of_the_policy_knows_its_type_default_and_documentation() -> None:
    assert {name: (spec.type, spec.default) for name, spec in policy.specs().items()} == {
        "attempts": ("int", 3),
        "first_delay_s": ("float", 10.0),
        "factor": ("float", 2.0),
        "max_delay_s": ("float", 600.0),
        "max_hours": ("float, optional", None),
        "silence_s": ("float", 900.0),
        "priority": ("int", 0),
    }
    assert all(len(spec.doc) > 8 for spec in policy.specs().values())


def test_no_key_of_the_policy_is_one_of_the_trainer() -> None:
    assert set(policy.specs()).isdisjoint(specs())
    assert set(policy.specs()).isdisjoint(DOZEN)


def test_a_limit_of_the_run_is_told_from_a_limit_of_the_training() -> None:
    assert "'time' instead" in policy.specs()["max_hours"].doc
    assert "time" in specs()


def test_a_config_without_a_word_has_the_default_policy() -> None:
    assert TrainingConfig(epochs=3).policy() == Policy() == RunSpec.model_fields["policy"].default


def test_a_config_returns_the_policy_that_was_chosen() -> None:
    assert TrainingConfig(**CHOSEN).policy() == Policy(**CHOSEN)


def test_the_trainer_never_gets_a_key_of_the_policy() -> None:
    assert TrainingConfig(epochs=3, **CHOSEN).overrides() == TrainingConfig(epochs=3).overrides()


def test_a_chosen_policy_travels_in_the_settings_of_the_notebook() -> None:
    config = TrainingConfig(epochs=3, **CHOSEN)
    assert config.parameters()["settings"] == CHOSEN
    assert TrainingConfig.from_parameters(**config.parameters()) == config
    assert TrainingConfig(epochs=3).parameters()["settings"] == {}


def test_a_key_of_the_policy_among_the_parameters_is_sent_to_the_settings() -> None:
    with pytest.raises(ConfigError, match="'attempts' stands among the parameters") as caught:
        TrainingConfig.from_parameters(attempts=3)
    assert caught.value.todo == "Move it to settings={...}."


def test_a_policy_is_read_from_a_command_line() -> None:
    pairs = {key: str(value) for key, value in CHOSEN.items()}
    assert TrainingConfig.from_text(pairs).policy() == Policy(**CHOSEN)
    assert TrainingConfig.from_text({"max_hours": "none"}).policy().max_hours is None


def test_a_config_recorded_before_there_was_a_policy_is_still_read() -> None:
    old = {name: value for name, value in TrainingConfig(epochs=3).model_dump(mode="json").items() if name in specs()}
    assert TrainingConfig.model_validate(old) == TrainingConfig(epochs=3)


def test_a_policy_survives_json_and_passes_over_a_key_of_a_newer_version() -> None:
    chosen = Policy(**CHOSEN)
    assert Policy.model_validate_json(json.dumps({**chosen.model_dump(), "later": 1})) == chosen


def test_a_policy_is_frozen_and_hashable() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Policy().attempts = 1  # type: ignore[misc]
    assert hash(Policy(**CHOSEN)) == hash(Policy(**CHOSEN))


def test_hours_of_zero_are_refused_with_what_is_legal() -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingConfig(max_hours=0)
    assert caught.value.happened == "max_hours=0 is out of range."
    assert caught.value.expected.startswith("Expected a number above 0 up to 8760, or None (hours for all attempts")
    assert caught.value.todo.startswith("Use max_hours=None, which is the default")


def test_the_json_schema_tells_the_ranges_of_the_policy() -> None:
    properties = TrainingConfig.model_json_schema()["properties"]
    assert (properties["attempts"]["minimum"], properties["attempts"]["maximum"]) == (1, 100)
    number = properties["max_hours"]["anyOf"][0]
    assert (number["exclusiveMinimum"], number["maximum"]) == (0, 8760)


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        *[(key, "attempts") for key in ("retry", "retries", "max_retries", "attempt", "max_attempts", "tries")],
        *[(key, "max_hours") for key in ("timeout", "timeout_s", "time_limit", "max_hour", "max_time", "deadline")],
        *[(key, "first_delay_s") for key in ("delay", "retry_delay", "first_delay")],
        *[("backoff", "factor"), ("backoff_factor", "factor"), ("max_delay", "max_delay_s")],
        *[("heartbeat", "silence_s"), ("silence", "silence_s"), ("prioriti", "priority")],
    ],
)
def test_what_people_call_a_key_of_the_policy_leads_to_it(key: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=f"has no key '{key}'.*Did you mean '{meant}'"):
        TrainingConfig(**{key: 3})


def test_a_hint_says_where_the_count_or_the_unit_differs() -> None:
    with pytest.raises(ConfigError, match="attempts=1 is no retry"):
        TrainingConfig(retries=0)
    with pytest.raises(ConfigError, match="in hours"):
        TrainingConfig(timeout=3600)


def test_every_hint_is_for_a_key_that_does_not_exist_and_names_keys_that_do() -> None:
    assert set(limits.HINTS).isdisjoint(limits.fields())
    for hint in limits.HINTS.values():
        if hint.startswith("Did you mean"):
            assert hint.split("'")[1] in limits.fields(), hint


def test_who_wants_to_resume_is_sent_to_the_command_that_does() -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingConfig(resume=True)
    assert caught.value.todo == "Use `workbench runs resume RUN` to go on with a run that was interrupted."
