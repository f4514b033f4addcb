"""Serve one model: ``python -m workbench.serving FOLDER --port 0 --ready-file PATH``.

What lives here: arguments, the socket, signals and the ready file. What does not: the app (``app``).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import cv2
import uvicorn

from workbench.errors import ConflictError, WorkbenchError, storage_error
from workbench.serving.app import Limits, create_app
from workbench.serving.decode import ImageLimits
from workbench.serving.model import load_model

BACKLOG = 1024
GRACE_S = 8
CGROUP_CPU = Path("/sys/fs/cgroup/cpu.max")


class _Server(uvicorn.Server):
    """Writes the ready file once it listens."""

    def __init__(self, config: uvicorn.Config, ready: Path | None, payload: dict[str, object]) -> None:
        super().__init__(config)
        self._ready, self._payload = ready, payload

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._ready is not None:
            _write_atomically(self._ready, json.dumps(self._payload))


def cores() -> int:
    """Return how many cores this process may use: its affinity and its container's quota."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = CGROUP_CPU.read_text(encoding="ascii").split()
        return max(1, min(usable, int(quota) // int(period)))
    except (OSError, ValueError):
        # No such file, or "max": no quota
        return usable


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT and return the exit status: 0 stopped, 1 failed, 2 the request was wrong."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    try:
        _serve(options)
    except WorkbenchError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    return 0


def _serve(options: argparse.Namespace) -> None:
    folder = options.folder.absolute()
    name = options.name or folder.name
    with _bind(options.host, options.port) as listener:
        # Each request has a thread of its own already: OpenCV's pool would only compete with it
        cv2.setNumThreads(1)
        model = load_model(folder)
        model.warm_up()
        image = ImageLimits(options.max_bytes, options.max_pixels)
        app = create_app({name: model}, Limits(threads=options.threads, queue=options.queue, image=image))
        config = uvicorn.Config(
            app, log_level="info", access_log=False, timeout_graceful_shutdown=GRACE_S, server_header=False
        )
        port = listener.getsockname()[1]
        payload = {"pid": os.getpid(), "port": port, "url": _url(options.host, port), "model": name}
        _Server(config, options.ready_file, payload).run(sockets=[listener])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workbench.serving", description="Serve one exported model.")
    parser.add_argument("folder", type=Path, help="the export's folder: model.json and the model file")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=0, help="port to listen at; 0 takes a free one (default)")
    parser.add_argument("--name", help="name in the URL (default: the folder's name)")
    parser.add_argument("--ready-file", type=Path, help="file to write once requests are answered: JSON pid, port, url")
    parser.add_argument("--threads", type=_positive, default=cores(), help="images at a time (default: %(default)s)")
    parser.add_argument("--queue", type=_positive, default=Limits.queue, help="requests that may wait")
    parser.add_argument("--max-bytes", type=_positive, default=ImageLimits.bytes_max, help="most bytes of an image")
    parser.add_argument("--max-pixels", type=_positive, default=ImageLimits.pixels_max, help="most pixels of an image")
    return parser


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"'{text}' is not a port from 0 to 65535")
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a positive integer")
    return number


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # asyncio turns Nagle's delay (40 ms an answer) off only for sockets that name their protocol
        listener = socket.socket(family, kind, socket.IPPROTO_TCP)
        with ExitStack() as undo:
            undo.callback(listener.close)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
            undo.pop_all()
    except OSError as error:
        raise ConflictError(
            f"{host}:{port} cannot be listened at: {error.strerror or error}.",
            "An address of this machine and a free port above 1023.",
            "Choose another port, or 0 for any free one.",
            host=host,
            port=port,
        ) from error
    return listener


def _url(host: str, port: int) -> str:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (compared, not bound)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def _write_atomically(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise storage_error(error, path) from error


def _leave(*_: object) -> NoReturn:
    # uvicorn finishes what is in flight and then raises the signal again, which would end the process by it
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
