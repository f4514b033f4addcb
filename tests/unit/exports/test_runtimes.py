"""OpenVINO is made to compute in float32 while an export is asked, and is left as it was."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from workbench.exports.runtimes import unrounded


class Core:
    def compile_model(self, model: str, device_name: str = "AUTO", config: Any = None) -> tuple[str, str, Any]:
        return model, device_name, config


@pytest.fixture
def openvino(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The runtime lives in a private environment: here stands what of it is switched."""
    module = ModuleType("openvino")
    vars(module)["Core"] = Core
    monkeypatch.setitem(sys.modules, "openvino", module)
    return module


@pytest.mark.usefixtures("openvino")
def test_openvino_is_asked_in_float32_and_only_then() -> None:
    before = Core.compile_model
    with unrounded(Path("model_int8_openvino_model")):
        told = Core().compile_model("m", device_name="CPU", config={"PERFORMANCE_HINT": "LATENCY"})
    assert told == ("m", "CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"})
    assert Core.compile_model is before


@pytest.mark.usefixtures("openvino")
def test_it_is_left_as_it_was_when_the_asking_fails() -> None:
    before = Core.compile_model
    with pytest.raises(ValueError, match="torn"), unrounded(Path("model_openvino_model")):
        raise ValueError("torn")
    assert Core.compile_model is before


@pytest.mark.usefixtures("openvino")
def test_other_formats_are_left_alone() -> None:
    before = Core.compile_model
    with unrounded(Path("model.onnx")):
        assert Core.compile_model is before
