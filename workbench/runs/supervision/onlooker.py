"""The dispatcher of a workspace that is open for reading only: it starts, settles and ends nothing.

What lives here: ``Onlooker``. What does not: what it leaves to others (``dispatcher``).
"""

from __future__ import annotations

from typing import NoReturn

from workbench.errors import ConflictError
from workbench.runs.ledger import Ledger
from workbench.runs.standing import Standing
from workbench.runs.supervision.dispatcher import Dispatcher


class Onlooker(Dispatcher):
    """Sees where runs stand, as their folders say it."""

    def submit(self, ledger: Ledger, run_id: str) -> NoReturn:
        """Refuse.

        Raises:
            ConflictError: always.
        """
        raise _refusal(ledger, f"Run '{run_id}' was not started")

    def cancel(self, ledger: Ledger, run_id: str, reason: str = "") -> NoReturn:
        """Refuse.

        Raises:
            ConflictError: always.
        """
        del reason
        raise _refusal(ledger, f"Run '{run_id}' was not cancelled")

    def look(self, ledger: Ledger) -> None:
        """Do nothing: whoever may write settles the runs."""

    def settle(self, ledger: Ledger, run_id: str) -> Standing:
        """Return where a run stands, without looking after it."""
        return ledger.standing(run_id)


def _refusal(ledger: Ledger, happened: str) -> ConflictError:
    return ConflictError(
        f"{happened}: the workspace '{ledger.paths.root}' is open for reading only.",
        "A process that opened it to work in it.",
        "Do it in JupyterLab, or on the command line.",
    )
