"""A shared server as a team would have it: Postgres, ``prefect server start`` and plain Prefect workers.

What lives here: starting them apart from anything else on this machine, and ending them. What does not: what is done
with them (``test_bigger``). README names the same commands.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
import psycopg

from pipelines import engine
from tests.faults.stage import LIGHT, POLICY, ROOT, Failed, Light, until
from workbench.processes import kill, members
from workbench.runs.run import Run
from workbench.settings import Settings
from workbench.workspace import Workspace

POOL = "workbench"
START_S = 60.0
_HOME = "WORKBENCH_ENGINE_HOME"  # every process of a stage inherits it: this is what they are found by


class Postgres:
    """A cluster of its own, made and started by Debian's programs, that only this machine can reach.

    Postgres refuses to run as root: then it runs as the user that Debian's package makes for it.

    Raises:
        Failed: when it is not installed or does not start.
    """

    def __init__(self) -> None:
        self._user: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []}
        if os.geteuid() != 0:
            self._user = {}
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))  # the path of a socket is short: not pytest's folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *databases: str) -> None:
        """Make the cluster, start it, and make ``databases``."""
        if self._user:
            shutil.chown(self.folder, "postgres", "postgres")
        data = str(self.folder / "data")
        self._run("initdb", "-D", data, "-U", "workbench", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        options = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.folder}
        options |= {"fsync": "off", "max_connections": 300}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            command = [_program("postgres"), "-D", data, *settings]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **self._user)
        until(self._answers, START_S, "Postgres")
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            for name in databases:
                connection.execute(f"CREATE DATABASE {name}".encode())

    def url(self, database: str, driver: str = "postgresql") -> str:
        """Return the address of a database."""
        return f"{driver}://workbench@127.0.0.1:{self.port}/{database}"

    def rows(self, database: str, query: str) -> list[tuple[Any, ...]]:
        """Return what a query finds."""
        with psycopg.connect(self.url(database)) as connection:
            return connection.execute(query.encode()).fetchall()

    def close(self) -> None:
        """End it and remove its folder."""
        if self.process is not None:
            _end(self.process, signal.SIGINT)  # Postgres' fast shutdown
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [_program(program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, check=False, **self._user)
        if done.returncode:
            raise Failed(f"{program} ended with {done.returncode}: {done.stderr[-500:]}")

    def _answers(self) -> bool:
        with suppress(psycopg.OperationalError), psycopg.connect(self.url("postgres"), connect_timeout=1):
            return True
        return False


class Shared:
    """A workspace whose runs are executed by the workers of a shared server; all of it is ended on leaving.

    Args:
        folder: for logs, the workspace and the watcher's files.
        at_once: how many runs the work pool executes at once.

    Attributes:
        postgres: holds Prefect's tables in the database ``prefect``, and the workbench's in ``workbench``.
        url: the server's REST API.
        server: its process.
    """

    def __init__(self, folder: Path, at_once: int = 4) -> None:
        self.folder = folder
        self.postgres = Postgres()
        self.url = f"http://127.0.0.1:{free_port()}/api"
        self.server: psutil.Process | None = None
        self._at_once = at_once
        self._temporary = folder / "tmp"  # a worker that is killed leaves its jobs' folders there
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self._temporary.mkdir(parents=True)
        try:
            self.postgres.start("prefect", "workbench")
            self.start_server()
            with httpx.Client(base_url=self.url) as client:
                body = {"name": POOL, "type": "process", "concurrency_limit": self._at_once}
                client.post("/work_pools/", json=body).raise_for_status()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @property
    def variables(self) -> dict[str, str]:
        """What whoever uses the shared server has in the environment; their workers have the same."""
        return {
            "PREFECT_API_URL": self.url,
            "DATABASE_URL": self.postgres.url("workbench"),
            "WORKBENCH_HOME": str(self.folder / "workspace"),
            _HOME: str(self.folder / "engine"),
            "PYTHONPATH": str(ROOT),
        }

    @property
    def settings(self) -> Settings:
        """The settings that follow from ``variables``."""
        return Settings(**{name.lower(): text for name, text in self.variables.items() if name != "PYTHONPATH"})

    def open(self) -> Workspace:
        """Open the workspace in this process, whose environment must hold ``variables``."""
        return Workspace(self.folder / "workspace", settings=self.settings)

    def light(self, workspace: Workspace, size: Light) -> Run:
        """Start a light run."""
        return workspace.notebook(LIGHT, vars(size), policy=POLICY)

    def start_server(self) -> None:
        """Start the Prefect server and wait until it answers."""
        database = self.postgres.url("prefect", "postgresql+asyncpg")
        port = str(httpx.URL(self.url).port)
        self.server = self._spawn(
            "server", {"PREFECT_SERVER_DATABASE_CONNECTION_URL": database}, "server", "start", "--no-ui", "--port", port
        )
        until(self.answers, START_S, "the Prefect server")

    def start_worker(self, name: str, limit: int) -> psutil.Process:
        """Start a worker that executes ``limit`` runs at once, and return its process at once."""
        # Every 10 s, as Prefect has it, would be most of what twenty short runs take.
        often = {"PREFECT_WORKER_QUERY_SECONDS": "1"}
        return self._spawn(name, often, "worker", "start", "--pool", POOL, "--name", name, "--limit", str(limit))

    def answers(self) -> bool:
        """Return whether the Prefect server answers."""
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/health", timeout=2.0).status_code == httpx.codes.OK
        return False

    def left(self) -> list[psutil.Process]:
        """Return every living process that was started from here, by whomever."""
        return [process for process in members({_HOME: self.variables[_HOME]}) if process.pid != os.getpid()]

    def close(self) -> None:
        """End everything."""
        try:
            engine.stop(self.settings, grace_s=1.0, cancel=False)  # the watcher; it would start again what ends here
        finally:
            for process in reversed(self._started):
                kill([psutil.Process(process.pid)] if process.poll() is None else [])
                process.wait()
            kill(self.left())
            self.postgres.close()

    def _spawn(self, name: str, more: Mapping[str, str], *command: str) -> psutil.Process:
        quiet = {"DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
        kept = {key: text for key, text in os.environ.items() if not key.startswith("PREFECT")}
        own = {"PREFECT_HOME": str(self.folder / "prefect"), "TMPDIR": str(self._temporary)}
        variables = {**kept, **self.variables, **quiet, **own, **more}
        program = [sys.executable, "-m", "prefect", *command]
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                program, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=variables, start_new_session=True
            )
        self._started.append(process)
        return psutil.Process(process.pid)


def free_port() -> int:
    """Return a port of the loopback that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _program(name: str) -> str:
    """Return the path of a program of the newest installed Postgres, which Debian keeps off PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[4]))
    if not found:
        raise Failed(f"Postgres' {name} is not installed: `make system`")
    return str(found[-1])


def _end(process: subprocess.Popen[bytes], number: signal.Signals, limit_s: float = 10.0) -> None:
    process.send_signal(number)
    try:
        process.wait(limit_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
