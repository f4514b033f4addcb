"""Garbage that waits for a lock must not keep from going on whoever holds the lock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

_BUSY_S = 3.0
# What happens in the server within one request or two: a connection waits, in its thread, for a transaction of this
# thread; a cursor of it is garbage in a cycle; and this thread makes enough objects for the collector to look.
_REQUESTS = f"""
import sqlite3, sys, threading, time
from pipelines import garbage

if "apart" in sys.argv:
    garbage.collect_apart()
holding, waiting = (sqlite3.connect(sys.argv[1], timeout={_BUSY_S}, check_same_thread=False) for _ in range(2))
holding.execute("create table t (x)")
holding.isolation_level = waiting.isolation_level = None
holding.execute("begin immediate")
cycle = [waiting.execute("select 1 union select 2")]
cycle.append(cycle)
thread = threading.Thread(target=waiting.execute, args=("begin immediate",))
thread.start()
time.sleep(0.2)  # it has the connection's mutex, and tries again and again to get the lock
del cycle
began = time.monotonic()
kept = [[index] for index in range(1_000_000)]
holding.execute("commit")
print(time.monotonic() - began)
thread.join()
"""


def _waited_s(folder: Path, *how: str) -> float:
    command = [sys.executable, "-c", _REQUESTS, str(folder / "one.db"), *how]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return float(done.stdout)


def test_a_transaction_ends_while_garbage_waits_for_it(tmp_path: Path) -> None:
    assert _waited_s(tmp_path, "apart") < _BUSY_S / 2


def test_in_the_thread_of_the_transaction_it_would_not(tmp_path: Path) -> None:
    """The trap is real on this Python: without it, the module could go."""
    assert _waited_s(tmp_path) > _BUSY_S / 2
