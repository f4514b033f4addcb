"""The process that serves the dashboards: Voila, set up so that visitors can look and nothing else.

What lives here: its configuration, starting and ending it with its kernels. What does not: the pages (``overview`` and
its neighbours), the frame around them (``jupyter``).
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote

import httpx
import psutil

from workbench import paths, storage
from workbench.errors import ConflictError, EngineError
from workbench.settings import DASHBOARD_LANG, environment

START_S: Final = 60.0
END_S: Final = 5.0
_POLL_S: Final = 0.1
# Holds nbconvert/templates/workbench. Not voila/templates: Voila takes the first such folder for that of its own data.
_TEMPLATES: Final = Path(__file__).parent / "jupyter"
# Kernels that wait for a visitor, 120 MB each: two where one page leads to the next of the same notebook.
_POOLS: Final = {"overview.ipynb": 2, "run.ipynb": 2, "default": 1}
_SAID: Final = 800  # letters of its log


@dataclass
class Server:
    """Voila over the dashboards of one workspace; started on entering, gone with its kernels on leaving.

    Args:
        workspace: its folder.
        port: to listen at, on this machine only; 0 takes a free one.
        token: what lets a browser in.
        lang: ``auto``, ``en`` or ``ko``.
        theme: ``light`` or ``dark``.
        notebooks: the folder that is served; left out, the dashboards that travel with the workbench.
        idle_s: a kernel whose page nobody uses any more is ended after as many seconds.

    Raises:
        EngineError: on entering, when Voila is not installed or does not start.
        ConflictError: on entering, when the port is in use.
    """

    workspace: Path
    token: str
    port: int = 0
    lang: str = "auto"
    theme: str = "light"
    notebooks: Path = field(default_factory=lambda: paths.notebook("dashboards", "overview").parent)
    idle_s: int = 300
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)
    _folder: Path = field(default=Path(), init=False, repr=False)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """What a browser opens: the token is part of it."""
        return f"{self.address}/?token={quote(self.token, safe='')}"

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid if self._process is not None else 0

    @property
    def waiting(self) -> int:
        """How many kernels wait for visitors once all have started."""
        return sum(_POOLS.get(path.name, _POOLS["default"]) for path in self.notebooks.glob("*.ipynb"))

    @property
    def command(self) -> list[str]:
        """What starts it; all else stands in its configuration, which only its owner can read."""
        return [sys.executable, "-m", "voila", str(self.notebooks)]

    @property
    def configuration(self) -> Mapping[str, Any]:
        """How Voila is set up."""
        return {
            "Voila": {
                "ip": "127.0.0.1",
                "port": self.port,
                "port_retries": 0,
                "token": self.token,
                "open_browser": False,
                "connection_dir_root": str(self._folder),
                "identity_provider_class": "voila.voila_identity_provider.VoilaIdentityProvider",  # knows no password
            },
            "VoilaConfiguration": {
                "template": "workbench",
                "theme": self.theme,
                "allow_template_override": "NO",
                "show_tracebacks": False,
                "file_allowlist": ["(?!)"],  # no file beside a notebook, whatever it is called
                "http_header_envs": ["Accept-Language"],
                "preheat_kernel": True,
                "default_pool_size": 1,
                "extension_denylist": [],
            },
            "VoilaKernelManager": {"kernel_pools_config": {name: {"pool_size": size} for name, size in _POOLS.items()}},
            "MappingKernelManager": {
                "cull_idle_timeout": self.idle_s,
                "cull_interval": max(self.idle_s // 10, 1),
                "cull_connected": True,
            },
        }

    def __enter__(self) -> Self:
        if find_spec("voila") is None:
            raise EngineError(
                "Voila is not installed.", "The package 'voila', 0.5.", "Install it: pip install 'voila>=0.5.8,<0.6'"
            )
        self.port = _free_port(self.port)
        self._folder = Path(tempfile.mkdtemp(prefix="workbench-dashboard-"))
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._process is not None:
            _end(self._process)
            self._process = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def wait(self) -> None:
        """Wait until somebody interrupts this process, or asks it to end.

        Raises:
            EngineError: when the server ends by itself.
        """
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)  # else it would stay, with its kernels
        try:
            if self._process is not None and self._process.wait():
                raise self._ended(self._process)
        except KeyboardInterrupt:
            return

    @property
    def log(self) -> Path:
        """What it has written; gone with it."""
        return self._folder / "server.log"

    def _start(self) -> None:
        storage.put_json(self._folder / "voila.json", self.configuration)
        variables = environment(
            WORKBENCH_HOME=str(self.workspace),
            JUPYTER_CONFIG_DIR=str(self._folder),
            JUPYTER_PATH=str(_TEMPLATES),
            **{DASHBOARD_LANG: self.lang},
        )
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=variables,
                cwd=self._folder,
                start_new_session=True,  # Ctrl-C reaches this process, which ends that one and its kernels
            )
        self._await_start(self._process)

    def _await_start(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise self._ended(process)
            try:
                if httpx.get(f"{self.address}/voila/static/voila.js", timeout=2, trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(_POLL_S)
        raise EngineError(
            f"The server of the dashboards did not answer within {START_S:.0f} s.",
            "A server that answers.",
            "Try again on a machine that has less to do.",
        )

    def _ended(self, process: subprocess.Popen[bytes]) -> EngineError:
        said = self.log.read_text("utf-8", "replace").strip()[-_SAID:]
        return EngineError(
            f"The server of the dashboards ended with status {process.returncode}. Its last words: {said or 'none'}",
            "A server that goes on.",
            "Start it again; `workbench doctor` shows what is installed.",
        )


def _free_port(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConflictError(
                f"Port {port} cannot be listened at: {error.strerror}.",
                "A free port above 1023, or 0 for any free one.",
                "Choose another port with --port, or end what listens there.",
                port=port,
            ) from error
        found: int = probe.getsockname()[1]
        return found


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server and every kernel it started: they only read, so there is nothing that they could lose."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    process.send_signal(signal.SIGTERM)
    for kernel in family:
        with suppress(psutil.NoSuchProcess):
            kernel.kill()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    psutil.wait_procs(family, timeout=END_S)
