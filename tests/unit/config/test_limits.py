"""The rules laid over ultralytics' keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from workbench.config import limits, source
from workbench.config.defaults import FieldSpec, specs
from workbench.config.policy import Policy
from workbench.config.rules import Flag, Integer, Real, Refusal, Rule, literal
from workbench.config.schema import TrainingConfig
from workbench.errors import ConfigError

# Everything here passes ultralytics' own get_cfg, except where it is a matter of type.
BAD: list[tuple[str, Any]] = [
    *[("batch", value) for value in (-5, 0, 1.0, 1.5, 16.0, 0.0, True, "16", None, float("nan"))],
    *[("imgsz", value) for value in ("abc", 0, -640, 31, 8193, 640.0, True, [640, 640], "640")],
    *[("optimizer", value) for value in ("Foo", "Lion", "", 3, None)],
    *[("workers", value) for value in (-3, 1.5, True, 10_000)],
    *[("mosaic", value) for value in (True, -0.1, 1.1, "1", float("nan"), float("inf"), None)],
    *[("cache", value) for value in ("bogus", 1, None, "")],
    *[("degrees", value) for value in (9999, -1, True)],
    *[("close_mosaic", value) for value in (-1, 2.5)],
    *[("task", value) for value in ("xx", "", 1)],
    *[("split", value) for value in ("foo", None)],
    *[("freeze", value) for value in (-3, "abc", [-1], ["x y"], True, [])],
    *[("compile", value) for value in ("nope", 1)],
    *[("device", value) for value in ("gpu", -2, "0,0", [0, 0], "cuda:x", "0;1", True, [], "tpu", 1.0)],
    *[("time", value) for value in (-2, 0, True)],
    *[("warmup_epochs", value) for value in (-1, False)],
    *[("epochs", value) for value in (0, -1, 1e2, True, "10", None, 10**5000)],
    *[("lr0", value) for value in (0, -1, 2, "0.01", True, 10**400)],
    *[("momentum", value) for value in (1.0, -0.1)],
    *[("fraction", value) for value in (0, 1.5, -1, True, [0, 1], [0.5], [0.5, 0.5, 2.5, 1])],
    *[("amp", value) for value in ("fp64", 1, None)],
    *[("quantize", value) for value in (4, "int4", True, 8.0)],
    *[("copy_paste_mode", value) for value in ("blend", None)],
    *[("auto_augment", value) for value in ("rand", True)],
    *[("scale", value) for value in (-0.5, 1.5, [2.0, 0.5], [1.0], "0.5", True)],
    *[("format", value) for value in ("tflite9", None)],
    *[("tracker", value) for value in ("sort", "sort.yaml")],
    *[("perspective", 0.5), ("box", -1), ("box", 1e9), ("nbs", 0), ("max_det", 0), ("seed", -1), ("seed", 2**32)],
    *[("classes", value) for value in (-1, [1.5], "0", True)],
    *[("model", value) for value in ("", "yolo26n.onnx", "a\nb.pt", 3, None, " yolo26n.pt")],
    *[("pretrained", value) for value in (1, "weights", None)],
    *[("plots", value) for value in (1, "True", None)],
    *[("attempts", value) for value in (0, 101, 2.5, True, "3", None)],
    *[("first_delay_s", value) for value in (-1, 86_401, "10", None, float("inf"))],
    *[("factor", value) for value in (0.99, 101, True)],
    *[("max_delay_s", -0.1), ("max_delay_s", 1e6), ("silence_s", 0), ("silence_s", None)],
    *[("max_hours", value) for value in (0, 0.0, -1, 8761, "12", True, float("nan"))],
    *[("priority", value) for value in (-101, 101, 1.5, False)],
    *[("opset", 3), ("data", None), ("data", 7), ("cos_lr", 0), ("line_width", 0), ("workspace", 0)],
]


@pytest.mark.parametrize(
    ("key", "value"), BAD, ids=lambda value: str(repr(value) if value != 10**5000 else "huge")[:30]
)
def test_a_bad_value_is_refused_in_three_beats_that_name_it(key: str, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingConfig(**{key: value})
    error = caught.value
    assert error.happened.startswith(f"{key}=")
    assert error.expected.startswith("Expected ")
    assert key in error.todo
    assert [problem["key"] for problem in error.fields["problems"]] == [key]


def test_every_key_of_the_installed_ultralytics_has_a_rule_of_our_own_or_is_a_boolean() -> None:
    for name, spec in specs().items():
        assert name in limits.RULES or "bool" in spec.type, name
    assert set(limits.RULES) <= set(specs())


def test_every_key_of_a_config_has_a_rule_in_the_same_order() -> None:
    assert list(limits.rules()) == list(limits.fields()) == [*specs(), *Policy.model_fields]


def test_every_default_is_legal() -> None:
    for name, rule in limits.rules().items():
        assert rule.check(limits.default(name)) == limits.default(name), name


def test_every_legal_value_is_kept_as_it_is_and_a_list_becomes_a_tuple(legal: Callable[[str, Rule], list[Any]]) -> None:
    for name, rule in limits.rules().items():
        for value in legal(name, rule):
            kept = rule.check(value)
            assert kept == (tuple(value) if isinstance(value, list) else value), (name, value)
            assert isinstance(kept, bool) == isinstance(value, bool), (name, value)


@pytest.mark.parametrize(
    ("key", "value", "nearest"),
    [
        ("epochs", 0, "epochs=1"),
        ("epochs", 1e2, "epochs=100"),
        ("batch", -5, "batch=1"),
        ("batch", 1.6, "batch=2"),
        ("degrees", 9999, "degrees=180.0"),
        ("imgsz", 10, "imgsz=32"),
        ("optimizer", "adamm", "optimizer='Adam'"),
        ("cache", "dsk", "cache='disk'"),
        ("attempts", 0, "attempts=1"),
        ("attempts", 4.0, "attempts=4"),
        ("factor", 0.5, "factor=1.0"),
        ("max_hours", 9000, "max_hours=8760.0"),
    ],
)
def test_the_nearest_legal_value_is_offered(key: str, value: Any, nearest: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingConfig(**{key: value})
    assert caught.value.todo == f"Use {nearest}."


def test_nan_has_no_nearest_value_and_gets_the_default() -> None:
    with pytest.raises(ConfigError, match="lr0=nan is not a number") as caught:
        TrainingConfig(lr0=float("nan"))
    assert caught.value.todo.startswith("Use lr0=0.01, which is the default")


def test_the_range_is_told_for_a_number_out_of_range() -> None:
    with pytest.raises(ConfigError, match="from 32 to 8192"):
        TrainingConfig(imgsz=9000)


@pytest.mark.parametrize(
    ("key", "written", "kept"),
    [
        ("optimizer", "adamw", "AdamW"),
        ("optimizer", "RMSprop", "RMSProp"),
        ("quantize", "INT8", 8),
        ("quantize", "w16a16", 16),
        ("quantize", "w8a16", "w8a16"),
        ("fraction", 1, 1.0),
        ("degrees", 10, 10.0),
        ("device", "CUDA:0", "cuda:0"),
        ("scale", [0.5, 2], (0.5, 2.0)),
        ("freeze", [1, "23.cv2"], (1, "23.cv2")),
    ],
)
def test_a_value_written_in_another_way_gets_its_one_form(key: str, written: Any, kept: Any) -> None:
    value = getattr(TrainingConfig(**{key: written}), key)
    assert value == kept
    assert type(value) is type(kept)


def _words(doc: str) -> set[str]:
    return set(re.findall(r"[\w.-]+", doc))


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("optimizer", limits.OPTIMIZERS),
        ("task", limits.TASKS),
        ("mode", limits.MODES),
        ("format", limits.FORMATS),
        ("tracker", tuple(f"{name}.yaml" for name in limits.TRACKERS)),
        ("copy_paste_mode", ("flip", "mixup")),
        ("auto_augment", ("randaugment", "autoaugment", "augmix")),
    ],
)
def test_the_words_of_a_choice_are_those_of_the_documentation(key: str, words: tuple[str, ...]) -> None:
    listed = specs()[key].doc.rsplit(":", 1)[-1] if key in ("optimizer", "tracker") else specs()[key].doc
    listed = listed.rsplit("i.e.", 1)[-1].rsplit("e.g.", 1)[-1].rsplit("policy:", 1)[-1].rsplit("obb:", 1)[-1]
    assert _words(listed) - {"or"} == set(words)


def test_the_optimizers_are_those_that_the_trainer_builds() -> None:
    text = (source.root() / "engine" / "trainer.py").read_text(encoding="utf-8")
    built = re.search(r"optimizers = \{(.+?)\}", text)
    assert built
    assert {word.strip(' "').lower() for word in built[1].split(",")} == {word.lower() for word in limits.OPTIMIZERS}


def test_tasks_and_modes_and_bit_widths_are_those_of_the_source() -> None:
    assert source.constant("cfg", "TASKS") == limits.TASKS
    assert source.constant("cfg", "MODES") == limits.MODES
    aliases = {"8": 8, "16": 16, "32": 32, "int8": 8, "fp16": 16, "fp32": 32, "w8a8": 8, "w16a16": 16, "w32a32": 32}
    assert aliases == limits.QUANTIZE_ALIASES


def test_a_key_newer_than_the_workbench_is_held_against_its_type() -> None:
    newer = {kind: limits.rule_for(FieldSpec("brand_new", kind, 1, "x", "y")) for kind in ("int", "float", "bool")}
    assert [type(rule) for rule in newer.values()] == [Integer, Real, Flag]
    with pytest.raises(Refusal):
        newer["int"].check(True)
    assert limits.rule_for(FieldSpec("brand_new", "str", "a", "x", "y")).check("b") == "b"
    assert limits.rule_for(FieldSpec("brand_new", "int, optional", None, "x", "y")).check(None) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("none", None), ("True", True), ("8", 8), ("1e-3", 0.001), ("[0, 1]", [0, 1]), ("0,1", (0, 1)), ("ram", "ram")],
)
def test_text_reads_as_a_literal_where_it_is_one(text: str, value: Any) -> None:
    assert literal(text) == value


@pytest.mark.parametrize("text", ["{'a': 1}", "__import__('os')", "(" * 500, "9" * 5000, "\x00", "1 +", "b'x'"])
def test_text_that_is_no_plain_literal_stays_text(text: str) -> None:
    assert literal(text) == text
