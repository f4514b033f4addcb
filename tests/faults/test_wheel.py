"""The built wheel, away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Python that has the wheel, and beside it only the packages that the workbench stands on."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(_ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    (wheel,) = folder.glob("*.whl")
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, capture_output=True, timeout=120)
    packages = next((folder / "venv" / "lib").glob("python*")) / "site-packages"
    (packages / "standing_on.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return python


def _run(python: Path, code: str, folder: Path) -> str:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [python, "-c", code], cwd=folder, env=variables, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def test_notebooks_and_flows_travel_in_the_wheel(python: Path, tmp_path: Path) -> None:
    code = (
        "import workbench, pipelines.flows\n"
        "from workbench import paths\n"
        "names = [('jobs', 'train'), ('jobs', 'export'), ('jobs', 'evaluate'), ('studio', 'workbench')]\n"
        "print(*[paths.notebook(*name) for name in names], workbench.__file__, pipelines.__file__, sep='\\n')"
    )
    for line in _run(python, code, tmp_path).splitlines():
        assert Path(line).is_file()
        assert python.parents[1] in Path(line).parents, "not from the checkout"


def test_what_the_chat_says_and_knows_travels_in_the_wheel(python: Path, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from workbench import chat\n"
        "root = Path(chat.__file__).parent\n"
        "texts = [path.relative_to(root) for path in root.rglob('*') if path.suffix in {'.toml', '.txt'}]\n"
        "print(root, *texts, sep='\\n')"
    )
    folder, *texts = _run(python, code, tmp_path).splitlines()
    assert python.parents[1] in Path(folder).parents, "not from the checkout"
    source = _ROOT / "workbench" / "chat"
    here = [path.relative_to(source) for path in source.rglob("*") if path.suffix in {".toml", ".txt"}]
    assert len(here) > 30
    assert sorted(texts) == sorted(map(str, here))


def test_the_command_and_the_launcher_are_installed(python: Path, tmp_path: Path) -> None:
    help_text = subprocess.run(
        [python.with_name("workbench"), "--help"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert "demo" in help_text
    code = (
        "from workbench import settings\nfrom workbench.runs.supervision.launcher import load_launcher\n"
        "print(type(load_launcher(settings.load())).__module__)"
    )
    assert _run(python, code, tmp_path).strip() == "pipelines.launcher"
