"""Every rule by its id: ``RULES``, those that block first.

What lives here: the sum of the catalogue. What does not: the finding of faults (``formats``, ``scan``, ``lint``).
"""

from __future__ import annotations

from workbench.datasets.lint.catalogue.boxes import BOXES
from workbench.datasets.lint.catalogue.images import IMAGES
from workbench.datasets.lint.catalogue.labels import LABELS
from workbench.datasets.lint.catalogue.wholes import WHOLES
from workbench.datasets.lint.rules import index

RULES = index((*IMAGES, *LABELS, *BOXES, *WHOLES))
