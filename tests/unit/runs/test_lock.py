"""What a replay needs to know."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from workbench.runs import lock


def test_the_lock_names_code_python_packages_and_machine() -> None:
    found, _ = lock.take_lock()
    assert set(found) == {"code", "python", "packages", "hardware"}
    assert found["packages"]["pydantic"]
    assert found["hardware"]["cores"] >= 1


def test_a_package_without_metadata_does_not_stop_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted `pip install` leaves such a folder."""
    (tmp_path / "~roken-1.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    found, _ = lock.take_lock()
    assert None not in found["packages"]


def test_a_diff_in_another_encoding_does_not_stop_a_run(tmp_path: Path) -> None:
    package = tmp_path / "workbench"
    package.mkdir()
    (package / "errors.py").write_bytes(b"# caf\xc3\xa9\n")
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for arguments in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "x"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    (package / "errors.py").write_bytes(b"# caf\xe9 in latin-1\n")
    code, diff = lock._code(package)
    assert code["changed"] is True
    assert len(code["commit"]) == 40
    assert "in latin-1" in diff


def test_code_outside_a_repository_has_a_version_only(tmp_path: Path) -> None:
    code, diff = lock._code(tmp_path)
    assert set(code) == {"version"}
    assert diff == ""
