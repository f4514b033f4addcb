"""Reading ultralytics' default.yaml."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

from workbench.config import source
from workbench.config.defaults import parse, specs
from workbench.errors import ConfigError, WorkbenchError


def test_every_key_has_the_default_that_a_yaml_reader_sees() -> None:
    text = (source.root() / "cfg" / "default.yaml").read_text(encoding="utf-8")
    expected = yaml.safe_load(text)
    assert {name: spec.default for name, spec in specs().items()} == expected
    assert [type(spec.default) for spec in specs().values()] == [type(value) for value in expected.values()]


def test_the_installed_version_has_113_keys_with_types_and_documentation() -> None:
    assert len(specs()) == 113
    assert all(spec.type and spec.doc for spec in specs().values())


def test_a_key_knows_its_type_documentation_and_section() -> None:
    epochs = specs()["epochs"]
    assert (epochs.type, epochs.default, epochs.doc) == ("int", 100, "number of epochs to train for")
    assert epochs.section == "Train settings"
    assert specs()["hsv_h"].section == "Hyperparameters"
    assert specs()["task"].section == "General settings"
    assert specs()["classes"].type == "int | list[int], optional"


@pytest.mark.parametrize(
    "line",
    ["epochs: 100", "epochs 100 # (int) number", "epochs: 100 # number", "- 3", "a: 1 # (int) x\na: 2 # (int) y"],
)
def test_a_line_that_does_not_parse_is_an_error_that_names_it(line: str) -> None:
    with pytest.raises(ConfigError, match=r"Line \d+ of ultralytics' default\.yaml") as caught:
        parse(f"# heading\n\nlr0: 0.01 # (float) rate\n{line}\n")
    assert caught.value.fields["text"] == line.splitlines()[-1]
    assert caught.value.expected
    assert caught.value.todo


def test_reading_takes_less_than_20_ms_and_imports_neither_torch_nor_ultralytics() -> None:
    code = (
        "import sys, time\n"
        "from workbench.config import defaults\n"
        "t = time.process_time(); defaults.specs(); print((time.process_time() - t) * 1000)\n"
        "assert not {'torch', 'ultralytics', 'numpy', 'cv2'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert float(done.stdout) < 20


def test_a_missing_ultralytics_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source.importlib.util, "find_spec", lambda name: None)
    source.root.cache_clear()
    try:
        with pytest.raises(WorkbenchError, match="'ultralytics' is not installed"):
            source.root()
    finally:
        source.root.cache_clear()


def test_a_second_reading_costs_nothing() -> None:
    assert specs() is specs()
