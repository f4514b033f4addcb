"""Switches that keep ultralytics at home.

What lives here: what must be set before ``import ultralytics`` so that it neither phones home, nor installs
packages, nor downloads fonts, nor feeds trackers of its own. What does not: the import itself.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from workbench import settings

# Seen with an audit hook: each of these is one attempt to leave the machine, or to change it.
_SWITCHES = {
    "YOLO_OFFLINE": "1",  # DNS probes, PyPI version check, analytics
    "YOLO_AUTOINSTALL": "0",  # pip at run time
    "ULTRALYTICS_SKIP_REQUIREMENTS_CHECKS": "1",
    "ULTRALYTICS_SAFE_LOAD": "1",  # torch.load with weights_only
    "YOLO_VERBOSE": "False",  # its progress bars rewrite one line thousands of times
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "ULTRALYTICS_API_KEY": "",  # its platform callback would upload the run
}
_CJK_FONTS = ("NotoSansCJK", "NotoSansKR", "NanumGothic", "UnDotum", "AppleSDGothicNeo", "malgun")
INTEGRATIONS = ("clearml", "comet", "dvc", "hub", "mlflow", "neptune", "raytune", "tensorboard", "wandb")


def switches(folder: Path) -> dict[str, str]:
    """Return the environment of a process that imports ultralytics, with ``folder`` for its settings and fonts."""
    return {**_SWITCHES, "YOLO_CONFIG_DIR": str(folder), "MPLCONFIGDIR": str(folder / "matplotlib")}


def prepare(folder: Path) -> None:
    """Set the switches in this process and lay fonts where ultralytics looks before it downloads them.

    Args:
        folder: private to this process; made when missing.
    """
    settings.export_environment(switches(folder))
    home = folder / "Ultralytics"
    home.mkdir(parents=True, exist_ok=True)
    import matplotlib

    latin = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    for name, source in (("Arial.ttf", latin), ("Arial.Unicode.ttf", _cjk_font() or latin)):
        if not (home / name).exists():
            shutil.copyfile(source, home / name)


def quieten() -> None:
    """Leave of ultralytics' output the warnings, and switch off the trackers that it would feed by itself.

    Our trackers are fed from the run's own events.
    """
    from ultralytics import utils

    for logger in (utils.LOGGER, *utils.LOGGER.handlers):
        logger.setLevel("WARNING")
    known: Any = utils.SETTINGS
    known.update({**{name: False for name in INTEGRATIONS if name in known}, "sync": False})


def _cjk_font() -> Path | None:
    from matplotlib import font_manager

    found = sorted(font_manager.findSystemFonts())
    for wanted in _CJK_FONTS:
        for path in found:
            if wanted.lower() in Path(path).name.lower():
                return Path(path)
    return None
