"""The systemd user unit that keeps the engine running from the start of the machine on.

What lives here: its text, where it lies, and whether it is in force. What does not: the process that it starts
(``keep``). Nothing here talks to systemd: what it is told is told by files, and the rest by the user.
"""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workbench import storage
from workbench.paths import EnginePaths

UNIT: Final = "workbench-engine.service"
INSTALL: Final = "Install it: workbench schedule unit --install"
_SYSTEM: Final = Path("/")

_TEXT: Final = """\
[Unit]
Description=Workbench engine: wakes schedules and executes runs
After=network.target

[Service]
Type=exec
ExecStart={python} -P -m pipelines.keep
Environment={home}
Restart=on-failure
RestartSec=10
RestartPreventExitStatus=2
# The engine ends its jobs itself, which may take a while: they save first.
KillMode=mixed
TimeoutStopSec=120

[Install]
WantedBy=default.target
"""


@dataclass(frozen=True)
class Boot:
    """Whether the engine is started with the machine.

    Attributes:
        systemd: whether this machine runs systemd.
        installed: whether the unit is there, for this Python and this engine.
        enabled: whether it is started when the user's systemd is.
        lingers: whether that is at the start of the machine, not at the first login.
    """

    systemd: bool
    installed: bool = False
    enabled: bool = False
    lingers: bool = False

    @property
    def boots(self) -> bool:
        """Whether the engine is started with the machine."""
        return self.systemd and self.installed and self.enabled and self.lingers

    @property
    def advice(self) -> str:
        """What is to be done; empty when nothing is."""
        if self.boots:
            return ""
        if not self.systemd:
            return (
                f"There is no systemd here: have this started with the machine: {sys.executable} -P -m pipelines.keep"
            )
        if not self.installed:
            return INSTALL
        return "; ".join(self.commands())

    def commands(self) -> list[str]:
        """Return the commands that put the unit in force, less those that were given already."""
        enable = [] if self.enabled else ["systemctl --user daemon-reload", f"systemctl --user enable --now {UNIT}"]
        return [*enable, *([] if self.lingers else ["loginctl enable-linger"])]


def look(paths: EnginePaths, variables: Mapping[str, str], system: Path = _SYSTEM) -> Boot:
    """Return whether the unit is in force.

    Args:
        paths: the engine's folder.
        variables: the user's environment.
        system: where the file system begins.
    """
    unit = unit_file(variables)
    installed = unit.is_file() and unit.read_text(encoding="utf-8", errors="replace") == text(paths)
    if not (system / "run/systemd/system").is_dir():
        return Boot(systemd=False, installed=installed)
    wanted = unit.parent / "default.target.wants" / UNIT
    lingering = system / "var/lib/systemd/linger" / pwd.getpwuid(os.getuid()).pw_name
    return Boot(True, installed, wanted.is_symlink() or wanted.is_file(), lingering.exists())


def unit_file(variables: Mapping[str, str]) -> Path:
    """Return where the unit lies."""
    config = variables.get("XDG_CONFIG_HOME") or str(Path(variables.get("HOME") or "~").expanduser() / ".config")
    return Path(config) / "systemd" / "user" / UNIT


def text(paths: EnginePaths) -> str:
    """Return the unit for this Python and this engine."""
    return _TEXT.format(python=_quoted(sys.executable), home=_quoted(f"WORKBENCH_ENGINE_HOME={paths.root}"))


def install(paths: EnginePaths, variables: Mapping[str, str]) -> Path:
    """Write the unit and return where.

    Raises:
        StorageError: when it cannot be written.
    """
    return storage.put_text(unit_file(variables), text(paths))


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'
