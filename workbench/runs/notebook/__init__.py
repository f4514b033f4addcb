"""Executing a notebook: papermill's engine, its kernel, its parameters, and what it printed."""
