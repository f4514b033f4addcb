"""Real JupyterLab and Voila servers on loopback, each apart from anything else on this machine.

What lives here: starting them, and ending them with all of their kernels. What does not: the browser (``pages``).
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import httpx
import psutil

START_S = 60.0
_QUIET = {
    "labconfig/page_config.json": {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}},
    "lab/user-settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
}


class Server:
    """One server process and its kernels, started on entering and gone on leaving.

    Args:
        folder: for its home, settings and log; its notebooks lie in ``folder/notebooks``.
        variables: of the environment, beside this process' own.

    Attributes:
        url: its address.
        token: what lets a browser in.
        notebooks: the folder that it serves.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str] | None = None) -> None:
        self.folder, self.notebooks, self.token = folder, folder / "notebooks", secrets.token_hex(16)
        self.notebooks.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._variables = dict(variables or {})
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """Return what starts it."""
        raise NotImplementedError

    @property
    def ready_at(self) -> str:
        """The path that answers when it is up."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        for name, content in _QUIET.items():
            path = self.folder / "config" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content))
        environment = {
            **os.environ,
            **{f"JUPYTER_{name.upper()}_DIR": str(self.folder / name) for name in ("config", "data", "runtime")},
            "HOME": str(self.folder),
            **self._variables,
        }
        with (self.folder / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, env=environment, cwd=self.folder, start_new_session=True
            )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._process is None:
            return
        family = family_of(self._process.pid)
        self._process.send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(family, timeout=5)
        for process in alive:
            process.kill()
        psutil.wait_procs(alive, timeout=5)
        self._process.wait()
        self._process = None

    def put(self, name: str, cells: list[str]) -> Path:
        """Write a notebook with code cells, and return it."""
        path = self.notebooks / name
        path.write_text(json.dumps(notebook(cells)), encoding="utf-8")
        return path

    def log(self) -> str:
        """Return what it has written so far."""
        return (self.folder / "server.log").read_text(errors="replace")

    def kernels(self) -> list[dict[str, Any]]:
        """Return its kernels, as its REST API tells them."""
        answer = httpx.get(f"{self.url}/api/kernels", params={"token": self.token}, timeout=10)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found

    def _wait(self) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                raise RuntimeError(f"The server ended by itself:\n{self.log()[-3000:]}")
            try:
                if httpx.get(f"{self.url}{self.ready_at}", timeout=2).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise RuntimeError(f"The server did not answer within {START_S:.0f} s:\n{self.log()[-3000:]}")


class Lab(Server):
    """JupyterLab."""

    @property
    def ready_at(self) -> str:
        return f"/api/status?token={self.token}"

    def command(self) -> list[str]:
        settings = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": self.port,
            "ServerApp.port_retries": 0,
            "ServerApp.root_dir": self.notebooks,
            "IdentityProvider.token": self.token,
            "LabApp.expose_app_in_browser": True,
            "LabApp.news_url": None,
            "LabApp.user_settings_dir": self.folder / "config" / "lab" / "user-settings",
            "LabApp.workspaces_dir": self.folder / "config" / "lab" / "workspaces",
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", *options]

    def set_theme(self, dark: bool) -> None:
        """Choose the theme of pages that are opened from now on."""
        folder = self.folder / "config/lab/user-settings/@jupyterlab/apputils-extension"
        folder.mkdir(parents=True, exist_ok=True)
        theme = {"theme": f"JupyterLab {'Dark' if dark else 'Light'}", "adaptive-theme": False}
        (folder / "themes.jupyterlab-settings").write_text(json.dumps(theme))


class Voila(Server):
    """Voila over ``notebooks``, with ``options`` for its command line."""

    def __init__(self, folder: Path, variables: Mapping[str, str] | None = None, options: tuple[str, ...] = ()) -> None:
        super().__init__(folder, variables)
        self.options = options

    @property
    def ready_at(self) -> str:
        return "/voila/static/voila.js"

    def command(self) -> list[str]:
        place = [f"--port={self.port}", "--Voila.ip=127.0.0.1", "--no-browser", f"--token={self.token}"]
        return [sys.executable, "-m", "voila", str(self.notebooks), *place, *self.options]


def notebook(cells: list[str]) -> dict[str, Any]:
    """Return a notebook with code cells."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = [
        {
            "id": f"c{place}",
            "cell_type": "code",
            "execution_count": None,
            "metadata": {},
            "outputs": [],
            "source": source,
        }
        for place, source in enumerate(cells)
    ]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": made}


def family_of(pid: int) -> list[psutil.Process]:
    """Return a process and all that it started."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
