"""Datasets that lie elsewhere: fetched once, only as far as needed, into the store that all jobs share.

What lives here: listing (``listing``), reading (``transport``, ``s3``, ``http``), fetching into the store (``fetch``),
the folder that looks like the remote one (``mirror``), and choosing (``selection``). What does not: what is in a
dataset (``formats``), the store (``store``), making packed shards (``pack``).

    with store.lease() as lease:
        found = remote.open("s3://bucket/pets", lease)
        found.fetch_metadata(folder)                              # labels are files, images are names
        content = formats.read(folder)
        found.fetch(Selection(splits=("val",)).paths(content, folder), folder)
"""

from __future__ import annotations

from workbench.datasets.remote.entries import LISTING, Entry, Refused
from workbench.datasets.remote.mirror import Remote, is_pending, mirror, open_remote, reopen
from workbench.datasets.remote.moved import Moved, Report
from workbench.datasets.remote.selection import Selection

open = open_remote  # noqa: A001 - `remote.open` is meant

__all__ = [
    "LISTING",
    "Entry",
    "Moved",
    "Refused",
    "Remote",
    "Report",
    "Selection",
    "is_pending",
    "mirror",
    "open",
    "reopen",
]
