"""The training config: fields, refusals, and its forms for a notebook and for the trainer."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import typing
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from workbench.config import limits, policy
from workbench.config.defaults import specs
from workbench.config.rules import Rule
from workbench.config.schema import DEFAULTS, DOZEN, TrainingConfig
from workbench.errors import ConfigError

FREE = [name for name in limits.fields() if name not in (*limits.OWNED, "task")]


def _draw(data: st.DataObject, legal: Callable[[str, Rule], list[Any]]) -> TrainingConfig:
    keys = data.draw(st.lists(st.sampled_from(FREE), max_size=12, unique=True))
    rules = limits.rules()
    return TrainingConfig(**{key: data.draw(st.sampled_from(legal(key, rules[key]))) for key in keys})


def test_every_key_of_default_yaml_and_of_the_policy_is_a_field_with_its_documentation() -> None:
    fields = TrainingConfig.model_fields
    known = {**specs(), **policy.specs()}
    assert set(fields) == set(known)
    assert len(fields) == 113 + 7
    assert {name: field.description for name, field in fields.items()} == {k: s.doc for k, s in known.items()}


def test_every_default_is_ultralytics_own_except_model_and_data() -> None:
    ours = {name: (TrainingConfig.model_fields[name].default, spec.default) for name, spec in specs().items()}
    differing = {name: pair for name, pair in ours.items() if pair[0] != pair[1] or type(pair[0]) is not type(pair[1])}
    assert differing == {"model": ("yolo26n.yaml", None), "data": ("", None)}
    assert dict(TrainingConfig()) == dict(DEFAULTS)


def test_the_type_of_a_field_is_that_of_the_file() -> None:
    words = {"bool": bool, "int": int, "float": float, "str": str}
    schema = TrainingConfig.model_json_schema()["properties"]
    assert set(schema) == set(limits.fields())
    for name, spec in limits.fields().items():
        simple = words.get(spec.type)
        if simple is None or name == "imgsz":
            continue
        kind = TrainingConfig.model_fields[name].annotation
        assert kind is simple or typing.get_origin(kind) is typing.Literal or name == "auto_augment", (name, kind)


def test_the_json_schema_tells_ranges_and_choices() -> None:
    properties = TrainingConfig.model_json_schema()["properties"]
    assert (properties["imgsz"]["minimum"], properties["imgsz"]["maximum"]) == (32, 8192)
    assert "MuSGD" in properties["optimizer"]["enum"]
    assert properties["epochs"]["description"] == "number of epochs to train for"


def test_the_dozen_are_twelve_and_come_first() -> None:
    assert len(DOZEN) == len(set(DOZEN)) == 12
    assert tuple(TrainingConfig.model_fields)[:12] == DOZEN


def test_all_problems_are_listed_and_the_first_is_the_message() -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingConfig(epoch=3, batch=-5, mosaic=True)
    error = caught.value
    assert error.happened.startswith("A training config has no key 'epoch'. 2 more problems: batch=-5")
    assert error.todo == "Did you mean 'epochs'?"
    assert [(problem["key"], problem["value"]) for problem in error.fields["problems"]] == [
        ("epoch", 3),
        ("batch", -5),
        ("mosaic", True),
    ]
    assert "Use batch=1." in error.fields["problems"][1]["reason"]
    assert json.loads(json.dumps(error.to_payload())) == error.to_payload()


@pytest.mark.parametrize(
    ("key", "meant"),
    [("epoch", "epochs"), ("img_size", "imgsz"), ("batch_size", "batch"), ("lr", "lr0"), ("learning_rate", "lr0")],
)
def test_an_unknown_key_gets_a_suggestion(key: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=f"Did you mean '{meant}'"):
        TrainingConfig(**{key: 1})


@pytest.mark.parametrize("key", ["save_dir", "half", "end2end", "label_smoothing", "zzz"])
def test_a_key_that_is_gone_says_what_to_do(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingConfig(**{key: 1})
    assert key in caught.value.happened
    assert caught.value.todo


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("mode", "val"), ("project", "p"), ("name", "n"), ("exist_ok", True), ("save", False), ("resume", True)],
        *[("resume", "last.pt"), ("cfg", "my.yaml"), ("resume", 0), ("project", 3)],
    ],
)
def test_a_key_that_the_workbench_owns_is_refused_with_what_to_use(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match="is set by the workbench") as caught:
        TrainingConfig(**{key: value})
    assert caught.value.todo == limits.OWNED[key]


def test_an_owned_key_may_be_given_with_its_default() -> None:
    assert TrainingConfig(**{key: limits.default(key) for key in limits.OWNED}) == TrainingConfig()


def test_a_config_is_frozen_hashable_and_survives_pickling() -> None:
    config = TrainingConfig(device=[0, 1], scale=(0.5, 2.0))
    with pytest.raises(ValidationError, match="frozen"):
        config.epochs = 3
    assert hash(config) == hash(TrainingConfig(device=[0, 1], scale=[0.5, 2.0]))
    assert pickle.loads(pickle.dumps(config)) == config


@pytest.mark.parametrize("values", [None, 5, [("epochs", 3)], "epochs=3"])
def test_what_is_no_mapping_is_a_config_error(values: Any) -> None:
    with pytest.raises(ConfigError, match="cannot be read from"):
        TrainingConfig.model_validate(values)


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"epochs": NaN}', '{"epochs": 1e9999}', '{"epochs": true}'])
def test_json_that_is_no_config_is_a_config_error(text: str) -> None:
    with pytest.raises(ConfigError):
        TrainingConfig.model_validate_json(text)


def test_a_copy_with_changes_is_checked() -> None:
    with pytest.raises(ConfigError, match="batch=-5"):
        TrainingConfig().model_copy(update={"batch": -5})
    with pytest.raises(ConfigError, match="batch=-5"):
        TrainingConfig().replace(batch=-5)
    assert TrainingConfig(epochs=3).replace(batch=8) == TrainingConfig(epochs=3, batch=8)
    assert TrainingConfig(epochs=3).model_copy() == TrainingConfig(epochs=3)


def test_the_task_follows_the_model() -> None:
    segment = TrainingConfig(model="yolo26n-seg.yaml")
    assert segment.task == "segment"
    assert segment.replace(model="yolo26n-pose.pt").task == "pose"
    assert TrainingConfig(model="own/best.pt").task == "detect"
    own = TrainingConfig(model="own/best.pt", task="obb")
    assert own.task == "obb"
    assert own.replace(model="yolo26n-seg.yaml").task == "segment"


def test_a_task_that_the_model_is_not_made_for_is_refused_with_a_model_that_is() -> None:
    with pytest.raises(ConfigError, match=r"task='segment' does not fit.*model='yolo26n-seg\.yaml'"):
        TrainingConfig(task="segment")


def test_the_parameters_are_the_dozen_and_the_other_changes() -> None:
    config = TrainingConfig(epochs=3, mosaic=0.0, scale=(0.5, 2.0), model="yolo26n-seg.yaml")
    parameters = config.parameters()
    assert tuple(parameters) == (*DOZEN, "settings")
    assert parameters["settings"] == {"mosaic": 0.0, "scale": [0.5, 2.0]}
    assert parameters["epochs"] == 3


def test_a_task_that_no_model_implies_is_among_the_parameters() -> None:
    config = TrainingConfig(model="own/best.pt", task="obb")
    assert config.parameters()["settings"] == {"task": "obb"}
    assert TrainingConfig.from_parameters(**config.parameters()) == config


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"mosaic": 0.0}, "'mosaic' stands among the parameters"),
        ({"settings": {"epochs": 3}}, "'epochs' stands in settings"),
        ({"epoch": 3}, "Did you mean 'epochs'"),
        ({"settings": {"mosiac": 0.0}}, "Did you mean 'mosaic'"),
        ({"settings": {"batch": 3}}, "parameter of that name"),
        ({"epochs": 0}, "epochs=0 is out of range"),
        ({"cls": 0.5}, "'cls' stands among the parameters"),
    ],
)
def test_parameters_on_the_wrong_side_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainingConfig.from_parameters(**parameters)


def _plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(_plain(item) for item in value)
    return value is None or type(value) in (bool, int, str) or (type(value) is float and value == value)  # noqa: PLR0124


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_config_survives_notebook_json_and_dump(data: st.DataObject, legal: Callable[[str, Rule], list[Any]]) -> None:
    config = _draw(data, legal)
    parameters = config.parameters()
    assert all(_plain(value) for name, value in parameters.items() if name != "settings")
    assert all(_plain(value) for value in parameters["settings"].values())
    assert TrainingConfig.from_parameters(**parameters) == config
    assert TrainingConfig.model_validate(config.model_dump(mode="json")) == config
    assert TrainingConfig.model_validate(config.model_dump()) == config
    assert TrainingConfig.model_validate_json(config.model_dump_json()) == config
    assert TrainingConfig(**config.changes()) == config
    assert config.replace() == config


@settings(max_examples=200, deadline=None)
@given(
    key=st.sampled_from(list(limits.fields())),
    value=st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.lists(st.integers(), max_size=3)
    ),
)
def test_any_value_makes_a_config_or_a_config_error(key: str, value: Any) -> None:
    try:
        config = TrainingConfig(**{key: value})
    except ConfigError as error:
        json.dumps(error.to_payload(), allow_nan=False)
    else:
        assert TrainingConfig.model_validate(config.model_dump(mode="json")) == config


def test_the_trainer_gets_what_differs_and_what_a_checkpoint_would_bring() -> None:
    config = TrainingConfig(epochs=3, data="shapes", model="yolo26n-seg.pt", device=[0, 1], close_mosaic=0)
    assert config.overrides() == {
        "epochs": 3,
        "imgsz": 640,
        "device": [0, 1],
        "single_cls": False,
        "close_mosaic": 0,
    }


def test_a_difference_tells_before_and_after() -> None:
    before, after = TrainingConfig(epochs=3), TrainingConfig(epochs=5, model="yolo26n-seg.yaml")
    assert before.diff(after) == {
        "model": ("yolo26n.yaml", "yolo26n-seg.yaml"),
        "epochs": (3, 5),
        "task": ("detect", "segment"),
    }
    assert before.diff(before) == {}


def test_a_command_line_is_read_by_the_type_of_the_key() -> None:
    pairs = {
        "epochs": "10",
        "lr0": "1e-3",
        "cache": "ram",
        "cos_lr": "true",
        "time": "none",
        "data": "2024",
        "scale": "0.5,2",
        "freeze": "[0, 1]",
        "batch": "0.5",
        "optimizer": "adamw",
        "device": "cpu",
    }
    assert TrainingConfig.from_text(pairs) == TrainingConfig(
        epochs=10,
        lr0=0.001,
        cache="ram",
        cos_lr=True,
        data="2024",
        scale=(0.5, 2.0),
        freeze=[0, 1],
        batch=0.5,
        optimizer="AdamW",
        device="cpu",
    )
    assert TrainingConfig.from_text({"device": "0,1"}).device == (0, 1)


@pytest.mark.parametrize(
    "pair", [("epochs", "ten"), ("epochs", ""), ("epochs", "1e2"), ("cos_lr", "1"), ("epoch", "1")]
)
def test_text_that_does_not_fit_is_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(ConfigError, match=pair[0]):
        TrainingConfig.from_text(dict([pair]))


def test_importing_the_schema_is_light() -> None:
    code = (
        "import sys, time, pydantic\n"
        "from pydantic import BaseModel, create_model\n"
        "t = time.process_time(); import workbench.config.schema; print((time.process_time() - t) * 1000)\n"
        "assert not {'torch', 'ultralytics', 'numpy', 'cv2', 'papermill'} & set(sys.modules)\n"
    )
    times = [
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
        for _ in range(2)
    ]
    assert min(times) < 150


def test_the_room_exports_its_schema_lazily() -> None:
    code = (
        "import sys, workbench.config as room\n"
        "assert 'workbench.config.schema' not in sys.modules\n"
        "assert room.TrainingConfig().epochs == 100 and len(room.DOZEN) == 12\n"
        "assert not hasattr(room, 'nothing')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
