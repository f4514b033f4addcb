"""Schedules: what is run again and again, and when."""
