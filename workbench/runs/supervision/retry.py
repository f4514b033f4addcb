"""How an attempt is closed, and whether another one follows.

What lives here: the policy at work. What does not: noticing that an attempt ended (``execute``, ``supervise``).
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import Any

from workbench.errors import ConflictError
from workbench.runs.ledger import Ledger
from workbench.runs.model import Policy, RunState
from workbench.runs.standing import Standing
from workbench.runs.stop import read_stop

_JITTER = 0.25
_TRIES = 3
# They come from the notebook's own code, and come again however often it is tried.
_FOR_EVER = frozenset(
    {"SyntaxError", "IndentationError", "NameError", "ImportError", "ModuleNotFoundError", "SystemExit"}
)


@dataclass(frozen=True)
class End:
    """How an attempt ended.

    Attributes:
        state: what became of it.
        reason: in a sentence.
        error: the error as JSON-able data.
        again: whether trying once more may help.
        counts: whether it counts as one of the policy's attempts; an interruption from outside does not.
    """

    state: RunState
    reason: str
    error: dict[str, Any] = field(default_factory=dict)
    again: bool = True
    counts: bool = True


def may_help(error: dict[str, Any]) -> bool:
    """Return whether another attempt may end better than one that ended with ``error``."""
    return not error.get("refused") and error.get("error_name") not in _FOR_EVER


def delay_s(policy: Policy, failures: int) -> float:
    """Return how long to wait after the ``failures``-th failure (>= 1), in seconds.

    Exponential backoff with jitter, so that runs that failed together do not come back together.
    """
    delay = min(policy.first_delay_s * policy.factor ** min(failures - 1, 64), policy.max_delay_s)
    return float(delay * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311  no secret depends on it


def close_attempt(ledger: Ledger, run_id: str, end: End, by: str, since: Standing | None = None) -> None:
    """Write how an attempt ended: its end, or that the run is queued again.

    Args:
        ledger: where the run is recorded.
        run_id: the run.
        end: how the attempt ended, as far as its process can tell.
        by: who writes.
        since: where the run stood when that was found; when somebody has moved it meanwhile, nothing is written. Left
            out by whoever holds the lease: only a wish to cancel can come in between, and is then heeded.
    """
    for _ in range(_TRIES):
        standing = since or ledger.standing(run_id)
        state, fields = _decide(ledger, run_id, end, standing)
        try:
            ledger.move(run_id, state, by, since=standing, **fields)
        except ConflictError:
            if since or ledger.state(run_id).ended:
                return
        else:
            return


def _decide(ledger: Ledger, run_id: str, end: End, standing: Standing) -> tuple[RunState, dict[str, Any]]:
    end = _as_wished(ledger, run_id, end, standing)
    policy = ledger.policy(run_id)
    failures = standing.failures + end.counts
    fields: dict[str, Any] = {"reason": end.reason, **({"error": end.error} if end.error else {})}
    if end.state is RunState.CANCELLED or not end.again or failures >= policy.attempts:
        return end.state, fields
    wait_s = delay_s(policy, failures) if end.counts else 0.0
    words = f"Attempt {failures + 1} of {policy.attempts} follows" if end.counts else "It goes on"
    reason = f"{end.reason.rstrip('.')}. {words} in {wait_s:.0f} s."
    due_at = round(time.time() + wait_s, 3)
    return RunState.QUEUED, {
        **fields,
        "reason": reason,
        "after": end.state.value,
        "counts": end.counts,
        "due_at": due_at,
    }


def _as_wished(ledger: Ledger, run_id: str, end: End, since: Standing) -> End:
    """Return the end that was asked for, when one was."""
    if since.state is RunState.QUEUED:  # a wish that still lies there was meant for the attempt before
        return end
    if since.state is RunState.CANCELLING:
        return End(RunState.CANCELLED, since.reason or end.reason)
    stop = read_stop(ledger.paths.run(run_id).stop)
    if stop is not None and stop.why == "cancel":
        return End(RunState.CANCELLED, stop.reason)
    # An attempt that heeds a wish ends cancelled, whatever the wish was for; one that a person ended stays so.
    if stop is None or stop.why == "interrupt" or (end.state is RunState.CANCELLED and not end.error.get("stopped")):
        return end
    if stop.why == "timeout":
        return End(RunState.FAILED, stop.reason, again=False)
    return End(RunState.CRASHED, stop.reason)
