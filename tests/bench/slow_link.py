"""A link that is as slow as one to a far data centre: ``python -m tests.bench.slow_link PORT --round-trip-ms 30``.

What lives here: a proxy of TCP in a process of its own, which hands on every piece after half a round trip and counts
bytes. It waits in the event loop's timer, so it costs hardly any CPU.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Counts:
    """Connections that were opened, and bytes that came from the server and went to it."""

    connections: int = 0
    down: int = 0
    up: int = 0


class End(asyncio.Protocol):
    """One end of a connection: what it receives, its peer sends half a round trip later.

    Args:
        delay_s: half a round trip.
        counts: what went through.
        side: ``down`` for what the server sends, ``up`` for what the client sends.
    """

    def __init__(self, delay_s: float, counts: Counts, side: str) -> None:
        self._delay, self._counts, self._side = delay_s, counts, side
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._early: list[bytes] = []
        self.peer: End | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        for data in self._early:
            transport.write(data)

    def data_received(self, data: bytes) -> None:
        setattr(self._counts, self._side, getattr(self._counts, self._side) + len(data))
        self._loop.call_later(self._delay, self._hand_on, data)

    def connection_lost(self, error: Exception | None) -> None:
        self._loop.call_later(self._delay, self._hang_up)

    def send(self, data: bytes) -> None:
        """Send, or keep until there is a connection."""
        if self._transport is None:
            self._early.append(data)
        elif not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """End this side."""
        if self._transport is not None:
            self._transport.close()

    def _hand_on(self, data: bytes) -> None:
        if self.peer is not None:
            self.peer.send(data)

    def _hang_up(self) -> None:
        if self.peer is not None:
            self.peer.close()


async def run(port: int, delay_s: float, report: Path) -> None:
    """Listen on a free port, write it to ``report``, and write the counts there whenever they changed."""
    loop, counts = asyncio.get_running_loop(), Counts()
    dialling = set[asyncio.Task[Any]]()

    def accept() -> End:
        client, server = End(delay_s, counts, "up"), End(delay_s, counts, "down")
        client.peer, server.peer = server, client
        counts.connections += 1
        task = loop.create_task(loop.create_connection(lambda: server, "127.0.0.1", port))
        dialling.add(task)
        task.add_done_callback(dialling.discard)
        return client

    listening = await loop.create_server(accept, "127.0.0.1", 0, backlog=512)
    own = listening.sockets[0].getsockname()[1]
    while True:
        draft = report.with_suffix(".new")
        draft.write_text(json.dumps({"port": own, **vars(counts)}), "utf-8")
        draft.replace(report)
        await asyncio.sleep(0.2)


@dataclass(frozen=True)
class Link:
    """A slow link: the port that leads to the server, and the file with its counts."""

    port: int
    report: Path

    def counts(self) -> Counts:
        """Return what went through until now."""
        time.sleep(0.5)  # it writes them every 0.2 s
        said = json.loads(self.report.read_text("utf-8"))
        return Counts(said["connections"], said["down"], said["up"])


@contextmanager
def slow_link(port: int, folder: Path, round_trip_s: float = 0.03) -> Iterator[Link]:
    """Give a slow link to a port of this machine."""
    report = folder / f"link-{port}.json"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.bench.slow_link", str(port), "--report", str(report)]
    child = subprocess.Popen([*command, "--round-trip-ms", str(round_trip_s * 1000)])
    try:
        deadline = time.monotonic() + 20
        while not report.exists():
            if child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the slow link does not come up")
            time.sleep(0.05)
        yield Link(json.loads(report.read_text("utf-8"))["port"], report)
    finally:
        child.kill()
        child.wait(10)


async def measure(port: int, connections: int, seconds: float, size: int) -> tuple[float, float]:
    """Ask an answering server over ``connections`` at once; return answers a second, and MB a second."""
    answers = 0
    end = time.monotonic() + seconds

    async def ask() -> None:
        nonlocal answers
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.monotonic() < end:
            writer.write(size.to_bytes(8, "little"))
            await reader.readexactly(size)
            answers += 1
        writer.close()

    began = time.monotonic()
    await asyncio.gather(*(ask() for _ in range(connections)))
    took = time.monotonic() - began
    return answers / took, answers * size / took / 1e6


async def throughput(folder: Path, round_trip_s: float) -> dict[str, float]:
    """Return what the link itself can do: small answers a second over 64 connections, and MB a second over 4."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.read(8):
            writer.write(bytes(int.from_bytes(head, "little")))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    link = slow_link(port, folder, round_trip_s)
    found = await asyncio.to_thread(link.__enter__)
    try:
        small, _ = await measure(found.port, 64, 3.0, 3500)
        _, big = await measure(found.port, 4, 3.0, 8 << 20)
    finally:
        await asyncio.to_thread(link.__exit__, None, None, None)
        server.close()
    return {"answers_per_s": small, "mb_per_s": big}


def main() -> None:
    """Be the link."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--round-trip-ms", type=float, default=30.0)
    parser.add_argument("--report", type=Path, required=True)
    asked = parser.parse_args()
    asyncio.run(run(asked.port, asked.round_trip_ms / 2000, asked.report))


if __name__ == "__main__":
    main()
