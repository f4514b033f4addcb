"""Exports: a run's checkpoint in a format that serves, with a certificate that it answers like the checkpoint.

What lives here: the formats, the exporter and the certificate. What does not: running the exported model (``serving``).
"""
