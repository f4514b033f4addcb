"""From a request to a recorded, queued run.

What lives here: the order of the steps: file it, lock the code, record, queue. What does not: what a run is made of
(``starting``), and launching it (``runs.supervision``).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypedDict

from workbench.errors import ConflictError
from workbench.projects import DEFAULT, Projects
from workbench.runs.ledger import Ledger
from workbench.runs.lock import take_lock
from workbench.runs.model import Policy, RunKind, RunSpec, RunState, new_run_id
from workbench.runs.notebook.parameters import check_notebook
from workbench.runs.run import Run
from workbench.runs.supervision.dispatcher import Dispatcher

_KEPT = ("parameters", "config", "seed", "dataset", "model", "source", "project", "name", "tags", "note", "policy")


class Filing(TypedDict, total=False):
    """Under what a run is filed, and how hard it is tried.

    Attributes:
        project: an existing project; left out, ``default``.
        session: a session's name; left out, the day.
        name: what to call the run.
        tags: words to find it by.
        note: free text.
        policy: retries, deadlines and priority; left out, the config's, or the defaults.
    """

    project: str
    session: str | None
    name: str
    tags: tuple[str, ...]
    note: str
    policy: Policy


class Submission:
    """Records runs and queues them.

    Args:
        projects: under which runs are filed.
        ledger: where they are recorded.
        dispatcher: starts them.
    """

    def __init__(self, projects: Projects, ledger: Ledger, dispatcher: Dispatcher) -> None:
        self._projects, self._ledger, self._dispatcher = projects, ledger, dispatcher

    def start(self, kind: RunKind, notebook: str, *, content: bytes = b"", **fields: Any) -> Run:
        """Record a run and queue it; it begins when its slot is free.

        Args:
            kind: what it is.
            notebook: the job notebook's name.
            content: the notebook itself, when it is not one of the workbench's own.
            fields: of ``RunSpec`` and ``Filing``.

        Raises:
            EngineError: when it could not be started; it is then recorded as failed.
        """
        project = self._projects.ensure(fields.pop("project", DEFAULT))
        session = self._projects.open_session(project, fields.pop("session", None))
        lock, diff = take_lock()
        spec = RunSpec(
            id=new_run_id(kind if notebook == kind else notebook),
            kind=kind,
            notebook=notebook,
            project=project,
            session=session,
            lock=lock,
            **fields,
        )
        self._ledger.record(spec, diff, content)
        try:
            self._dispatcher.submit(self._ledger, spec.id)
        except BaseException as error:  # also Ctrl-C: a run that nobody starts must not wait for ever
            standing = self._ledger.standing(spec.id)
            with suppress(ConflictError):  # it begins at this very moment
                if standing.state is RunState.QUEUED:
                    reason = f"It was not started: {str(error) or 'interrupted'}"
                    self._ledger.move(spec.id, RunState.FAILED, "ledger", since=standing, reason=reason)
                    self._dispatcher.queue.remove(spec.id)
            raise
        return Run(self._ledger, self._dispatcher, spec.id)

    def restart(self, run: Run) -> Run:
        """Record a new run with the spec of an old one, and queue it."""
        old = run.spec
        content = run.paths.notebook.read_bytes() if run.paths.notebook.is_file() else b""
        return self.start(old.kind, old.notebook, content=content, **{key: getattr(old, key) for key in _KEPT})

    def notebook(self, path: Path, parameters: Mapping[str, Any], **filing: Any) -> Run:
        """Record a run of a person's own notebook, as it is now, and queue it.

        Args:
            path: the notebook.
            parameters: values for its ``parameters`` cell.
            filing: see ``Filing``.

        Raises:
            ParameterError: when it is no notebook, or does not take the parameters.
            EngineError: when it could not be started; it is then recorded as failed.
        """
        values = check_notebook(path, parameters)
        policy = filing.pop("policy", Policy(attempts=1))  # nobody knows what its cells do twice
        name = _slug(path.stem)
        return self.start("notebook", name, content=path.read_bytes(), parameters=values, policy=policy, **filing)


def _slug(stem: str) -> str:
    """Return a part of a run's id: letters, digits and hyphens of the notebook's name."""
    words = "".join(letter if letter.isalnum() else " " for letter in stem.lower()).split()
    return "-".join(words)[:32].strip("-") or "notebook"
