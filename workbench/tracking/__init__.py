"""Trackers: outside systems that are fed from a run's own log, and may be slow, down or absent."""
