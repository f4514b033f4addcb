"""What trackers are told of runs: the log as records, the process that feeds them, and what they know by now."""
