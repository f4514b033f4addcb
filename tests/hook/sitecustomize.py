"""Put on PYTHONPATH, this makes every Python process of a command write down whom it talks to.

One JSON line per attempt in the file that WORKBENCH_TEST_CONNECTIONS names: ``{"pid", "event", "host"}``.
"""

import json
import os
import sys

_LOG = os.environ.get("WORKBENCH_TEST_CONNECTIONS")
_EVENTS = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}


def _host(event: str, arguments: tuple) -> object:
    if event in {"socket.connect", "socket.sendto"}:
        address = arguments[1]
        return address[0] if isinstance(address, tuple) else None  # a Unix socket has a path, not a host
    return arguments[0]


def _hook(event: str, arguments: tuple) -> None:
    if event not in _EVENTS:
        return
    host = _host(event, arguments)
    if host is None:
        return
    line = json.dumps({"pid": os.getpid(), "event": event, "host": str(host)})
    descriptor = os.open(_LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)


if _LOG:
    sys.addaudithook(_hook)
