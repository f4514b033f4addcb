"""Runs: one execution of a job notebook each, recorded before it is launched."""
