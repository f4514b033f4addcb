"""Resolve the pinned versions of one Python version: ``python constraints/resolve.py constraints/py312.txt``.

pip resolves without installing and reports what it chose; the exact versions become the constraints file.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HEAD = (
    "# Exact versions for {python}, written by `make constraints`. Delete this file and run it again to renew them.\n"
)


def main(target: Path) -> None:
    """Write the constraints of the running Python to ``target``."""
    project = Path(__file__).parent.parent
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        subprocess.run([sys.executable, "-m", "venv", f"{folder}/venv"], check=True)
        command = [f"{folder}/venv/bin/python", "-m", "pip", "install", "--quiet", "--dry-run", "--report", str(report)]
        subprocess.run([*command, f"{project}[dev]"], check=True)
        chosen = json.loads(report.read_text())["install"]
    pins = {item["metadata"]["name"]: item["metadata"]["version"] for item in chosen}
    pins.pop("vision-workbench", None)
    lines = [f"{name}=={version}\n" for name, version in sorted(pins.items(), key=lambda pin: pin[0].lower())]
    draft = target.with_suffix(".part")
    draft.write_text(HEAD.format(python=f"Python {sys.version_info[0]}.{sys.version_info[1]}") + "".join(lines))
    draft.replace(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
