"""Bytes by what they are: one store of objects that all jobs of a machine share.

What lives here: objects under their sha256 (``store``), which source gave which object (``catalogue``), who still needs
what (``lease``), the locks between processes (``locks``), half-fetched big objects (``partial``) and making room
(``evict``). What does not: where the bytes come from (``remote``), what they mean.

    <root>/
      objects/<k[:2]>/<sha256>     read-only; their name is their content, so whoever opens one gets all of it
      index.db                     (uri, etag, size) -> sha256, sizes and last use
      leases/<job>                 what a living job needs, locked by it
      tmp/<job>/                   what that job is writing
      partial/<key>                big objects that are fetched in ranges, to go on with
      locks/                       the gate, and 256 stripes: who holds one fetches what falls into it

A lock is the kernel's (flock): it is free the moment its process is gone, however it went.
"""

from __future__ import annotations

from workbench.datasets.store.evict import Evicted
from workbench.datasets.store.lease import Lease
from workbench.datasets.store.store import Staged, Store, Usage

__all__ = ["Evicted", "Lease", "Staged", "Store", "Usage"]
