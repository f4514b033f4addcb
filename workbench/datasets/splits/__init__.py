"""Splits: which images a model learns from, and which it is measured by.

What lives here: sharing images out (``assignment``), so that each class is shared out evenly (``stratification``), and
how even it came out (``balance``). What does not: telling which images belong together (``similar``).
"""

from __future__ import annotations

from workbench.datasets.splits.assignment import assign, folds
from workbench.datasets.splits.balance import Balance, balance

__all__ = ["Balance", "assign", "balance", "folds"]
