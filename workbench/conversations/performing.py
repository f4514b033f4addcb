"""Carrying out a card that a person has confirmed.

What lives here: from an action to what the workspace does for it. What does not: whether it was confirmed
(``chat.conversation``), and the work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from workbench.config.schema import TrainingConfig
from workbench.conversations import showing
from workbench.errors import RequestError
from workbench.exports.formats import find_format
from workbench.runs.model import RunState

if TYPE_CHECKING:
    from workbench.workspace import Workspace

_FORMAT: Final = "onnx"
DEPLOYMENTS: Final = ("endpoint",)  # the kinds that are made here
STARTS: Final = frozenset({"start", "restart", "resume", "export"})  # what begins a run, which the engine executes


@dataclass(frozen=True)
class Order:
    """What was confirmed.

    Attributes:
        what: what stands on the card: ``config``, ``run``, ``formats``, ``deployment``, ``export``.
        project: under which new runs are filed.
        session: the id of the session that said it.
    """

    what: Mapping[str, Any]
    project: str
    session: str

    @property
    def run(self) -> str:
        """The run that it is about.

        Raises:
            RequestError: when the card names none.
        """
        if not self.what.get("run"):
            raise showing.problem(RequestError, "card_without_run", "en")
        return str(self.what["run"])

    @property
    def filing(self) -> dict[str, Any]:
        """Where a new run belongs."""
        return {"project": self.project, "session": self.session}


def carry_out(workspace: Workspace, action: str, order: Order) -> dict[str, Any]:
    """Do what a card says and return what came of it: ``{"run", "state"}``, of a deployment its name and address.

    Raises:
        WorkbenchError: whatever the workspace refuses.
        RequestError: when nobody knows how to do it.
    """
    if action not in _ACTIONS:
        raise showing.problem(RequestError, "unknown_action", "en", action=action, known=", ".join(_ACTIONS))
    return _ACTIONS[action](workspace, order)


def going(workspace: Workspace, session: str) -> dict[str, str]:
    """Return the runs of a session that have not ended, with their states, oldest first."""
    rows = reversed(workspace.ledger.rows())
    return {row.id: row.state for row in rows if row.session == session and not RunState(row.state).ended}


def came_of(runs: Mapping[str, str]) -> dict[str, Any]:
    """Return what came of a card that was interrupted after it had begun these runs; they go on."""
    run, state = next(iter(runs.items()))
    return {"run": run, "state": state, **({"runs": list(runs)} if len(runs) > 1 else {})}


def _start(workspace: Workspace, order: Order) -> dict[str, Any]:
    config = TrainingConfig.model_validate(order.what["config"])
    return _came_of(workspace, workspace.train(config, **order.filing).id)


def _stop(workspace: Workspace, order: Order) -> dict[str, Any]:
    run = workspace.run(order.run)
    run.cancel("Somebody asked for it in a conversation.")
    return _came_of(workspace, run.id)


def _resume(workspace: Workspace, order: Order) -> dict[str, Any]:
    run = workspace.run(order.run)
    run.resume()
    return _came_of(workspace, run.id)


def _restart(workspace: Workspace, order: Order) -> dict[str, Any]:
    return _came_of(workspace, workspace.restart(workspace.run(order.run)).id)


def _export(workspace: Workspace, order: Order) -> dict[str, Any]:
    # All are looked up before any is started: half an order is none
    formats = [find_format(name).name for name in order.what.get("formats") or (_FORMAT,)]
    made = [workspace.export(workspace.run(order.run), name, **order.filing).id for name in formats]
    return {**_came_of(workspace, made[0]), "runs": made}


def _deploy(workspace: Workspace, order: Order) -> dict[str, Any]:
    kind = order.what.get("deployment")
    if kind is not None and kind not in DEPLOYMENTS:
        raise showing.problem(RequestError, "no_such_deployment", "en", deployment=kind)
    endpoint = asdict(workspace.deploy(str(order.what.get("export") or order.run)))
    return {key: endpoint[key] for key in ("name", "url", "port")}


def _came_of(workspace: Workspace, run_id: str) -> dict[str, Any]:
    return {"run": run_id, "state": workspace.ledger.state(run_id).value}


_ACTIONS: Final[Mapping[str, Callable[[Workspace, Order], dict[str, Any]]]] = {
    "start": _start,
    "stop": _stop,
    "resume": _resume,
    "restart": _restart,
    "export": _export,
    "deploy": _deploy,
}
