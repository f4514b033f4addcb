"""Where a run stands: what the ledger's lines of it add up to.

What lives here: the fold. What does not: reading and writing the lines (``ledger``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from workbench.runs.model import NEXT, RunState


@dataclass(frozen=True)
class Standing:
    """Where a run stands.

    Attributes:
        state: its state.
        reason: why, where somebody said so.
        since: when it came to stand there, in unix seconds.
        attempt: the number of the attempt that goes on, or was the last; 0 before the first.
        failures: attempts that ended badly since somebody last queued the run by hand.
        used_s: how long the attempts before this one took together, in seconds; sleep of the machine is not counted.
        due_at: not to be started before, in unix seconds; 0 for at once.
        launch: the number of the last launch; 0 before the first.
        launch_id: what the launcher calls that launch; None while the run waits to be launched.
        launched_at: when it was launched, in unix seconds; 0 while the run waits to be launched.
        changes: parameters that were changed when the run was resumed.
        policy: of the policy, what was changed then.
        monotonic: when it came to stand there, on the machine's monotonic clock.
        boot: the boot of the machine that this clock belongs to; empty when nobody said so.
    """

    state: RunState = RunState.QUEUED
    reason: str = ""
    since: float = 0.0
    attempt: int = 0
    failures: int = 0
    used_s: float = 0.0
    due_at: float = 0.0
    launch: int = 0
    launch_id: str | None = None
    launched_at: float = 0.0
    changes: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)
    monotonic: float = 0.0
    boot: str = ""

    def seconds_until(self, at: float, monotonic: float, boot: str) -> float:
        """Return how long the run has stood there, in seconds, at a moment that three clocks tell.

        Of one boot, the monotonic clock counts: it stands still while the machine sleeps, and nobody sets it.
        """
        return max(monotonic - self.monotonic if boot and boot == self.boot else at - self.since, 0.0)

    @property
    def waits(self) -> bool:
        """Whether somebody must launch the run before anything happens."""
        return self.state is RunState.QUEUED and self.launch_id is None


def fold(events: Iterable[Mapping[str, Any]]) -> Standing:
    """Return where a run stands after ``events``, oldest first.

    A step that ``NEXT`` does not allow is passed over: of two ends, the first stands.
    """
    standing = Standing()
    for event in events:
        if event["kind"] == "launch":
            standing = _launch(standing, event)
        elif event["kind"] == "state":
            standing = _step(standing, event)
    return standing


def _launch(standing: Standing, event: Mapping[str, Any]) -> Standing:
    number = int(event["number"])
    if number <= standing.launch and standing.state is RunState.QUEUED:
        return standing  # noted late: its attempt has come and gone, and the run waits for another launch
    return replace(standing, launch=number, launch_id=str(event["launch"]), launched_at=float(event["at"]))


def _step(standing: Standing, event: Mapping[str, Any]) -> Standing:
    following = RunState(event["state"])
    if following not in NEXT[standing.state]:
        return standing
    queued = following is RunState.QUEUED
    failed = queued and "after" in event and event.get("counts", True)
    by_hand = queued and "after" not in event
    went = standing.state in {RunState.RUNNING, RunState.CANCELLING} and standing.attempt > 0
    at, monotonic, boot = float(event["at"]), float(event.get("monotonic", 0.0)), str(event.get("boot", ""))
    used_s = standing.seconds_until(at, monotonic, boot) if went else 0.0
    return replace(
        standing,
        state=following,
        reason=str(event.get("reason", "")),
        since=at,
        monotonic=monotonic,
        boot=boot,
        attempt=int(event.get("attempt", standing.attempt)),
        failures=0 if by_hand else standing.failures + failed,
        used_s=0.0 if by_hand else standing.used_s + used_s,
        due_at=float(event.get("due_at", 0.0)),
        launch=max(standing.launch, int(event.get("launch", 0))),
        launch_id=None if queued else standing.launch_id,
        launched_at=0.0 if queued else standing.launched_at,
        changes={**standing.changes, **event.get("changes", {})},
        policy={**standing.policy, **event.get("policy", {})},
    )
