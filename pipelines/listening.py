"""The server's socket.

What lives here: binding it on this machine's own address. What does not: serving (``serve``).
"""

from __future__ import annotations

import socket


def bind(port: int | None) -> socket.socket:
    """Return a listening socket on 127.0.0.1, on ``port`` if it is free, else on any free port.

    It listens already: whoever connects waits until the server accepts.
    """
    for wanted in (port, 0) if port else (0,):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", wanted or 0))
        except OSError:
            listener.close()
            if not wanted:
                raise
        else:
            listener.listen(128)
            return listener
    raise OSError("no free port")  # pragma: no cover - port 0 binds or raises above
