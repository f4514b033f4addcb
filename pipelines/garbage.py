"""Keeping Python's garbage collector out of the thread that serves requests.

What lives here: when cyclic garbage is collected in the server's process. What does not: the server (``serve``).

Prefect's server talks to SQLite through one thread a connection. Garbage that holds a cursor of such a connection is
closed by whichever thread happens to collect it, and closing waits until the connection is free. If that thread is the
event loop's, and the connection waits for a write lock whose holder needs the event loop to go on, nothing moves until
SQLite gives up after 60 s: the server accepts connections and answers none of them.
"""

from __future__ import annotations

import gc
import threading
import time

_PAUSE_S = 0.5
_FULL = 60  # every so many pauses the oldest objects are looked at too


def collect_apart() -> None:
    """Collect this process' cyclic garbage in a thread of its own from now on: there it may wait without harm."""
    gc.disable()
    gc.freeze()  # what was imported stays for good: no need to look at it again
    threading.Thread(target=_collect, name="garbage", daemon=True).start()


def _collect() -> None:
    rounds = 0
    while True:
        time.sleep(_PAUSE_S)
        rounds += 1
        gc.collect(2 if rounds % _FULL == 0 else 1)
