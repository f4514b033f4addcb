"""Packed datasets: few big files instead of many small ones.

What lives here: the names. What does not: reading packs, which ``remote`` does.
"""

from __future__ import annotations

from workbench.datasets.packing.pack import Packed, collect, collect_content, pack

__all__ = ["Packed", "collect", "collect_content", "pack"]
