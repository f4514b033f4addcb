"""What is wrong with a dataset, said before a training starts: ``check``, ``Report``, ``RULES``.

What lives here: the three names. What does not: the reading of files (``formats``, ``scan``), whose issues are taken
in, and the search for duplicates (``similar``).
"""

from __future__ import annotations

from workbench.datasets.lint.catalogue import RULES
from workbench.datasets.lint.inspection import check
from workbench.datasets.lint.report import Finding, Report
from workbench.datasets.lint.rules import Rule

__all__ = ["RULES", "Finding", "Report", "Rule", "check"]
