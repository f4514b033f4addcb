"""Projects and their sessions: what runs are filed under.

What lives here: the two of them (``collection``), and what a session may be called (``naming``). What does not: the
runs themselves (``runs``), and talking (``chat``).
"""

from __future__ import annotations

from workbench.projects.collection import DEFAULT, Projects

__all__ = ["DEFAULT", "Projects"]
