"""The notebooks beside this file keep their outputs: nbval runs them and compares, strictly.

nbval has a process of its own: its items are cells, and xdist would spread the cells of one notebook over processes.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

HERE = Path(__file__).parent
KEPT = sorted(HERE.glob("*.ipynb"))


def compare(*paths: Path) -> subprocess.CompletedProcess[str]:
    """Have nbval run notebooks and compare their outputs with what they keep."""
    # Without the settings of this checkout: copies in a temporary folder are compared as those in the tree are
    command = [sys.executable, "-m", "pytest", "--nbval", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", *paths]
    options = ["-c", "/dev/null", "--rootdir", str(paths[0].parent), "-o", "timeout=60"]
    return subprocess.run([*command, *options], capture_output=True, text=True, check=False, timeout=100)


def code(path: Path) -> list[dict[str, Any]]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def test_every_cell_says_what_its_kept_outputs_say() -> None:
    done = compare(*KEPT)
    assert done.returncode == 0, done.stdout[-3000:]
    assert f"{sum(len(code(path)) for path in KEPT)} passed" in done.stdout


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_there_are_outputs_to_compare(path: Path) -> None:
    """Of a notebook that was stripped nbval compares nothing, and passes."""
    cells = code(path)
    assert sum(bool(cell["outputs"]) for cell in cells) >= 4
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))


def test_one_altered_output_is_a_failure_also_in_another_folder(tmp_path: Path) -> None:
    content = (HERE / "config.ipynb").read_text(encoding="utf-8")
    assert content.count("'batch': (16, 8)") == 1
    same, altered = tmp_path / "same.ipynb", tmp_path / "altered.ipynb"
    same.write_text(content, encoding="utf-8")
    altered.write_text(content.replace("'batch': (16, 8)", "'batch': (16, 9)"), encoding="utf-8")
    done = compare(same, altered)
    assert done.returncode == 1, done.stdout[-3000:]
    assert f"1 failed, {2 * len(code(same)) - 1} passed" in done.stdout
    assert "altered.ipynb" in done.stdout
    assert "same.ipynb" not in done.stdout.partition("FAILURES")[2]


def test_they_name_no_place_and_no_time() -> None:
    """What is kept must be the same in any folder and on any day."""
    for path in KEPT:
        outputs = json.dumps([cell["outputs"] for cell in code(path)], ensure_ascii=False)
        assert not re.search(r"/home|/tmp|/root| at 0x|\b20\d\d-\d\d|\d\d:\d\d:\d\d", outputs), path.name
