"""What the chat asks about sessions: which there are, and opening, making, renaming, deleting and exporting one.

What lives here: these requests. What does not: the conversation in a session (``chat``), and the sessions themselves
(``projects``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from pydantic import Field

from workbench.errors import UnknownNameError
from workbench.widgets.state.messages import Nothing, Reply, Request, StateModel, answers

if TYPE_CHECKING:
    from workbench.conversations import Conversations
    from workbench.workspace import Workspace

_MANY = 200  # sessions that are listed: the newest


class SessionId(Request):
    """A session, by its id."""

    session: str


class NewSession(Request):
    """A name for a new session; empty takes the first that is free."""

    name: str = Field(default="", max_length=200)


class Renamed(Request):
    """A session and its new name."""

    session: str
    name: str = Field(max_length=200)


class SessionRequests(StateModel):
    """Answers for the sessions of a workspace.

    Args:
        workspace: see there.
        readonly: leaves out all that acts.
    """

    def __init__(self, workspace: Workspace, *, readonly: bool = False) -> None:
        super().__init__(readonly=readonly)
        self.workspace = workspace
        self.home: Conversations = workspace.conversations

    def go_to(self, session: str | None, project: str | None = None) -> None:
        """Talk in another session from now on; ``None`` is the day's."""
        raise NotImplementedError

    def place(self) -> dict[str, str]:
        """Return the session that is talked in: ``{"id", "name", "project"}``."""
        raise NotImplementedError

    @answers("sessions")
    def sessions(self, _request: Nothing) -> Reply:
        """Answer with the sessions, the one last talked in first."""
        rows = sorted(self.home.sessions(), key=lambda row: row["last_at"] or row["created_at"], reverse=True)
        return Reply({"sessions": rows[:_MANY], "left_out": max(0, len(rows) - _MANY), "here": self.place()["id"]})

    @answers("open")
    def open_session(self, request: SessionId) -> Reply:
        """Talk in a session that is there."""
        found = self.workspace.projects.session(request.session)
        self.go_to(found["id"], found["project"])
        return Reply(found["id"], python=f"chat = chat_view(ws, {found['id']!r})")

    @answers("new", acts=True)
    def new_session(self, request: NewSession) -> Reply:
        """Make a session and talk in it."""
        project = self.place()["project"]
        name = request.name.strip() or self._free_name(project)
        made = self.workspace.projects.open_session(project, name)
        self.go_to(made, project)
        return Reply(made, python=f"chat = chat_view(ws, {name!r})")

    @answers("rename", acts=True)
    def rename_session(self, request: Renamed) -> Reply:
        """Give a session another name."""
        found = self.workspace.projects.rename_session(request.session, request.name)
        self.tell_head()
        return Reply(found["name"], python=f"ws.projects.rename_session({request.session!r}, {request.name!r})")

    @answers("delete", acts=True)
    def delete_session(self, request: SessionId) -> Reply:
        """Delete a session that no run belongs to; whoever talked in it goes on in that of the day."""
        here = self.place()
        self.workspace.projects.delete_session(request.session)
        if here["id"] == request.session:
            self.go_to(None, here["project"])
        return Reply(python=f"ws.projects.delete_session({request.session!r})")

    @answers("export")
    def export_session(self, request: SessionId) -> Reply:
        """Answer with a session as one JSON file, without secrets and paths: its bytes are the buffer."""
        record = self.workspace.projects.export_session(request.session)
        data = orjson.dumps(record, option=orjson.OPT_INDENT_2)
        name = f"{record['id']}.json"
        return Reply({"name": name}, (data,), python=f"ws.projects.export_session({request.session!r})")

    def tell_head(self) -> None:
        """Tell all views what stands over the conversation."""

    def _free_name(self, project: str) -> str:
        """Return the day with the first number that no session has."""
        from workbench.projects.naming import day

        taken = {row[key] for row in self.workspace.projects.sessions() for key in ("id", "name")}
        names = (f"{day()} #{number}" for number in range(2, 10_000))
        found = next((name for name in names if name not in taken), None)
        if found is None:
            raise UnknownNameError(
                "No name is free for a session of today.", "Fewer than 9,998.", f"Name it ({project})."
            )
        return found
