"""Looking into image files: what they are, and what a training does with them.

What lives here: ``probe``, over all images of a dataset. What does not: where the files are, and what their labels
say (``formats``).
"""

from __future__ import annotations

from workbench.datasets.scan.probing import RULES, probe

__all__ = ["RULES", "probe"]
