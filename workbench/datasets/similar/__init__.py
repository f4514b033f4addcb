"""Images that are there twice, and images that belong together.

What lives here: exact and near duplicates (``pairs``, from ``hashes``, ``neighbours`` and ``likeness``), groups
(``groups``), and the leaks that follow (``leaks``). What does not: splitting (``splits``), and what a rule says to
people (``lint``).
"""

from __future__ import annotations

from workbench.datasets.similar.groups import join, keys
from workbench.datasets.similar.leaks import leaks
from workbench.datasets.similar.pairs import Pairs, find

__all__ = ["Pairs", "find", "join", "keys", "leaks"]
