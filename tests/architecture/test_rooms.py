"""The rooms: every one stands in the import contract, and CONTRIBUTING.md draws the same picture.

Who imports whom is checked by import-linter itself (``make check``).
"""

from __future__ import annotations

import pkgutil

import pytest

import workbench


@pytest.fixture
def layers(pyproject):
    contracts = {contract["id"]: contract for contract in pyproject["tool"]["importlinter"]["contracts"]}
    return [
        [name.strip().removeprefix("workbench.") for name in layer.split("|")] for layer in contracts["rooms"]["layers"]
    ]


def test_every_room_stands_in_the_import_contract_once(layers):
    named = [room for layer in layers for room in layer]
    rooms = [module.name for module in pkgutil.iter_modules(workbench.__path__)]
    assert sorted(named) == sorted([*rooms, "pipelines"])


def test_contributing_draws_the_contract(layers, contributing):
    drawings = [block for block in contributing.blocks("", "text") if "errors" in block and "|" in block]
    assert len(drawings) == 1
    rows = [line.partition("  ")[0] for line in drawings[0].splitlines() if line.strip()]
    assert [[name.strip() for name in row.split("|")] for row in rows] == layers


def test_contracts_name_every_package_that_must_be_kept_apart(pyproject):
    contracts = pyproject["tool"]["importlinter"]["contracts"]
    apart = {name for contract in contracts for name in contract.get("forbidden_modules", [])}
    assert {"torch", "ultralytics", "prefect", "papermill", "nbclient", "jupyter_client"} <= apart
    assert {"google", "anywidget", "ipywidgets", "mlflow", "wandb", "clearml"} <= apart
