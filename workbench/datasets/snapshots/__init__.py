"""Snapshots: which bytes a training was given, by content.

What lives here: a dataset's manifest and root digest (``manifest``), hashing what changed (``hashing``), what differs
between two (``diff``) and getting one back (``rebuild``). What does not: the tree that training reads (``tree``).
"""
