"""A door before a server: open, it passes everything through; shut, the address refuses connections."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class Door:
    """Passes connections to a port of this machine on from another, while it is open.

    Args:
        port: of the server.

    Attributes:
        address: what clients are told.
    """

    def __init__(self, port: int) -> None:
        self._target, self._ends = port, set[socket.socket]()
        self._listener: socket.socket | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        self.address = f"http://127.0.0.1:{self._port}"

    def open(self) -> None:
        """Let connections through from now on."""
        self._listener = socket.create_server(("127.0.0.1", self._port))
        threading.Thread(target=self._welcome, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        """Refuse connections from now on, and cut those that are open."""
        if self._listener is not None:
            _cut(self._listener)
            self._listener = None
        for end in tuple(self._ends):
            _cut(end)
        self._ends.clear()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self.shut()

    def _welcome(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                guest, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._ends |= {guest, server}
                for pair in ((guest, server), (server, guest)):
                    threading.Thread(target=_pass, args=pair, daemon=True).start()


def _pass(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    _cut(source)
    _cut(target)


def _cut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
