"""The projects of a workspace, and their sessions.

What lives here: their JSON files and rows, the lock under which they change, and what a list and an export show of a
session's conversation. What does not: what a session may be called (``naming``).
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import select

from workbench import storage
from workbench.database import Base, Database, ProjectRow, SessionRow
from workbench.errors import ConflictError, RequestError, UnknownNameError, did_you_mean, storage_error
from workbench.paths import WorkspacePaths
from workbench.projects import naming
from workbench.runs.ledger import Ledger
from workbench.runs.model import now

DEFAULT = "default"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")


class Projects:
    """The projects of a workspace.

    Args:
        paths: where the workspace lies.
        database: the view that answers lists.
        ledger: the runs, which keep a project from being deleted.
    """

    def __init__(self, paths: WorkspacePaths, database: Database, ledger: Ledger) -> None:
        self.paths, self.database, self.ledger = paths, database, ledger

    def create(self, name: str, note: str = "") -> dict[str, Any]:
        """Make a project.

        Args:
            name: lower-case letters, digits, ``.``, ``_`` and ``-``; at most 80.
            note: free text.

        Raises:
            RequestError: when the name has other characters.
            ConflictError: when it is taken.
        """
        if not _NAME.fullmatch(name):
            raise RequestError(
                f"'{name}' is no project name.",
                "Lower-case letters, digits, '.', '_' and '-', at most 80, starting with a letter or digit.",
                "Put what else you want to say into --note.",
                name=name,
            )
        path = self.paths.project(name)
        with self._alone():
            if path.is_file():
                raise ConflictError(
                    f"Project '{name}' is there already.", "A free name.", f"See `workbench projects show {name}`."
                )
            storage.put_json(path, {"name": name, "note": note, "created_at": now()})
            self.database.put(*self.build_rows(name))
        return self.show(name)

    def ensure(self, name: str) -> str:
        """Return ``name``, making the default project when it is asked for the first time.

        Raises:
            UnknownNameError: when there is no such project.
        """
        if name == DEFAULT and not self.paths.project(name).is_file():
            with suppress(ConflictError):  # another process makes it at this very moment
                self.create(name)
        self.show(name)
        return name

    def list(self) -> list[dict[str, Any]]:
        """Return the projects, oldest first, with their number of runs."""
        with self.database.transaction() as session:
            rows = list(session.scalars(select(ProjectRow).order_by(ProjectRow.created_at)))
        return [{**row.row(), "runs": len(self.ledger.rows(project=row.name))} for row in rows]

    def show(self, name: str) -> dict[str, Any]:
        """Return one project with its sessions.

        Raises:
            UnknownNameError: when there is none of that name.
        """
        path = self.paths.project(name)
        if not path.is_file():
            known = [row["name"] for row in self.list()]
            raise UnknownNameError(
                f"No project '{name}'.",
                f"Projects: {', '.join(known) or 'none yet'}.",
                did_you_mean(name, known) or f"Make it with `workbench projects create {name}`.",
                name=name,
            )
        runs = [row.id for row in self.ledger.rows(project=name)]
        return {**storage.get_json(path), "sessions": [row["id"] for row in self.sessions(name)], "runs": runs}

    def delete(self, name: str) -> None:
        """Delete a project that no run belongs to.

        Raises:
            ConflictError: when runs belong to it.
        """
        runs = self.show(name)["runs"]
        if runs:
            raise ConflictError(
                f"Project '{name}' has {len(runs)} run{'s' if len(runs) > 1 else ''}.",
                "A project without runs.",
                "Delete its runs first: `workbench runs delete`.",
                name=name,
            )
        with self._alone():
            for session in self.sessions(name):
                self.database.delete(SessionRow, session["id"])
            storage.remove(self.paths.project(name).parent)
            self.database.delete(ProjectRow, name)

    def open_session(self, project: str, name: str | None = None) -> str:
        """Return the id of a session of ``project``, making it when it is new.

        Args:
            project: an existing project.
            name: what the user calls it, or its id; left out, the day: one sitting is one session.

        Raises:
            RequestError: when that is no name.
            ConflictError: when it is the id of a session of another project.
        """
        name = naming.plain(naming.day() if name is None else name)
        found = self._find(project, name)
        if found:
            return found
        with self._alone():
            found = self._find(project, name)  # another process may have made it meanwhile
            if found:
                return found
            rows = self.sessions()
            naming.refuse_ids(name, rows)
            session_id = naming.free_id(self.paths, project, name, rows)
            self._put_session(project, session_id, name, now())
        return session_id

    def sessions(self, project: str | None = None) -> Sequence[dict[str, Any]]:
        """Return the sessions, oldest first."""
        query = select(SessionRow).order_by(SessionRow.created_at, SessionRow.id)
        if project is not None:
            query = query.where(SessionRow.project == project)
        with self.database.transaction() as session:
            return [row.row() for row in session.scalars(query)]

    def summaries(self, project: str | None = None) -> Sequence[dict[str, Any]]:
        """Return the sessions, oldest first, each with its number of turns, what was said last, and when.

        Returns:
            ``{"id", "project", "name", "created_at", "turns", "last", "last_at"}``; a session without a conversation
            has 0 turns and empty texts.
        """
        from workbench.chat.transcript import summary  # whoever trains does not talk

        return [{**row, **summary(self._conversation(row))} for row in self.sessions(project)]

    def session(self, session_id: str | None, project: str | None = None) -> dict[str, Any]:
        """Return one session with its runs; it is never made.

        Args:
            session_id: its id or name; ``None`` is that of the day, as ``open_session`` has it.
            project: where it is looked for; left out, everywhere, and for that of the day in ``default``.

        Raises:
            UnknownNameError: when there is none of that id or name, or more than one of that name.
        """
        if session_id is None:
            session_id, project = naming.day(), project or DEFAULT
        rows = self.sessions(project)
        named = [row for row in rows if row["name"] == session_id]
        found = [row for row in rows if row["id"] == session_id] or named
        if len(found) == 1:
            return {**found[0], "runs": [run.id for run in self.ledger.rows() if run.session == found[0]["id"]]}
        known = [row["id"] for row in named or rows]
        raise UnknownNameError(
            f"{len(named) or 'No'} session{'s are' if named else ' is'} called '{session_id}'.",
            f"The id of one: {', '.join(known)}." if named else "The id or the name of a session.",
            did_you_mean(session_id, known) or "See `workbench sessions list`.",
            name=session_id,
        )

    def rename_session(self, session_id: str, name: str) -> dict[str, Any]:
        """Give a session another name; its id stays.

        Raises:
            RequestError: when that is no name.
            ConflictError: when a session of the project has that name, or any other session has it for an id.
        """
        name = naming.plain(name)
        with self._alone():
            found = self.session(session_id)
            others = [row for row in self.sessions() if row["id"] != found["id"]]
            if any(row["name"] == name and row["project"] == found["project"] for row in others):
                raise ConflictError(f"Session '{name}' is there already.", "A free name.", "Choose another name.")
            naming.refuse_ids(name, others)
            self._put_session(found["project"], found["id"], name, found["created_at"])
        return self.session(found["id"])

    def delete_session(self, session_id: str) -> None:
        """Delete a session that no run belongs to, and what was said in it.

        Raises:
            ConflictError: when runs belong to it.
        """
        from workbench.chat import log

        found = self.session(session_id)
        if found["runs"]:
            raise ConflictError(
                f"Session '{found['id']}' has {len(found['runs'])} run{'s' if len(found['runs']) > 1 else ''}.",
                "A session without runs.",
                "Delete its runs first: `workbench runs delete`.",
            )
        with self._alone():
            # Its file goes first: whoever talks in it meanwhile looks for that before a log is made anew.
            self.paths.session(found["project"], found["id"]).unlink(missing_ok=True)
            log.delete(self._conversation(found))
            self.database.delete(SessionRow, found["id"])

    def export_session(self, session_id: str) -> dict[str, Any]:
        """Return a session as one JSON-able record, without secrets and without paths of this machine.

        Returns:
            The session; its ``conversation`` with the config it led to and every turn; of each of its ``runs`` the
            spec, the state and, when there is one, the result.

        Raises:
            UnknownNameError: as ``session``.
        """
        from workbench.chat.redaction import redacted
        from workbench.chat.transcript import transcript

        found = self.session(session_id)
        runs = []
        for run_id in found["runs"]:
            complete = self.paths.run(run_id).result.is_file()
            runs.append(
                {
                    "spec": self.ledger.spec(run_id).model_dump(mode="json"),
                    "state": self.ledger.state(run_id).value,
                    "result": self.ledger.result(run_id).model_dump(mode="json") if complete else None,
                }
            )
        exported: dict[str, Any] = redacted({**found, "runs": runs})
        return {**exported, "conversation": transcript(self._conversation(found))}

    def names_on_disk(self) -> Sequence[str]:
        """Return the projects whose file is there, sorted."""
        return sorted(path.parent.name for path in self.paths.projects.glob("*/project.json"))

    def build_rows(self, name: str) -> Sequence[Base]:
        """Return the rows that a project's folder stands for."""
        rows: list[Base] = [ProjectRow(**storage.get_json(self.paths.project(name)))]
        folder = self.paths.session(name, "any").parent
        rows.extend(SessionRow(**storage.get_json(path)) for path in sorted(folder.glob("*.json")))
        return rows

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep every other process from making, naming and deleting projects and sessions for a moment.

        Raises:
            StorageError: when the folder cannot be made.
        """
        # The folder itself is locked: there is no lock file that somebody could delete.
        try:
            self.paths.projects.mkdir(parents=True, exist_ok=True)
            folder = os.open(self.paths.projects, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise storage_error(error, self.paths.projects) from error
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _find(self, project: str, name: str) -> str:
        """Return the id of the session of ``project`` that is called ``name``, or has it for an id; else nothing."""
        rows = self.sessions(project)
        found = [row for row in rows if row["id"] == name] or [row for row in rows if row["name"] == name]
        return str(found[0]["id"]) if found else ""

    def _conversation(self, session: Mapping[str, Any]) -> Path:
        return self.paths.conversation(session["project"], session["id"])

    def _put_session(self, project: str, session_id: str, name: str, created_at: str) -> None:
        record = {"id": session_id, "project": project, "name": name, "created_at": created_at}
        storage.put_json(self.paths.session(project, session_id), record)
        self.database.put(SessionRow(**record))
