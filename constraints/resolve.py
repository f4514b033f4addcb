"""Resolve the pinned versions of one Python version: ``python constraints/resolve.py constraints/py312.txt``.

pip resolves without installing and reports what it chose; the exact versions become the constraints file.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from pip._vendor.packaging.specifiers import SpecifierSet

HEAD = (
    "# Exact versions for {python}, written by `make constraints`. Delete this file and run it again to renew them.\n"
)


def main(target: Path) -> None:
    """Write the constraints of the running Python to ``target``."""
    too_new: list[str] = []
    while True:
        chosen = _resolved(too_new)
        refusing = [item["metadata"] for item in chosen if not _takes_first_release(item["metadata"])]
        if not refusing:
            break
        too_new += [f"{metadata['name']}<{metadata['version']}\n" for metadata in refusing]
    pins = {item["metadata"]["name"]: item["metadata"]["version"] for item in chosen}
    pins.pop("vision-workbench", None)
    lines = [f"{name}=={version}\n" for name, version in sorted(pins.items(), key=lambda pin: pin[0].lower())]
    draft = target.with_suffix(".part")
    draft.write_text(HEAD.format(python=f"Python {sys.version_info[0]}.{sys.version_info[1]}") + "".join(lines))
    draft.replace(target)


def _resolved(too_new: list[str]) -> list[dict[str, Any]]:
    project = Path(__file__).parent.parent
    with tempfile.TemporaryDirectory() as folder:
        report, bounds = Path(folder) / "report.json", Path(folder) / "bounds.txt"
        bounds.write_text("".join(too_new))
        subprocess.run([sys.executable, "-m", "venv", f"{folder}/venv"], check=True)
        command = [f"{folder}/venv/bin/python", "-m", "pip", "install", "--quiet", "--dry-run", "--report", str(report)]
        subprocess.run([*command, "--constraint", str(bounds), f"{project}[dev]"], check=True)
        found: list[dict[str, Any]] = json.loads(report.read_text())["install"]
        return found


def _takes_first_release(metadata: dict[str, Any]) -> bool:
    """Return whether a package takes 3.11.0 where this is 3.11.9: a distribution keeps what it began with."""
    first = f"{sys.version_info[0]}.{sys.version_info[1]}.0"
    return SpecifierSet(metadata.get("requires_python") or "").contains(first)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
