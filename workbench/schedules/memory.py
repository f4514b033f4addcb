"""A scheduler that wakes nothing by itself.

What lives here: the memory twin of the real scheduler, for tests. What does not: time.
"""

from __future__ import annotations

from pathlib import Path

from workbench.schedules.scheduler import Entry, Watch


class MemoryScheduler:
    """Keeps entries in memory.

    Attributes:
        entries: what it was given, by workspace and name.
        alive: what ``watch`` says of it.
        boots: what ``watch`` says of the next start of the machine.
    """

    def __init__(self) -> None:
        self.entries: dict[tuple[Path, str], Entry] = {}
        self.alive, self.boots = True, False

    def start(self) -> None:
        """Be alive."""
        self.alive = True

    def put(self, entry: Entry) -> None:
        """Keep it."""
        self.entries[entry.workspace, entry.name] = entry

    def remove(self, workspace: Path, name: str) -> None:
        """Forget it."""
        self.entries.pop((workspace, name), None)

    def watch(self, workspace: Path) -> Watch:
        """Say what it was told to say."""
        names = frozenset(name for folder, name in self.entries if folder == workspace)
        return Watch(self.alive, names, self.boots, "" if self.boots else "Nobody starts it with the machine.")
