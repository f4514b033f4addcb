"""The index: a dataset's tables on disk, made for looking through a million images.

What lives here: writing a ``Content`` as sorted Parquet files (``writer``, ``tables``), publishing them whole
(``generation``), pages, counts and histograms of them (``browse``, ``rows``, ``counts``), views (``views``,
``compiled``, ``chosen``) and SQL for people (``sql``). What does not: reading formats, pictures (``thumbs``).
"""

from __future__ import annotations

from workbench.datasets.index.browse import Index, Page
from workbench.datasets.index.writer import Writer, read, write, writing

__all__ = ["Index", "Page", "Writer", "read", "write", "writing"]
