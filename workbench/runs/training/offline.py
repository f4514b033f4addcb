"""Switches that keep ultralytics at home.

What lives here: what must be set before ``import ultralytics`` so that it neither phones home, nor installs
packages, nor downloads fonts, nor feeds trackers of its own. What does not: the import itself.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workbench import fonts, settings

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
    _lay_fonts(folder, fonts.HANGUL)


@contextmanager
def aside() -> Iterator[None]:
    """Let a process that is no job use ultralytics for a moment; what that writes goes to a folder that goes again."""
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        yield


def write_names(folder: Path, names: Iterable[str]) -> str:
    """Have ultralytics' plots show ``names`` in this process: before it draws the first one.

    Its sheets of images take one font file, whose name it knows; its matplotlib takes any number of families.

    Args:
        folder: as given to ``prepare``.
        names: of classes; not read as formulas, which a wrong one would lose the plot by.

    Returns:
        The letters that no font has, each once: they are drawn as boxes.
    """
    text = "".join(names)
    _lay_fonts(folder, text if not text.isascii() else fonts.HANGUL)
    fonts.write_everywhere(text + fonts.HANGUL)
    return fonts.lacking(text)


def quieten() -> None:
    """Leave of ultralytics' output the warnings, and switch off the trackers that it would feed by itself.

    Our trackers are fed from the run's own events.
    """
    from ultralytics import utils

    for logger in (utils.LOGGER, *utils.LOGGER.handlers):
        logger.setLevel("WARNING")
    known: Any = utils.SETTINGS
    known.update({**{name: False for name in INTEGRATIONS if name in known}, "sync": False})


def _lay_fonts(folder: Path, text: str) -> None:
    """Lay the font that has the most of ``text`` as the one for other letters; file names may be Korean in any case."""
    home = folder / "Ultralytics"
    home.mkdir(parents=True, exist_ok=True)
    for name, wanted in (("Arial.ttf", fonts.HANGUL), ("Arial.Unicode.ttf", text)):
        shutil.copyfile(fonts.best(wanted), home / name)
