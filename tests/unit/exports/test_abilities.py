"""What a machine can do with each format is said before any work, with the reason."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.exports import abilities as room
from workbench.exports.abilities import abilities, ability
from workbench.exports.environments import environment_of
from workbench.exports.environments.environment import READY_NAME
from workbench.exports.formats import MADE, table


@pytest.fixture(autouse=True)
def linux(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Linux machine without a GPU."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(room, "gpus", list)
    monkeypatch.setattr(platform, "system", lambda: "Linux")


def test_each_format_of_the_table_has_an_answer_and_a_reason(tmp_path: Path) -> None:
    found = abilities(tmp_path)
    assert [each.format for each in found] == list(table().values())
    assert all(each.reason.endswith(".") for each in found)
    assert {each.format.name for each in found if each.can != "refused"} == set(MADE) - {"engine"}
    assert {each.format.name for each in found if each.can == "make"} == {"coreml", "coreai"}
    assert all(each.environment is None and each.needs_mb == 0 for each in found if each.can == "refused")


def test_what_the_workbench_has_needs_nothing(tmp_path: Path) -> None:
    found = ability(table()["onnx"], tmp_path)
    assert (found.can, found.environment, found.needs_mb) == ("make and prove", None, 0)


def test_what_an_environment_takes_is_told_until_it_is_there(tmp_path: Path) -> None:
    before = ability(table()["ncnn"], tmp_path)
    environment = environment_of(table()["ncnn"], tmp_path)
    assert environment
    assert before.environment == environment
    assert f"about {before.needs_mb} MB" in before.reason
    environment.python.parent.mkdir(parents=True)
    environment.python.touch()
    (environment.folder / READY_NAME).touch()
    after = ability(table()["ncnn"], tmp_path)
    assert (before.needs_mb > 100, after.needs_mb, after.can) == (True, 0, "make and prove")


def test_tensorrt_is_refused_without_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ability(table()["engine"], tmp_path)
    assert found.can == "refused"
    assert found.reason.startswith("TensorRT engines are built on the GPU that runs them, and this machine has none")
    monkeypatch.setattr(room, "gpus", lambda: ["NVIDIA H100"])
    monkeypatch.setattr(room, "cuda_version", lambda: "13.0")
    assert ability(table()["engine"], tmp_path).can == "make and prove"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert ability(table()["engine"], tmp_path).can == "refused"
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(room, "cuda_version", lambda: "")
    assert "built without" in ability(table()["engine"], tmp_path).reason


def test_apples_formats_are_proven_on_apples_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "macOS alone" in ability(table()["coreml"], tmp_path).reason
    assert "macOS 26" in ability(table()["coreai"], tmp_path).reason
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    monkeypatch.setattr(platform, "mac_ver", lambda: ("26.1", ("", "", ""), "arm64"))
    for name in ("coreml", "coreai"):
        assert ability(table()[name], tmp_path).can == "make and prove"


@pytest.mark.parametrize(
    ("name", "reason"), [("rknn", "rknn-toolkit2"), ("hailo", "Dataflow Compiler"), ("pb", "certifies no")]
)
def test_what_vendors_tools_make_is_refused_and_says_who_makes_it(tmp_path: Path, name: str, reason: str) -> None:
    found = ability(table()[name], tmp_path)
    assert found.can == "refused"
    assert reason in found.reason
    assert f"`yolo export format={name}`" in found.reason


def test_another_torch_than_the_packages_go_with_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "installed", lambda name: "2.6.0+cpu")
    found = ability(table()["executorch"], tmp_path)
    assert found.can == "refused"
    assert "torch>=2.12, and torch 2.6.0+cpu is installed" in found.reason


def test_packages_that_do_not_exist_for_the_platform_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "needs", lambda fmt: ())
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert "Linux on riscv64" in ability(table()["litert"], tmp_path).reason


def test_it_is_said_without_torch(tmp_path: Path) -> None:
    says = f"from workbench.exports.abilities import *; abilities(Path({str(tmp_path)!r}))"
    code = f"import sys; {says}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
