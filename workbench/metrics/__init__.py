"""What happened in a run: append-only event logs, written by one process each and read by anyone."""
