"""How records reach the trackers: read from the log, handed to a process per tracker, acknowledged."""
