"""How far a backend was told, on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.tracking.delivery.state import Delivery, backends_told, load, save, state_file


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    delivery = Delivery("r1", "http://x", {"train-1": 7}, {"train-1": 9}, 3, 12, 2, 1.25, 2.5, {"happened": "no"}, True)
    save(tmp_path, "mlflow", delivery)
    assert load(tmp_path, "mlflow") == delivery


def test_a_backend_that_was_told_nothing_begins_at_the_start(tmp_path: Path) -> None:
    assert load(tmp_path, "mlflow") == Delivery()


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b"7", b"\x00\x00\x00", b'{"offsets": 3}'])
def test_a_damaged_file_is_put_aside(tmp_path: Path, damage: bytes) -> None:
    path = state_file(tmp_path, "mlflow")
    path.write_bytes(damage)
    assert load(tmp_path, "mlflow") == Delivery()
    assert path.with_suffix(".damaged").read_bytes() == damage
    assert backends_told(tmp_path) == []


def test_a_file_of_a_later_version_is_read_as_far_as_it_is_known(tmp_path: Path) -> None:
    state_file(tmp_path, "mlflow").write_text('{"remote": "r1", "mood": "good"}')
    assert load(tmp_path, "mlflow") == Delivery(remote="r1")


def test_the_backends_of_a_run_are_those_with_a_file(tmp_path: Path) -> None:
    for name in ("wandb", "clearml", "my-own.tracker"):
        save(tmp_path, name, Delivery())
    (tmp_path / "lock").touch()
    (tmp_path / "wandb").mkdir()
    (tmp_path / ".wandb.json.17-ab.tmp").touch()
    assert backends_told(tmp_path) == ["clearml", "my-own.tracker", "wandb"]
    assert backends_told(tmp_path / "nowhere") == []
